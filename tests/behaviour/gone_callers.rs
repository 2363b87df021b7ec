//! A wait for a caller to go ends once the caller has gone, whenever that was, and leaves nothing behind when it is
//! dropped.

use crate::common;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context as Polling, Wake, Waker};
use std::time::Duration;

use common::node::{self, Node, hold, note};
use common::{Log, paused, poll_unwoken, settled};
use tenure::prelude::*;
use tenure::{CallerGone, System};
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
    /// Replies, and waits for the caller to go without its reply.
    Reply(Of, ReplyTo<usize>),
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
            Msg::Reply(of, reply) => {
                let gone = gone(of, &reply, ctx);
                reply.send(1);
                let over = timeout(SECOND, gone).await.is_ok();
                self.log.push(format!("over: {over}"));
            }
            Msg::Ping(reply) => reply.send(()),
        }
        Ok(())
    }
}

/// Runs the test with each way to wait, with and without a limit, for asks that are direct and for asks that are
/// forwarded; also in a system that notes where each message comes from.
async fn each(test: impl AsyncFn(&ActorRef<Msg>, Of, Option<Duration>, &Log) -> tenure::Result) {
    for (handed_on, timings) in [(false, false), (true, false), (false, true), (true, true)] {
        for of in [Of::Context, Of::Reply] {
            for limit in [None, Some(SECOND)] {
                let (log, builder) = (Log::default(), System::builder());
                let system = if timings { builder.timings() } else { builder };
                let system = system.start().unwrap();
                let last = Waits {
                    log: log.clone(),
                    next: None,
                };
                let last = system.spawn(last).unwrap();
                let first = Waits {
                    log: log.clone(),
                    next: handed_on.then_some(last),
                };
                let first = system.spawn(first).unwrap();
                test(&first, of, limit, &log).await.unwrap();
                system.stop().await.unwrap();
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

/// A caller that has its reply is not gone, as far as the work on its message is concerned. A reply that is sent reaches
/// nobody any more.
#[test]
fn caller_that_has_its_reply_has_not_gone_without_it() {
    paused(async |_check| {
        each(async |actor, of, limit, log| {
            let ask = actor.ask(|reply| Msg::Reply(of, reply));
            assert_eq!(ask.timeout(limit.unwrap_or(Duration::MAX)).await?, 1);
            sleep(2 * SECOND).await;
            let over = matches!(of, Of::Reply);
            assert_eq!(log.entries(), [format!("over: {over}")]);
            Ok(())
        })
        .await;
    });
}

/// What would have been skipped is no loss. The one whose caller goes while it is handled is none of those behind it.
#[test]
fn asks_that_are_discarded_are_dead_letters_unless_their_callers_have_gone() {
    for goes in 0..3 {
        paused(async |_check| {
            let (system, log) = (System::start().unwrap(), Log::default());
            let actor = system.spawn(Waits { log, next: None }).unwrap();
            // All are in one batch.
            let ask = |place| {
                Box::pin(actor.ask(move |reply| match place {
                    0 => Msg::Leave(Of::Reply, reply),
                    _ => Msg::Late(Of::Reply, reply),
                }))
            };
            let mut asks: Vec<_> = (0..4).map(ask).collect();
            for ask in &mut asks {
                assert!(poll_unwoken(ask.as_mut()).is_pending());
            }
            settled().await;
            // The second is being handled.
            drop(asks.remove(goes + 1));
            system.kill().await.unwrap();
            let lost = if goes == 0 { 2 } else { 1 };
            assert_eq!(system.dead_letters(), lost, "{goes}");
        });
    }
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
