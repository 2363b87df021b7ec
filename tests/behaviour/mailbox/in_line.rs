//! Those who stand in the line for room: who is woken, and what becomes of them when the actor ends.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::{in_scope, poll};
use crate::common::node::{Gate, Msg, Node, hold, note, run_in};
use crate::common::{Check, Log, poll_unwoken, settled};
use tenure::prelude::*;
use tokio::join;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

const SECOND: Duration = Duration::from_secs(1);

type Begun<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// An actor that is held in a handler, with so many messages behind that.
async fn full(
    scope: &Scope,
    (check, log): (&Check, &Log),
    capacity: usize,
) -> (ActorRef<Msg>, Arc<Gate>) {
    let spec = ChildSpec::new(Node::new(check, log)).mailbox(Mailbox::bounded(capacity));
    let actor = scope.spawn(spec).unwrap();
    let gate = hold(&actor).await;
    for _ in 0..capacity {
        actor.try_tell(note("queued")).unwrap();
    }
    (actor, gate)
}

/// Whoever has polled it last is to be woken.
#[test]
fn sender_that_goes_on_elsewhere_is_woken_there() {
    in_scope(async |scope, check| {
        let (actor, gate) = full(scope, (check, &Log::default()), 1).await;
        let mut tell = actor.tell(note("late"));
        assert!(poll(&mut tell).is_pending());
        let begin = Instant::now();
        let opens = async { gate.open() };
        let (told, ()) = join!(timeout(SECOND, tell), opens);
        assert!(matches!(told, Ok(Ok(()))), "{told:?}");
        assert_eq!(begin.elapsed(), Duration::ZERO);
    });
}

/// The one behind it is started at once, and its room is free.
#[test]
fn message_that_is_skipped_keeps_no_sender_in_the_line() {
    in_scope(async |scope, check| {
        let spec = ChildSpec::new(Node::new(check, &Log::default()));
        let actor = scope.spawn(spec.mailbox(Mailbox::bounded(2))).unwrap();
        let (first, second) = (hold(&actor).await, Arc::new(Gate::default()));
        let mut ask = Box::pin(actor.ask(Msg::Ping));
        assert!(poll(&mut ask).is_pending());
        actor.try_tell(Msg::Hold(Arc::clone(&second))).unwrap();
        let mut tells = [actor.tell(note("one")), actor.tell(note("another"))];
        assert!(tells.iter_mut().all(|tell| poll(tell).is_pending()));
        drop(ask);
        first.open();
        second.reached().await;
        for tell in &mut tells {
            assert!(matches!(poll(tell), Poll::Ready(Ok(()))));
        }
        second.open();
    });
}

#[test]
fn ask_is_skipped_when_its_caller_has_gone_whoever_has_left_the_line() {
    in_scope(async |scope, check| {
        let spec = ChildSpec::new(Node::new(check, &Log::default()));
        let actor = scope.spawn(spec.mailbox(Mailbox::bounded(1))).unwrap();
        let gate = hold(&actor).await;
        let mut ask = Box::pin(actor.ask(Msg::Ping));
        assert!(poll(&mut ask).is_pending());
        let mut tell = actor.tell(note("late"));
        assert!(poll(&mut tell).is_pending());
        drop(ask);
        drop(tell);
        gate.open();
        settled().await;
        assert_eq!(actor.node().snapshot().nodes[0].handled, 1);
    });
}

/// Tells its owner something, and logs whether that was taken.
struct Beneath(ActorRef<Msg>, Log);

impl Actor for Beneath {
    type Msg = ();

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        let told = self.0.tell(note("from beneath")).await;
        self.1.push(format!("taken: {}", told.is_ok()));
        Ok(())
    }
}

/// A stop closes the mailbox to all, and a drain to those who are not beneath the actor.
#[test]
fn those_who_may_no_longer_send_leave_the_line_at_once() {
    for drains in [false, true] {
        in_scope(async |scope, check| {
            let log = Log::default();
            let (actor, gate) = full(scope, (check, &log), 1).await;
            let spawner = {
                let (to, lent) = oneshot::channel();
                gate.open();
                run_in(&actor, move |ctx| drop(to.send(ctx.spawner()))).await;
                lent.await.unwrap()
            };
            let gate = hold(&actor).await;
            actor.try_tell(note("queued")).unwrap();
            let beneath = spawner.spawn(Beneath(actor.clone(), log.clone())).unwrap();
            beneath.tell(()).await.unwrap();
            settled().await;
            let from = log.entries().len();
            let begin = Instant::now();
            let ends = async {
                drop(match drains {
                    true => actor.drain(),
                    false => actor.stop(),
                });
            };
            let (told, ()) = join!(timeout(SECOND, actor.tell(note("late"))), ends);
            assert!(matches!(told, Ok(Err(SendError::Stopped(_)))), "{told:?}");
            assert_eq!(begin.elapsed(), Duration::ZERO);
            settled().await;
            match drains {
                true => assert_eq!(log.entries()[from..], [""; 0]),
                false => assert_eq!(log.entries()[from..], ["taken: false"]),
            }
            gate.open();
            actor.stopped().await.unwrap();
            if drains {
                let expected = ["queued", "taken: true", "from beneath"];
                assert_eq!(log.entries()[from..], expected);
            }
        });
    }
}

/// It was sent away when the drain began, and may send where it goes on.
#[test]
fn sender_that_goes_on_beneath_a_draining_actor_begins_again() {
    in_scope(async |scope, check| {
        let log = Log::default();
        let spec = ChildSpec::new(Node::new(check, &log)).mailbox(Mailbox::bounded(1));
        let actor = scope.spawn(spec).unwrap();
        let (to, given) = oneshot::channel::<Begun<tenure::Result>>();
        let (ended, end) = oneshot::channel();
        run_in(&actor, move |ctx| {
            let telling = async move {
                let told = given.await?.await;
                ended.send(told.is_ok()).unwrap();
                tenure::Ok(())
            };
            drop(ctx.task(telling).unwrap());
        })
        .await;
        let gate = hold(&actor).await;
        actor.try_tell(note("queued")).unwrap();
        let own = actor.clone();
        let mut telling: Begun<_> = Box::pin(async move { Ok(own.tell(note("late")).await?) });
        assert!(poll_unwoken(&mut telling).is_pending());
        let draining = actor.drain();
        assert!(to.send(telling).is_ok());
        settled().await;
        gate.open();
        draining.await.unwrap();
        assert!(end.await.unwrap());
        assert_eq!(log.entries(), ["queued", "late"]);
    });
}
