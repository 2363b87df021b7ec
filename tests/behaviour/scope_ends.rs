//! How scopes end: by themselves, in a handler, in an actor's state, and dropped.

use crate::common;

use std::pin::Pin;
use std::time::Duration;

use common::node::{Msg, Node, note};
use common::{Check, Guard, Log, paused, settled};
use tenure::prelude::*;
use tenure::{Cause, ChildExit, Failure, StopError, StopReason};
use tokio::time::{Instant, sleep};

const SECOND: Duration = Duration::from_secs(1);

/// The rule: the end of a body is no order. The scope waits for what was started in it.
#[test]
fn scope_waits_for_a_task_of_ten_seconds() {
    paused(async |check| {
        let begin = Instant::now();
        let guard = check.guard();
        let ended = tenure::scope(async |scope| {
            scope.task(async move {
                sleep(10 * SECOND).await;
                drop(guard);
            })?;
            Ok(())
        })
        .await;
        assert!(ended.is_ok(), "{ended:?}");
        assert_eq!(begin.elapsed(), 10 * SECOND);
    });
}

/// Replies once it is told to end, or once another has replied.
struct Latch(#[expect(dead_code, reason = "it is counted")] Guard);

enum Latched {
    Told(ReplyTo<()>),
    Via(ActorRef<Latched>, ReplyTo<()>),
}

impl Actor for Latch {
    type Msg = Latched;

    async fn handle(&mut self, msg: Latched, ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            Latched::Told(reply) => {
                ctx.cancelled().await;
                reply.send(());
            }
            Latched::Via(other, reply) => {
                sleep(SECOND).await;
                other.ask(Latched::Told).await?;
                reply.send(());
            }
        }
        Ok(())
    }
}

/// The rule: a sibling that has to be told before it replies to a task is told at once. It has its grace, as a
/// handler is not cancelled in a drain.
#[test]
fn actor_that_waits_for_its_order_does_not_hold_up_a_task_that_asks_it() {
    for (deep, queued, drains) in [
        (false, false, false),
        (true, false, false),
        (false, true, false),
        (false, false, true),
        (true, false, true),
    ] {
        paused(async |check| {
            let begin = Instant::now();
            let own = check.clone();
            let ended = tenure::scope(async move |scope| {
                let latch = scope.spawn(Latch(own.guard()))?;
                let between = scope.spawn(Latch(own.guard()))?;
                scope.task(async move {
                    if queued {
                        sleep(SECOND).await;
                    }
                    let asked = match deep {
                        true => between.ask(|reply| Latched::Via(latch, reply)).await,
                        false => latch.ask(Latched::Told).await,
                    };
                    assert!(asked.is_err(), "{asked:?}");
                })?;
                if drains {
                    let node = scope.node();
                    tokio::task::yield_now().await;
                    node.drain_later();
                }
                Ok(())
            })
            .await;
            assert!(!matches!(ended, Ok(())), "{ended:?}");
            let late = u32::from(deep || queued);
            assert_eq!(
                begin.elapsed(),
                (5 + late) * SECOND,
                "{deep} {queued} {drains}"
            );
        });
    }
}

/// An actor that a task uses is told only after the task has ended.
#[test]
fn actors_outlive_the_tasks_of_a_scope_that_ends() {
    paused(async |check| {
        let log = Log::default();
        let ended = tenure::scope(async |scope| {
            let actor = scope.spawn(Node::new(&check, &log))?;
            check.node(actor.node());
            scope.task(async move {
                sleep(60 * SECOND).await;
                actor.tell(note("late")).await
            })?;
            Ok(())
        })
        .await;
        assert!(ended.is_ok(), "{ended:?}");
        assert_eq!(log.entries(), ["late"]);
    });
}

