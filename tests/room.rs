//! Who has a claim on the room in a mailbox, and that it is given back exactly once.

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::Duration;

use allocation_counter::measure;
use common::node::{Gate, Msg, Node, hold, note, run};
use common::{Check, Log, paused, settled};
use tenure::prelude::*;
use tenure::{Permit, SendError, Spawner, StopReason};
use tokio::sync::oneshot;
use tokio::time::sleep;

const SECOND: Duration = Duration::from_secs(1);

fn poll<F: Future + Unpin>(mut future: F) -> Poll<F::Output> {
    pin!(&mut future).poll(&mut TaskContext::from_waker(Waker::noop()))
}

/// A node whose mailbox has room for one message.
fn narrow(check: &Check, log: &Log) -> ChildSpec<Node> {
    ChildSpec::new(Node::new(check, log)).mailbox(Mailbox::bounded(1))
}

#[test]
fn recipient_that_tries_in_vain_leaves_nothing() {
    paused(async |check| {
        tenure::scope(async |scope| {
            let log = Log::default();
            let node = scope.spawn(narrow(&check, &log))?;
            let gate = hold(&node).await;
            node.try_tell(note("first"))?;
            let mut waits = node.tell(note("second"));
            assert!(poll(&mut waits).is_pending());
            let recipient: Recipient<String> = node.recipient();
            let left = measure(|| {
                for _ in 0..1_000 {
                    assert!(recipient.try_tell(String::new()).unwrap_err().is_full());
                }
            });
            assert_eq!(left.bytes_current, 0);
            gate.open();
            waits.await?;
            node.drain().await?;
            assert_eq!(log.entries(), ["first", "second"]);
            Ok(())
        })
        .await
        .unwrap();
    });
}

/// A value that becomes a message of a [`Taker`] in an unusual way.
enum Odd {
    Panics,
    /// The actor begins to drain during the conversion. The message comes too late, and panics when it is dropped.
    TooLate(ActorRef<Bomb>),
}

struct Bomb(bool);

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(!self.0, "a bomb");
    }
}

impl From<Odd> for Bomb {
    fn from(odd: Odd) -> Self {
        match odd {
            Odd::Panics => panic!("no message"),
            Odd::TooLate(actor) => {
                drop(actor.drain());
                Self(true)
            }
        }
    }
}

struct Taker(Arc<Gate>);

impl Actor for Taker {
    type Msg = Bomb;

    async fn handle(&mut self, _: Bomb, _: &mut Context<Self>) -> tenure::Result {
        self.0.reach();
        self.0.opened().await;
        Ok(())
    }
}

#[test]
fn room_is_given_back_once_whatever_panics_in_between() {
    paused(async |_| {
        tenure::scope(async |scope| {
            let gate = Arc::new(Gate::default());
            let spec = ChildSpec::new(Taker(Arc::clone(&gate))).mailbox(Mailbox::bounded(1));
            let taker = scope.spawn(spec)?;
            taker.tell(Bomb(false)).await?;
            gate.reached().await;
            let recipient: Recipient<Odd> = taker.recipient();
            let send = |odd| catch_unwind(AssertUnwindSafe(|| recipient.try_tell(odd).is_ok()));
            assert!(send(Odd::Panics).is_err());
            // The room is free again.
            assert!(poll(&mut pin!(taker.reserve())).is_ready());
            // The message had its room, so it is a dead letter. The panic of its drop is nobody's failure (rule 8).
            let too_late = send(Odd::TooLate(taker.clone()));
            assert!(too_late.expect("nothing panics outward"));
            gate.open();
            assert!(matches!(taker.drain().await?, StopReason::Drained));
            Ok(())
        })
        .await
        .unwrap();
    });
}

