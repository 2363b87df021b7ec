//! Memory of sources of messages.

use std::pin::Pin;
use std::task::{self, Poll};
use std::time::Duration;

use tenure::prelude::*;

use crate::harness::{Does, Msg, Work, in_one_handler};
use crate::{FEWER, ROUNDS, flat};

#[test]
fn sources_that_are_cancelled() {
    flat(async {
        let system = System::start().unwrap();
        let actor = system.spawn(Does).unwrap();
        for _ in 0..FEWER {
            let work: Work = Box::new(|ctx| {
                ctx.send_after(Duration::MAX, Msg::Nothing).cancel();
                ctx.send_every(Duration::from_secs(1), || Msg::Nothing)
                    .cancel();
                drop(ctx.receive_timeout(Duration::from_secs(1), || Msg::Nothing));
                ctx.watch(&ctx.spawner().children()[0], |_| Msg::Nothing)
                    .unwrap()
                    .cancel();
                Box::pin(async {})
            });
            let first: Work = Box::new(|ctx| {
                if ctx.children().is_empty() {
                    ctx.spawn(Does).unwrap();
                }
                work(ctx)
            });
            actor.tell(Msg::Do(first)).await.unwrap();
            actor.ask(Msg::Ask).await.unwrap();
        }
        system.stop().await.unwrap();
    });
}

#[test]
fn sources_that_one_handler_cancels() {
    flat(in_one_handler(|ctx| {
        Box::pin(async {
            let child = ctx.spawn(Does).unwrap();
            // One source stays, in front of all others.
            drop(ctx.send_after(Duration::MAX, Msg::Nothing));
            for _ in 0..ROUNDS {
                ctx.send_after(Duration::MAX, Msg::Nothing).cancel();
                ctx.receive_timeout(Duration::MAX, || Msg::Nothing).cancel();
                ctx.watch(&child, |_| Msg::Nothing).unwrap().cancel();
                drop(ctx.receive_timeout(Duration::from_secs(1), || Msg::Nothing));
            }
        })
    }));
}

/// The source would be polled next, but its actor ends first.
#[test]
fn sources_of_actors_that_end_at_once() {
    flat(async {
        let system = System::start().unwrap();
        for _ in 0..FEWER {
            let actor = system.spawn(Does).unwrap();
            let work: Work = Box::new(|ctx| {
                drop(ctx.send_after(Duration::MAX, Msg::Nothing));
                ctx.stop();
                Box::pin(async {})
            });
            actor.tell(Msg::Do(work)).await.unwrap();
            actor.stopped().await.unwrap();
        }
        system.stop().await.unwrap();
    });
}

#[test]
fn work_beside_the_mailbox() {
    flat(async {
        let system = System::start().unwrap();
        let actor = system.spawn(Does).unwrap();
        for _ in 0..FEWER {
            let work: Work = Box::new(|ctx| {
                ctx.pipe(async {}, |()| Msg::Nothing).unwrap();
                drop(ctx.task_with(|_| async {}).unwrap());
                drop(ctx.attach(Empty, |()| Msg::Nothing));
                Box::pin(async {})
            });
            actor.tell(Msg::Do(work)).await.unwrap();
            actor.ask(Msg::Ask).await.unwrap();
            actor.ask(Msg::Ask).await.unwrap();
        }
        system.stop().await.unwrap();
    });
}

/// A stream that is never ready.
struct Empty;

impl futures_core::Stream for Empty {
    type Item = ();

    fn poll_next(self: Pin<&mut Self>, _: &mut task::Context<'_>) -> Poll<Option<()>> {
        Poll::Ready(None)
    }
}
