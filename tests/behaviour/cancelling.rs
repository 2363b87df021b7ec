//! Work that ends with its caller.

use crate::common;

use std::future::pending;
use std::pin::pin;
use std::task::{Context as TaskContext, Waker};
use std::time::Duration;

use common::node::{Msg, Node, hold, run, run_in};
use common::{Check, Count, Guard, Log, paused};
use tenure::prelude::*;
use tokio::time::Instant;

const LIMIT: Duration = Duration::from_secs(3);

/// Asks the next hop under `until_caller_gone`; the last one hangs.
struct Hop {
    next: Option<ActorRef<ReplyTo<u32>>>,
    name: &'static str,
    log: Log,
    check: Check,
    handled: u32,
    _guard: Guard,
}

impl Actor for Hop {
    type Msg = ReplyTo<u32>;

    async fn handle(&mut self, reply: Self::Msg, ctx: &mut Context<Self>) -> tenure::Result {
        self.log.push(format!("{} started", self.name));
        let in_work = self.check.guard();
        let handled = &mut self.handled;
        let next = self.next.clone();
        let work = async move {
            *handled += 1;
            let _in_work = in_work;
            match next {
                Some(next) => next.ask(|reply| reply).no_deadline().await,
                None => pending().await,
            }
        };
        match ctx.until_caller_gone(work).await {
            Some(value) => reply.send(value?),
            None => self.log.push(format!("{} gave up", self.name)),
        }
        Ok(())
    }
}

fn hop(name: &'static str, next: Option<ActorRef<ReplyTo<u32>>>, log: &Log, check: &Check) -> Hop {
    Hop {
        next,
        name,
        log: log.clone(),
        check: check.clone(),
        handled: 0,
        _guard: check.guard(),
    }
}

#[test]
fn ask_timeout_cancels_the_work() {
    paused(async |check| {
        tenure::scope(async |scope| {
            let log = Log::default();
            let third = scope.spawn(hop("third", None, &log, &check))?;
            let second = scope.spawn(hop("second", Some(third.clone()), &log, &check))?;
            let first = scope.spawn(hop("first", Some(second), &log, &check))?;
            let begin = Instant::now();
            let (started, queued) = tokio::join!(
                first.ask(|reply| reply).timeout(LIMIT),
                first.ask(|reply| reply).timeout(LIMIT / 3),
            );
            assert_eq!(
                started,
                Err(AskError::TimedOut {
                    started: true,
                    inherited: false
                })
            );
            assert_eq!(
                queued,
                Err(AskError::TimedOut {
                    started: false,
                    inherited: false
                })
            );
            first.drain().await?;
            third.drain().await?;
            assert_eq!(begin.elapsed(), LIMIT, "all end at once");
            let mut entries = log.entries();
            assert_eq!(
                entries[..3],
                ["first started", "second started", "third started"]
            );
            entries.sort();
            assert_eq!(entries.len(), 6, "{entries:?}");
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn forwarded_ask_keeps_its_caller() {
    struct Front(ActorRef<ReplyTo<u32>>);
    impl Actor for Front {
        type Msg = ReplyTo<u32>;
        async fn handle(&mut self, reply: Self::Msg, _: &mut Context<Self>) -> tenure::Result {
            Ok(self.0.forward(reply, |reply| reply).await?)
        }
    }
    paused(async |check| {
        tenure::scope(async |scope| {
            let log = Log::default();
            let back = scope.spawn(hop("back", None, &log, &check))?;
            let front = scope.spawn(Front(back.clone()))?;
            // The second ask is in the queue of `back` when its caller goes, and is skipped.
            let (first, second) = tokio::join!(
                front.ask(|reply| reply).timeout(LIMIT),
                front.ask(|reply| reply).timeout(LIMIT / 3),
            );
            assert_eq!(
                first,
                Err(AskError::TimedOut {
                    started: true,
                    inherited: false
                })
            );
            assert_eq!(
                second,
                Err(AskError::TimedOut {
                    started: true,
                    inherited: false
                })
            );
            back.drain().await?;
            assert_eq!(log.entries(), ["back started", "back gave up"]);
            Ok(())
        })
        .await
        .unwrap();
    });
}

/// Queues an ask that is given up before it is started. The next message comes from a timer, and must have no caller.
fn timer_after_a_skipped_ask(with_limit: bool) {
    paused(async |check| {
        tenure::scope(async |scope| {
            let looked = Count::default();
            let node = scope.spawn(Node::new(&check, &Log::default()))?;
            let look = {
                let looked = looked.clone();
                run(move |ctx| {
                    let cx = &mut TaskContext::from_waker(Waker::noop());
                    assert!(pin!(ctx.caller_gone()).poll(cx).is_pending());
                    assert_eq!(ctx.deadline(), None);
                    looked.add();
                })
            };
            run_in(&node, |ctx| drop(ctx.send_after(2 * LIMIT, look))).await;
            let gate = hold(&node).await;
            let ask = node.ask(Msg::Ping);
            if with_limit {
                let asked = ask.timeout(LIMIT).await;
                assert_eq!(
                    asked,
                    Err(AskError::TimedOut {
                        started: false,
                        inherited: false
                    })
                );
            } else {
                let asked = tokio::time::timeout(LIMIT, ask).await;
                assert!(asked.is_err(), "it is dropped");
            }
            gate.open();
            tokio::time::sleep(2 * LIMIT).await;
            assert_eq!(looked.get(), 1);
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn message_of_a_timer_has_no_caller_after_an_ask_that_timed_out() {
    timer_after_a_skipped_ask(true);
}

#[test]
fn message_of_a_timer_has_no_caller_after_an_ask_that_was_dropped() {
    timer_after_a_skipped_ask(false);
}