/// A task with a token is told when the body has ended, and its grace begins.
#[test]
fn token_of_a_task_fires_when_the_body_ends() {
    paused(async |_check| {
        let begin = Instant::now();
        let ended = tenure::scope(async |scope| {
            scope.task_with(async |token| token.cancelled().await)?;
            scope.task(async { sleep(SECOND).await })?;
            Ok(())
        })
        .await;
        assert!(ended.is_ok(), "{ended:?}");
        assert_eq!(begin.elapsed(), SECOND);

        let begin = Instant::now();
        let ended = tenure::scope(async |scope| {
            scope.task_with(async |_| sleep(100 * SECOND).await)?;
            Ok(())
        })
        .await;
        assert!(matches!(ended, Err(RunError::CutShort(_))), "{ended:?}");
        assert_eq!(begin.elapsed(), 5 * SECOND);
    });
}

/// Once somebody asks for the end of a scope, a grace begins for all of it.
#[test]
fn ordered_end_of_a_scope_has_graces() {
    paused(async |check| {
        let begin = Instant::now();
        let guard = check.guard();
        let ended = tenure::scope(async |scope| {
            let own = scope.node();
            tokio::task::yield_now().await;
            scope.task(async move {
                sleep(SECOND).await;
                own.drain_later();
                sleep(1_000 * SECOND).await;
                drop(guard);
            })?;
            Ok(())
        })
        .await;
        assert!(matches!(ended, Err(RunError::CutShort(_))), "{ended:?}");
        assert_eq!(begin.elapsed(), 6 * SECOND);
    });
}

trait DrainLater {
    fn drain_later(&self);
}

impl DrainLater for tenure::NodeRef {
    fn drain_later(&self) {
        drop(self.drain());
    }
}

/// The rule: a failure stops the rest at any time before the end.
#[test]
fn failure_in_a_scope_that_ends_stops_the_rest() {
    paused(async |check| {
        let begin = Instant::now();
        let guard = check.guard();
        let ended = tenure::scope(async |scope| {
            scope.task(async {
                sleep(SECOND).await;
                Err::<(), _>(tenure::Error::from("it fails"))
            })?;
            scope.task(async move {
                let _guard = guard;
                std::future::pending::<()>().await;
            })?;
            Ok(())
        })
        .await;
        let Err(RunError::Failed(failure)) = ended else {
            panic!("{ended:?}");
        };
        assert_eq!(failure.leaves().count(), 1);
        assert_eq!(begin.elapsed(), SECOND);
    });
}

/// A task that waits for the end of an actor beside it would wait for ever, since actors are told after
/// the tasks: that actor is told at once.
#[test]
fn sibling_whose_end_a_task_awaits_is_told_at_once() {
    paused(async |check| {
        for late in [Duration::ZERO, SECOND] {
            let begin = Instant::now();
            let log = Log::default();
            let ended = tenure::scope(async |scope| {
                let awaited = scope.spawn(Node::new(&check, &log))?;
                check.node(awaited.node());
                scope.task(async move {
                    sleep(late).await;
                    drop(awaited.stopped().await);
                })?;
                Ok(())
            })
            .await;
            assert!(ended.is_ok(), "{ended:?}");
            assert_eq!(begin.elapsed(), late);
        }
    });
}

