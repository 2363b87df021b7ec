//! Memory of messages, and of senders that wait for room.

use std::pin::pin;
use std::sync::Arc;
use std::task::{self, Waker};
use std::time::Duration;

use tenure::prelude::*;
use tokio::task::yield_now;

use crate::harness::{Does, Msg, Woken, Work, held, in_one_handler, poll_and_drop};
use crate::{FEW, ROUNDS, flat};

#[test]
fn asks_that_are_given_up() {
    flat(in_one_handler(|ctx| {
        Box::pin(async {
            let (busy, _hold) = held(ctx, 4).await;
            let idle = ctx.spawn(Does).unwrap();
            let recipient: Recipient<ReplyTo<()>> = idle.recipient();
            for _ in 0..ROUNDS {
                poll_and_drop(busy.ask(Msg::Ask));
                poll_and_drop(busy.ask(Msg::Ask).timeout(Duration::from_secs(1)));
                poll_and_drop(idle.ask(Msg::Ask));
                poll_and_drop(recipient.ask(|reply| reply));
                yield_now().await;
            }
        })
    }));
}

#[test]
fn waits_for_room() {
    flat(async {
        let system = System::start().unwrap();
        let (full, hold) = held(&system, 1).await;
        full.try_tell(Msg::Nothing).unwrap();
        let recipient: Recipient<()> = full.recipient();
        // Somebody waits in the line all the time.
        let mut waits = Box::pin(full.tell(Msg::Nothing));
        let waker = Waker::from(Arc::new(Woken));
        assert!(
            waits
                .as_mut()
                .poll(&mut task::Context::from_waker(&waker))
                .is_pending()
        );
        for _ in 0..ROUNDS {
            assert!(full.try_tell(Msg::Nothing).is_err());
            assert!(recipient.try_tell(()).is_err());
            poll_and_drop(full.tell(Msg::Nothing));
            poll_and_drop(full.tell(Msg::Nothing).timeout(Duration::from_secs(1)));
            poll_and_drop(full.reserve());
            poll_and_drop(recipient.tell(()));
            // tokio keeps a task that has used up its budget until this task yields.
            yield_now().await;
        }
        drop((waits, hold));
        system.stop().await.unwrap();
    });
}

/// A wait that would be a cycle, if no room were reserved, is marked to be checked again later.
#[test]
fn waits_for_room_that_is_reserved() {
    flat(async {
        let system = System::start().unwrap();
        let spec = ChildSpec::new(Does).mailbox(Mailbox::bounded(1));
        let actor = system.spawn(spec).unwrap();
        let (go, gone) = tokio::sync::oneshot::channel::<()>();
        let work: Work = Box::new(|ctx| {
            Box::pin(async {
                gone.await.unwrap();
                let me = ctx.me();
                for _ in 0..ROUNDS {
                    poll_and_drop(me.tell(Msg::Nothing));
                    yield_now().await;
                }
            })
        });
        actor.tell(Msg::Do(work)).await.unwrap();
        let permit = actor.reserve().await.unwrap();
        go.send(()).unwrap();
        tokio::time::sleep(Duration::from_millis(1)).await;
        drop(permit);
        actor.ask(Msg::Ask).await.unwrap();
        system.stop().await.unwrap();
    });
}

#[test]
fn permits_that_are_not_used() {
    flat(async {
        let system = System::start().unwrap();
        let actor = system
            .spawn(ChildSpec::new(Does).mailbox(Mailbox::bounded(1)))
            .unwrap();
        for _ in 0..ROUNDS {
            drop(actor.reserve().await.unwrap());
        }
        system.stop().await.unwrap();
    });
}

#[test]
fn replies_that_one_handler_drops() {
    flat(async {
        let system = System::start().unwrap();
        let actor = system.spawn(Drops).unwrap();
        actor.tell(None).await.unwrap();
        yield_now().await;
        for _ in 0..ROUNDS {
            let mut ask = pin!(actor.ask(Some));
            let waker = Waker::from(Arc::new(Woken));
            assert!(
                ask.as_mut()
                    .poll(&mut task::Context::from_waker(&waker))
                    .is_pending()
            );
            // The actor has taken the message by now. Then the caller goes.
            yield_now().await;
        }
        system.kill().await.unwrap();
    });
}

/// Takes all messages in one handler, and drops them.
struct Drops;

impl Actor for Drops {
    type Msg = Option<ReplyTo<()>>;

    async fn handle(&mut self, _: Self::Msg, ctx: &mut Context<Self>) -> tenure::Result {
        loop {
            drop(ctx.try_next());
            yield_now().await;
        }
    }
}

#[test]
fn dead_letters() {
    flat(async {
        let system = System::builder().on_dead_letter(|_| ()).start().unwrap();
        for _ in 0..FEW {
            let (busy, hold) = held(&system, 8).await;
            for _ in 0..4 {
                busy.try_tell(Msg::Nothing).unwrap();
                poll_and_drop(busy.ask(Msg::Ask));
            }
            let stopping = busy.stop();
            drop(hold);
            stopping.await.unwrap();
        }
        assert_eq!(system.dead_letters(), 4 * FEW as u64);
        system.stop().await.unwrap();
    });
}
