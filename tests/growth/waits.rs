//! Memory of waits that are given up, and of orders.

use std::future::pending;
use std::pin::pin;
use std::task::{self, Waker};
use std::time::Duration;

use tenure::prelude::*;

use crate::harness::{Does, Msg, held, in_one_handler, poll_and_drop};
use crate::{BAR, FEWER, ROUNDS, common, flat, within};

#[test]
fn waits_for_an_end() {
    flat(async {
        let system = System::start().unwrap();
        let actor = system.spawn(Does).unwrap();
        for _ in 0..ROUNDS {
            poll_and_drop(actor.stopped());
            poll_and_drop(actor.stopped().timeout(Duration::from_secs(1)));
        }
        system.stop().await.unwrap();
    });
}

#[test]
fn waits_for_an_end_in_a_handler() {
    flat(in_one_handler(|ctx| {
        Box::pin(async {
            let child = ctx.spawn(Does).unwrap();
            let task = ctx.task(pending::<()>()).unwrap().node();
            for _ in 0..ROUNDS {
                poll_and_drop(child.stopped());
                poll_and_drop(task.stopped().even_if_cyclic());
            }
        })
    }));
}

#[test]
fn waits_for_a_caller_to_go() {
    flat(in_one_handler(|ctx| {
        Box::pin(async {
            let other = ctx.spawn(Does).unwrap();
            let (replies, taken) = std::sync::mpsc::channel();
            let mut ask = pin!(other.ask(|reply| {
                replies.send(reply).unwrap();
                Msg::Nothing
            }));
            let waker = Waker::noop();
            assert!(
                ask.as_mut()
                    .poll(&mut task::Context::from_waker(waker))
                    .is_pending()
            );
            let reply: ReplyTo<()> = taken.recv().unwrap();
            for _ in 0..ROUNDS {
                poll_and_drop(reply.gone());
            }
        })
    }));
}

#[test]
fn waits_for_the_caller_of_a_message_to_go() {
    for limited in [false, true] {
        flat(async move {
            let system = System::start().unwrap();
            let actor = system.spawn(Watches).unwrap();
            let ask = actor.ask(|reply| reply);
            let ask = if limited {
                ask.timeout(Duration::MAX)
            } else {
                ask
            };
            ask.await.unwrap();
            system.stop().await.unwrap();
        });
    }
}

/// Polls again and again whether its caller has gone.
struct Watches;

impl Actor for Watches {
    type Msg = ReplyTo<()>;

    async fn handle(&mut self, reply: ReplyTo<()>, ctx: &mut Context<Self>) -> tenure::Result {
        for _ in 0..ROUNDS {
            poll_and_drop(ctx.caller_gone());
            poll_and_drop(ctx.until_caller_gone(pending::<()>()));
        }
        reply.send(());
        Ok(())
    }
}

/// Of each message another caller is waited for, also where the message was handed on.
#[test]
fn waits_for_the_callers_of_many_messages_to_go() {
    flat(async {
        let system = System::start().unwrap();
        let last = system.spawn(HandsOn(None)).unwrap();
        let first = system.spawn(HandsOn(Some(last.clone()))).unwrap();
        for _ in 0..FEWER {
            last.ask(|reply| reply).await.unwrap();
            first.ask(|reply| reply).await.unwrap();
        }
        system.stop().await.unwrap();
    });
}

/// Hands on what it is asked, or looks whether the caller has gone and replies.
struct HandsOn(Option<ActorRef<ReplyTo<()>>>);

impl Actor for HandsOn {
    type Msg = ReplyTo<()>;

    async fn handle(&mut self, reply: ReplyTo<()>, ctx: &mut Context<Self>) -> tenure::Result {
        poll_and_drop(ctx.caller_gone());
        match &self.0 {
            Some(next) => ctx.forward(next, reply).await?,
            None => reply.send(()),
        }
        Ok(())
    }
}

#[test]
fn tokens() {
    flat(in_one_handler(|ctx| {
        Box::pin(async {
            for _ in 0..ROUNDS {
                poll_and_drop(ctx.cancelled());
                poll_and_drop(ctx.token().cancelled());
                poll_and_drop(ctx.token().child_token().cancelled_owned());
            }
        })
    }));
}

#[test]
fn orders_for_one_node() {
    flat(async {
        let system = System::builder()
            .child_grace(Duration::MAX)
            .start()
            .unwrap();
        let (busy, hold) = held(&system, 1).await;
        for round in 0..ROUNDS {
            let limit = Duration::from_secs(1_000 + round as u64 % 7);
            poll_and_drop(busy.stop().within(limit));
            poll_and_drop(busy.drain());
        }
        drop(hold);
        system.stop().await.unwrap();
    });
}

/// On a runtime of several threads, waits that last are listed with their system.
#[test]
fn waits_that_last() {
    let runtime = common::workers(2);
    within(BAR, &runtime, async {
        let system = System::builder()
            .child_grace(Duration::MAX)
            .start()
            .unwrap();
        let task = system.task_with(|_| pending::<()>()).unwrap().node();
        for _ in 0..ROUNDS {
            poll_and_drop(task.stop());
        }
        system.kill().await.unwrap();
    });
}