/// The same in the drain of an actor.
#[test]
fn sibling_whose_end_a_task_awaits_is_told_in_a_drain() {
    paused(async |check| {
        let begin = Instant::now();
        let log = Log::default();
        tenure::scope(async |scope| {
            let (own, entries) = (check.clone(), log.clone());
            let owner = Node::new(&check, &log).on_start(move |ctx| {
                let awaited = ctx.spawn(Node::new(&own, &entries)).unwrap();
                drop(ctx.task(async move { drop(awaited.stopped().await) }));
            });
            let owner = scope.spawn(owner)?;
            check.node(owner.node());
            let end = owner.drain().await;
            assert!(matches!(end, Ok(StopReason::Drained)), "{end:?}");
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(begin.elapsed(), Duration::ZERO);
    });
}

type Kept = Pin<Box<dyn Future<Output = Result<(), RunError>> + Send>>;

/// Keeps a scope in its state, and polls it beside its messages.
struct Keeper {
    check: Check,
    log: Log,
    scope: Option<Kept>,
    _guard: Guard,
}

enum KeeperMsg {
    /// Polls the scope once.
    Open,
    Note(&'static str),
}

impl Keeper {
    fn new(check: &Check, log: &Log) -> Self {
        Self {
            check: check.clone(),
            log: log.clone(),
            scope: None,
            _guard: check.guard(),
        }
    }

    fn make(&self, me: ActorRef<KeeperMsg>) -> Kept {
        let (check, log) = (self.check.clone(), self.log.clone());
        Box::pin(tenure::scope_send(move |scope| async move {
            let _body = check.guard();
            let entries = log.clone();
            let child = Node::new(&check, &log).on_stop(move |_| entries.push("child stops"));
            let child = scope.spawn(child)?;
            child.tell(note("accepted")).await?;
            let guard = check.guard();
            scope.task_with(move |token| async move {
                token.cancelled().await;
                drop(guard);
                // What a task beneath has still to say is handled.
                drop(me.tell(KeeperMsg::Note("from beneath")).await);
            })?;
            std::future::pending::<()>().await;
            Ok(())
        }))
    }
}

impl Actor for Keeper {
    type Msg = KeeperMsg;

    async fn handle(&mut self, msg: KeeperMsg, ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            KeeperMsg::Open => {
                let mut scope = self.make(ctx.me());
                std::future::poll_fn(|cx| {
                    assert!(scope.as_mut().poll(cx).is_pending());
                    std::task::Poll::Ready(())
                })
                .await;
                self.scope = Some(scope);
            }
            KeeperMsg::Note(text) => {
                self.log.push(text);
                if let Some(scope) = &mut self.scope {
                    std::future::poll_fn(|cx| {
                        drop(scope.as_mut().poll(cx));
                        std::task::Poll::Ready(())
                    })
                    .await;
                }
            }
        }
        Ok(())
    }

    async fn on_stop(&mut self, _: &mut Context<Self>) -> tenure::Result {
        self.log.push("keeper stops");
        Ok(())
    }
}

async fn with_keeper(check: &Check, log: &Log, end: impl AsyncFnOnce(ActorRef<KeeperMsg>)) {
    let begin = Instant::now();
    let ended = tenure::scope(async |scope| {
        let keeper = scope.spawn(Keeper::new(check, log))?;
        check.node(keeper.node());
        keeper.tell(KeeperMsg::Open).await?;
        while keeper.node().children().is_empty() || keeper.node().backlog() > 0 {
            tokio::task::yield_now().await;
        }
        end(keeper).await;
        Ok(())
    })
    .await;
    assert!(ended.is_ok(), "{ended:?}");
    assert_eq!(begin.elapsed(), Duration::ZERO);
}

/// The rule: what is beneath such a scope is told and joined in the node's order; only its body goes with
/// the state, which is neither a kill nor a cut.
#[test]
fn scope_in_a_state_ends_with_a_stop() {
    paused(async |check| {
        let log = Log::default();
        with_keeper(&check, &log, async |keeper| {
            let end = keeper.stop().await;
            assert!(matches!(end, Ok(StopReason::Stopped)), "{end:?}");
        })
        .await;
        let entries = log.entries();
        assert_eq!(
            entries[entries.len() - 2..],
            ["child stops", "keeper stops"]
        );
    });
}

#[test]
fn scope_in_a_state_loses_nothing_in_a_drain() {
    paused(async |check| {
        let log = Log::default();
        with_keeper(&check, &log, async |keeper| {
            let end = keeper.drain().await;
            assert!(matches!(end, Ok(StopReason::Drained)), "{end:?}");
        })
        .await;
        let entries = log.entries();
        assert!(entries.contains(&"accepted".into()), "{entries:?}");
        assert!(entries.contains(&"from beneath".into()), "{entries:?}");
        assert_eq!(
            entries[entries.len() - 2..],
            ["child stops", "keeper stops"]
        );
    });
}

#[test]
fn scope_in_a_state_ends_with_a_kill() {
    paused(async |check| {
        let log = Log::default();
        with_keeper(&check, &log, async |keeper| {
            let end = keeper.kill().await;
            assert!(matches!(end, Ok(StopReason::Killed)), "{end:?}");
        })
        .await;
        assert!(!log.entries().contains(&"keeper stops".into()));
    });
}

/// Opens a scope in its handler, and waits in it.
struct InHandler(Check, Log);

impl Actor for InHandler {
    type Msg = ();

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        let (check, log) = (self.0.clone(), self.1.clone());
        tenure::scope(async |scope| {
            let (guard, entries) = (check.guard(), log.clone());
            let told = scope.task_with(async move |token| {
                token.cancelled().await;
                entries.push("the token fires");
                drop(guard);
            })?;
            told.await?;
            log.push("the body ends");
            Ok(())
        })
        .await?;
        Ok(())
    }
}

/// The rule: a stop fires the tokens beneath open scopes at once, and the body goes on.
#[test]
fn stop_fires_the_tokens_beneath_a_scope_in_a_handler() {
    paused(async |check| {
        let (begin, log) = (Instant::now(), Log::default());
        tenure::scope(async |scope| {
            let actor = scope.spawn(InHandler(check.clone(), log.clone()))?;
            check.node(actor.node());
            actor.tell(()).await?;
            settled().await;
            let end = actor.stop().await;
            assert!(matches!(end, Ok(StopReason::Stopped)), "{end:?}");
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(log.entries(), ["the token fires", "the body ends"]);
        assert_eq!(begin.elapsed(), Duration::ZERO);
    });
}

/// The rule: a scope whose future is gone is joined before the state goes, also one of `on_stop`.
struct CleansUp(Log);

impl Actor for CleansUp {
    type Msg = ();

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        Ok(())
    }

    async fn on_stop(&mut self, _: &mut Context<Self>) -> tenure::Result {
        struct Told(Log);
        impl Drop for Told {
            fn drop(&mut self) {
                self.0.push("task dropped");
            }
        }
        let log = self.0.clone();
        tenure::scope(async |scope| {
            let told = Told(log);
            scope.task(async move {
                let _told = told;
                std::future::pending::<()>().await;
            })?;
            std::future::pending::<()>().await;
            Ok(())
        })
        .await?;
        Ok(())
    }
}

impl Drop for CleansUp {
    fn drop(&mut self) {
        self.0.push("state dropped");
    }
}

#[test]
fn scope_of_on_stop_is_joined_before_the_state_goes() {
    paused(async |_| {
        let log = Log::default();
        tenure::scope(async |scope| {
            let actor = scope.spawn(CleansUp(log.clone()))?;
            let stop = actor.stop();
            settled().await;
            drop(actor.kill());
            drop(stop.await);
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(log.entries(), ["task dropped", "state dropped"]);
    });
}

/// Sees what fails beneath it.
struct Watcher(Log, Option<Kept>);

impl Actor for Watcher {
    type Msg = ();

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        let mut scope: Kept = Box::pin(tenure::scope_send(|scope| async move {
            scope.task(async { Err::<(), _>(tenure::Error::from("nobody hears")) })?;
            std::future::pending::<()>().await;
            Ok(())
        }));
        std::future::poll_fn(|cx| {
            assert!(scope.as_mut().poll(cx).is_pending());
            std::task::Poll::Ready(())
        })
        .await;
        self.1 = Some(scope);
        // The task fails, and the scope is dropped before it is polled again.
        sleep(SECOND).await;
        self.1 = None;
        Ok(())
    }

    async fn on_child_exit(&mut self, exit: ChildExit, _: &mut Context<Self>) -> tenure::Result {
        if let StopReason::Failed(failure) = exit.reason() {
            let leaves: Vec<_> = failure.leaves().map(ToString::to_string).collect();
            self.0.push(leaves.join("; "));
        }
        Ok(())
    }
}

/// The rule: a failure goes somewhere, also that in a scope whose future is dropped.
#[test]
fn failure_in_a_dropped_scope_goes_to_the_owner() {
    paused(async |check| {
        let log = Log::default();
        tenure::scope(async |scope| {
            let watcher = scope.spawn(Watcher(log.clone(), None))?;
            check.node(watcher.node());
            watcher.tell(()).await?;
            watcher.drain().await?;
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(log.entries().len(), 1, "{:?}", log.entries());
        assert!(log.entries()[0].contains("nobody hears"));
    });
}

/// The rule: a failure beneath a body that panics is a part of the scope's end.
#[test]
fn failure_beside_a_panicking_body_is_in_the_outcome() {
    paused(async |check| {
        let node = std::sync::Arc::new(std::sync::Mutex::new(None));
        let kept = std::sync::Arc::clone(&node);
        let own = check.clone();
        let panicking = tenure::scope(async move |scope| {
            *kept.lock().unwrap() = Some(scope.node());
            own.node(scope.node());
            scope.task_with(async |token| {
                token.cancelled().await;
                Err::<(), _>(tenure::Error::from("beside it"))
            })?;
            tokio::task::yield_now().await;
            if own.alive() == 0 {
                panic!("the body panics");
            }
            Ok(())
        });
        let caught = {
            let mut scope = Box::pin(std::panic::AssertUnwindSafe(panicking).0);
            std::future::poll_fn(move |cx| {
                let poll = std::panic::AssertUnwindSafe(|| scope.as_mut().poll(cx));
                match std::panic::catch_unwind(poll) {
                    Ok(std::task::Poll::Pending) => std::task::Poll::Pending,
                    Ok(std::task::Poll::Ready(ended)) => std::task::Poll::Ready(Ok(ended.is_ok())),
                    Err(payload) => std::task::Poll::Ready(Err(payload)),
                }
            })
            .await
        };
        assert!(caught.is_err(), "the panic goes on");
        let node = node.lock().unwrap().take().unwrap();
        let Some(Err(StopError::Failed(failure))) = node.outcome() else {
            panic!("{:?}", node.outcome());
        };
        assert!(matches!(failure.cause(), Cause::Panic(_)));
        let beneath: Vec<&Failure> = failure.beneath().iter().collect();
        assert_eq!(beneath.len(), 1, "{failure:?}");
    });
}

/// Panics when it is dropped.
struct Spring(#[allow(dead_code, reason = "counted")] Guard);

impl Drop for Spring {
    fn drop(&mut self) {
        panic!("it springs");
    }
}

/// The rule: a destructor that panics fails the node; but a kill stays a kill.
#[test]
fn plain_task_that_panics_when_a_stop_drops_it_has_failed() {
    paused(async |check| {
        let ended = tenure::scope(async |scope| {
            for kill in [false, true] {
                let spring = Spring(check.guard());
                let task = scope.task(async move {
                    let _spring = spring;
                    std::future::pending::<()>().await;
                })?;
                tokio::task::yield_now().await;
                let node = task.node();
                let end = if kill {
                    node.kill().await
                } else {
                    node.stop().await
                };
                match end {
                    Err(StopError::Failed(_)) => assert!(!kill),
                    Ok(StopReason::Killed) => assert!(kill),
                    other => panic!("{other:?}"),
                }
            }
            Ok(())
        })
        .await;
        assert!(matches!(ended, Err(RunError::Failed(_))), "{ended:?}");
    });
}

#[test]
fn queued_message_that_panics_leaves_a_kill_a_kill() {
    struct Idle;
    impl Actor for Idle {
        type Msg = Spring;
        async fn handle(&mut self, msg: Spring, _: &mut Context<Self>) -> tenure::Result {
            std::mem::forget(msg);
            Ok(())
        }
    }
    paused(async |check| {
        tenure::scope(async |scope| {
            let idle = scope.spawn(Idle)?;
            idle.try_tell(Spring(check.guard()))?;
            let end = idle.kill().await;
            assert!(matches!(end, Ok(StopReason::Killed)), "{end:?}");
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[allow(dead_code, reason = "the messages of the helper are not all used here")]
fn unused(_: Msg) {}
