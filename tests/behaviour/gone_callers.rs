//! A wait for a caller to go ends once the caller has gone, whenever that was, and leaves nothing behind when it is
//! dropped.

use crate::common;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context as Polling, Wake, Waker};
use std::time::Duration;

use common::node::{self, Node, hold, note};
use common::{Log, paused, settled};
use tenure::CallerGone;
use tenure::prelude::*;
use tokio::time::{sleep, timeout};

const SECOND: Duration = Duration::from_secs(1);

/// Which of the two ways to wait for the caller is used.
#[derive(Clone, Copy)]
enum Of {
    Context,
    Reply,
}

enum Msg {
    /// Begins to wait after two seconds.
    Late(Of, ReplyTo<usize>),
    /// Begins two waits, and drops the first one after a poll.
    Twice(Of, ReplyTo<usize>),
    /// Polls a wait once and drops it. Replies how many hold its waker after that.
    Leave(Of, ReplyTo<usize>),
    Ping(ReplyTo<()>),
}

/// A waker that wakes nobody.
struct Nobody;

impl Wake for Nobody {
    fn wake(self: Arc<Self>) {}
}

/// Waits for its callers, or forwards their asks.
struct Waits {
    log: Log,
    next: Option<ActorRef<Msg>>,
}

fn gone(of: Of, reply: &ReplyTo<usize>, ctx: &Context<Waits>) -> CallerGone {
    match of {
        Of::Context => ctx.caller_gone(),
        Of::Reply => reply.gone(),
    }
}

fn poll_and_drop(gone: CallerGone, waker: &Waker) {
    assert!(
        pin!(gone)
            .poll(&mut Polling::from_waker(waker))
            .is_pending()
    );
}

impl Actor for Waits {
    type Msg = Msg;

    async fn handle(&mut self, msg: Msg, ctx: &mut Context<Self>) -> tenure::Result {
        if let Some(next) = &self.next {
            return Ok(ctx.forward(next, msg).await?);
        }
        match msg {
            Msg::Late(of, reply) => {
                sleep(2 * SECOND).await;
                gone(of, &reply, ctx).await;
                self.log.push("late");
            }
            Msg::Twice(of, reply) => {
                let (first, second) = (gone(of, &reply, ctx), gone(of, &reply, ctx));
                poll_and_drop(first, Waker::noop());
                second.await;
                self.log.push("twice");
            }
            Msg::Leave(of, reply) => {
                let nobody = Arc::new(Nobody);
                poll_and_drop(gone(of, &reply, ctx), &Waker::from(Arc::clone(&nobody)));
                reply.send(Arc::strong_count(&nobody) - 1);
            }
            Msg::Ping(reply) => reply.send(()),
        }
        Ok(())
    }
}

/// Runs the test with each way to wait, with and without a limit, for asks that are direct and for asks that are
/// forwarded.
async fn each(test: impl AsyncFn(&ActorRef<Msg>, Of, Option<Duration>, &Log) -> tenure::Result) {
    for handed_on in [false, true] {
        for of in [Of::Context, Of::Reply] {
            for limit in [None, Some(SECOND)] {
                let log = Log::default();
                tenure::scope(async |scope| {
                    let last = Waits {
                        log: log.clone(),
                        next: None,
                    };
                    let last = scope.spawn(last)?;
                    let first = Waits {
                        log: log.clone(),
                        next: handed_on.then_some(last),
                    };
                    test(&scope.spawn(first)?, of, limit, &log).await
                })
                .await
                .unwrap();
            }
        }
    }
}

/// Asks, and gives up after a second: by the limit, or by dropping the ask.
async fn ask_and_go(
    actor: &ActorRef<Msg>,
    limit: Option<Duration>,
    msg: impl FnOnce(ReplyTo<usize>) -> Msg,
) {
    match limit {
        Some(limit) => assert!(actor.ask(msg).timeout(limit).await.is_err()),
        None => assert!(timeout(SECOND, actor.ask(msg)).await.is_err()),
    }
}

#[test]
fn wait_that_begins_after_its_caller_has_gone_ends_at_once() {
    paused(async |_check| {
        each(async |actor, of, limit, log| {
            ask_and_go(actor, limit, |reply| Msg::Late(of, reply)).await;
            sleep(2 * SECOND).await;
            assert_eq!(log.entries(), ["late"]);
            actor.ask(Msg::Ping).await?;
            Ok(())
        })
        .await;
    });
}

#[test]
fn wait_that_is_dropped_ends_no_other() {
    paused(async |_check| {
        each(async |actor, of, limit, log| {
            ask_and_go(actor, limit, |reply| Msg::Twice(of, reply)).await;
            settled().await;
            assert_eq!(log.entries(), ["twice"]);
            actor.ask(Msg::Ping).await?;
            Ok(())
        })
        .await;
    });
}

/// A waker that is kept would keep its task in memory.
#[test]
fn wait_that_is_dropped_keeps_no_waker() {
    paused(async |_check| {
        each(async |actor, of, limit, _| {
            let ask = actor.ask(|reply| Msg::Leave(of, reply));
            let kept = match limit {
                Some(limit) => ask.timeout(limit).await?,
                None => ask.await?,
            };
            assert_eq!(kept, 0);
            Ok(())
        })
        .await;
    });
}

/// A message whose caller has gone is not started. After that it takes no room.
#[test]
fn message_that_is_skipped_counts_as_handled() {
    paused(async |check| {
        tenure::scope(async |scope| {
            let log = Log::default();
            let narrow = Mailbox::bounded(2).including_current();
            let node = scope.spawn(ChildSpec::new(Node::new(&check, &log)).mailbox(narrow))?;
            let gate = hold(&node).await;
            assert!(timeout(SECOND, node.ask(node::Msg::Ping)).await.is_err());
            assert!(node.try_tell(note("refused")).is_err());
            gate.open();
            settled().await;
            node.try_tell(note("first"))?;
            node.try_tell(note("second"))?;
            assert!(node.try_tell(note("third")).is_err());
            node.drain().await?;
            assert_eq!(log.entries(), ["first", "second"]);
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn waits_for_callers_show_what_they_are() {
    paused(async |_check| {
        tenure::scope(async |scope| {
            let node = scope.spawn(Node::new(&crate::common::Check::default(), &Log::default()))?;
            node::run_in(&node, |ctx| {
                let until = ctx.until_caller_gone(std::future::ready(()));
                assert_eq!(format!("{until:?}"), "UntilCallerGone");
                assert_eq!(format!("{:?}", ctx.caller_gone()), "CallerGone");
            })
            .await;
            Ok(())
        })
        .await
        .unwrap();
    });
}