/// Drains an actor whose only room is claimed from outside, while one of its own pipes has a message to deliver.
fn pipe_of_a_draining_actor(claim: impl AsyncFn(&ActorRef<Msg>)) {
    paused(async |check| {
        tenure::scope(async |scope| {
            let log = Log::default();
            let node = scope.spawn(narrow(&check, &log))?;
            node.tell(run(|ctx| {
                ctx.pipe(sleep(SECOND), |()| note("piped")).unwrap();
            }))
            .await?;
            claim(&node).await;
            assert!(matches!(node.stopped().await?, StopReason::Drained));
            assert_eq!(log.entries(), ["piped"]);
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn permit_held_outside_takes_no_room_from_a_drain() {
    pipe_of_a_draining_actor(async |node| {
        let permit = node.reserve().await.unwrap();
        drop(node.drain());
        sleep(2 * SECOND).await;
        assert!(matches!(
            permit.send(note("late")),
            Err(SendError::Stopped(_))
        ));
    });
}

#[test]
fn granted_tell_held_outside_takes_no_room_from_a_drain() {
    pipe_of_a_draining_actor(async |node| {
        let gate = hold(node).await;
        node.try_tell(run(|_| ())).unwrap();
        let mut tell = node.tell(note("late"));
        assert!(poll(&mut tell).is_pending());
        gate.open();
        sleep(SECOND / 2).await;
        // It has been granted the room, and is not polled.
        drop(node.drain());
        sleep(2 * SECOND).await;
        assert!(tell.await.is_err());
    });
}

/// Reserves the only room of an actor from beneath the actor, which is in a handler, and gives the permit away.
fn permit_from_beneath(
    then: impl AsyncFn(&ActorRef<Msg>, Spawner, Permit<'static, Msg>, Arc<Gate>),
) {
    paused(async |check| {
        tenure::scope(async |scope| {
            let log = Log::default();
            let node = scope.spawn(narrow(&check, &log))?;
            let spawner = spawner_of(&node).await;
            node.tell(run(|ctx| {
                ctx.pipe(sleep(SECOND), |()| note("piped")).unwrap();
            }))
            .await?;
            let gate = hold(&node).await;
            // A permit borrows the reference, and this one has to outlive its task.
            let kept: &'static ActorRef<Msg> = Box::leak(Box::new(node.clone()));
            let (send, receive) = oneshot::channel();
            spawner.task(async move {
                let permit = kept.reserve().await.unwrap();
                assert!(send.send(permit).is_ok());
            })?;
            let permit = receive.await?;
            then(&node, spawner, permit, gate).await;
            assert!(matches!(node.stopped().await?, StopReason::Drained));
            assert!(log.entries().contains(&String::from("piped")));
            Ok(())
        })
        .await
        .unwrap();
    });
}

async fn spawner_of(node: &ActorRef<Msg>) -> Spawner {
    let (send, receive) = oneshot::channel();
    node.tell(run(|ctx| drop(send.send(ctx.spawner()))))
        .await
        .unwrap();
    receive.await.unwrap()
}

/// What counts is who holds the permit, and not who reserved it.
#[test]
fn permit_from_beneath_that_is_held_outside_takes_no_room_from_a_drain() {
    permit_from_beneath(async |node, _, permit, gate| {
        gate.open();
        drop(node.drain());
        sleep(2 * SECOND).await;
        let sent = permit.send(note("late"));
        assert!(matches!(sent, Err(SendError::Stopped(_))));
    });
}

/// A holder that may still send was promised room, and takes it beyond the capacity if necessary.
#[test]
fn permit_from_beneath_is_good_in_a_drain() {
    permit_from_beneath(async |node, spawner, permit, gate| {
        let task = spawner.task(async move {
            sleep(2 * SECOND).await;
            assert!(permit.send(note("sent")).is_ok());
        });
        let task = task.unwrap();
        drop(node.drain());
        sleep(3 * SECOND).await;
        assert!(task.await.is_ok());
        assert_eq!(node.node().backlog(), 2);
        gate.open();
    });
}

#[test]
fn wait_for_room_is_looked_at_again_when_a_reservation_is_used() {
    paused(async |check| {
        tenure::scope(async |scope| {
            let teller = scope
                .spawn(ChildSpec::new(SelfTeller(check.guard())).mailbox(Mailbox::bounded(1)))?;
            for is_used in [true, false] {
                let told = teller.ask(SelfTold::Tell).owned();
                let told = scope.task(async move { Ok::<_, tenure::Error>(told.await) })?;
                settled().await;
                let permit = teller.reserve().await?;
                sleep(SECOND).await;
                if is_used {
                    permit.send(SelfTold::Nothing)?;
                    assert_eq!(told.await?, Ok(true), "a cycle is named");
                } else {
                    drop(permit);
                    assert_eq!(told.await?, Ok(false), "it has room");
                }
            }
            Ok(())
        })
        .await
        .unwrap();
    });
}

/// Tells itself once somebody else has the room. Replies whether that was refused as a cycle.
struct SelfTeller(#[expect(dead_code, reason = "it is counted")] common::Guard);

enum SelfTold {
    Tell(ReplyTo<bool>),
    Nothing,
}

impl Actor for SelfTeller {
    type Msg = SelfTold;

    async fn handle(&mut self, msg: SelfTold, ctx: &mut Context<Self>) -> tenure::Result {
        if let SelfTold::Tell(reply) = msg {
            sleep(SECOND / 2).await;
            let told = ctx.me().tell(SelfTold::Nothing).await;
            reply.send(matches!(told, Err(SendError::Deadlock(..))));
        }
        Ok(())
    }
}

#[test]
fn blocking_tells_in_a_task_of_tokios_go_on() {
    paused(async |check| {
        tenure::scope(async |scope| {
            let log = Log::default();
            let spec = ChildSpec::new(Node::new(&check, &log)).mailbox(Mailbox::unbounded());
            let node = scope.spawn(spec)?;
            let told = node.clone();
            let task = scope.task(async move {
                for _ in 0..1_000 {
                    told.blocking_tell(note("told")).unwrap();
                }
            })?;
            task.await?;
            node.drain().await?;
            assert_eq!(log.entries().len(), 1_000);
            Ok(())
        })
        .await
        .unwrap();
    });
}
