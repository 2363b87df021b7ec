//! Nodes that end by themselves, and nodes that are killed in each phase of their lives.

use crate::common;

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::worker::{Do, Worker};
use common::{Check, Count, Guard, Log, paused};
use tenure::prelude::*;
use tenure::{NodeRef, Phase, Start, StopError, StopReason};
use tokio::sync::Notify;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep};

const SECOND: Duration = Duration::from_secs(1);

/// Needs some time to start.
struct Initialising {
    name: &'static str,
    time: Duration,
    log: Log,
    _guard: Guard,
}

impl Initialising {
    fn both(log: &Log, check: &Check) -> [Self; 2] {
        [("c1", SECOND), ("c2", 3 * SECOND)].map(|(name, time)| Self {
            name,
            time,
            log: log.clone(),
            _guard: check.guard(),
        })
    }
}

impl Actor for Initialising {
    type Msg = ();

    async fn on_start(&mut self, _: &mut Context<Self>) -> tenure::Result {
        sleep(self.time).await;
        self.log.push(format!("{} started", self.name));
        Ok(())
    }

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        Ok(())
    }

    async fn on_stop(&mut self, _: &mut Context<Self>) -> tenure::Result {
        self.log.push(format!("{} on_stop", self.name));
        Ok(())
    }
}

impl Drop for Initialising {
    fn drop(&mut self) {
        self.log.push(format!("{} dropped", self.name));
    }
}

/// Starts two children, and then has nothing more to do.
struct Brief(Option<[Initialising; 2]>);

impl Actor for Brief {
    type Msg = ();

    async fn handle(&mut self, (): (), ctx: &mut Context<Self>) -> tenure::Result {
        for child in self.0.take().into_iter().flatten() {
            ctx.spawn(child)?;
        }
        // Both children are in their `on_start` when their owner ends.
        yield_now().await;
        ctx.stop();
        Ok(())
    }
}

#[test]
fn natural_end_while_children_initialise() {
    let in_order = [
        "c1 started",
        "c2 started",
        "c2 on_stop",
        "c2 dropped",
        "c1 on_stop",
        "c1 dropped",
    ];
    paused(async |check| {
        let log = Log::default();
        tenure::scope(async |scope| {
            let p = scope.spawn(Brief(Some(Initialising::both(&log, &check))))?;
            let start = Instant::now();
            p.tell(()).await?;
            let reason = p.stopped().await?;
            assert!(matches!(reason, StopReason::Finished), "{reason:?}");
            assert_eq!(start.elapsed(), 3 * SECOND);
            assert_eq!(check.alive(), 0);
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(log.entries(), in_order);

        // The same for a scope whose body ends.
        let log = Log::default();
        let start = Instant::now();
        tenure::scope(async |scope| {
            for child in Initialising::both(&log, &check) {
                scope.spawn(child)?;
            }
            yield_now().await;
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!((check.alive(), start.elapsed()), (0, 3 * SECOND));
        assert_eq!(log.entries(), in_order);
    });
}

/// How an actor stops itself.
#[derive(Clone, Copy, PartialEq)]
enum How {
    InHandler,
    InStart,
    InRecipe,
    WhenEmpty,
    ByReference,
    /// Through the reference to its owner, which tells its children.
    ByOwner,
    /// A task of the actor stops it, and waits for the end.
    FromTask,
}

/// What an actor is told that waits for its own end.
type Heard = Arc<Mutex<Option<Result<StopReason, StopError>>>>;

struct Own {
    how: How,
    owner: NodeRef,
    heard: Heard,
    log: Log,
    _guard: Guard,
}

struct Recipe(Own);

impl Start for Recipe {
    type Actor = Own;

    async fn start(self, ctx: &mut Context<Own>) -> tenure::Result<Own> {
        if self.0.how == How::InRecipe {
            ctx.stop();
        }
        Ok(self.0)
    }
}

impl Actor for Own {
    type Msg = ();

    async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        if self.how == How::InStart {
            ctx.stop();
        }
        self.log.push("on_start");
        Ok(())
    }

    async fn handle(&mut self, (): (), ctx: &mut Context<Self>) -> tenure::Result {
        let me = ctx.me().node();
        match self.how {
            How::InStart | How::InRecipe => unreachable!("it has been stopped"),
            How::InHandler => ctx.stop(),
            How::WhenEmpty => ctx.stop_if_empty(),
            How::ByReference => *self.heard.lock().unwrap() = Some(me.stop().await),
            How::ByOwner => {
                let outcome = self.owner.stop().await;
                *self.heard.lock().unwrap() = Some(outcome);
                // The owner tells its children once it is polled.
                while !ctx.is_ending() {
                    yield_now().await;
                }
            }
            How::FromTask => {
                let heard = Arc::clone(&self.heard);
                ctx.task(async move {
                    let outcome = me.stop().await;
                    *heard.lock().unwrap() = Some(outcome);
                })?
                .await
                .ok();
            }
        }
        self.log.push("handled");
        Ok(())
    }

    async fn on_stop(&mut self, _: &mut Context<Self>) -> tenure::Result {
        self.log.push("on_stop");
        Ok(())
    }
}

#[test]
fn stop_within() {
    let all = [
        (How::InHandler, "Ok(Finished)", 1),
        (How::InStart, "Ok(Finished)", 0),
        (How::InRecipe, "Ok(Finished)", 0),
        // It handles the messages that had come before.
        (How::WhenEmpty, "Ok(Finished)", 3),
        (How::ByReference, "Ok(Stopped)", 1),
        (How::ByOwner, "Ok(Stopped)", 1),
        (How::FromTask, "Ok(Stopped)", 1),
    ];
    for (how, outcome, handled) in all {
        paused(async |check| {
            let (log, heard) = (Log::default(), Heard::default());
            tenure::scope(async |scope| {
                let owner = scope.spawn(Worker::new("p", &log, &check).named())?;
                let beneath = owner.ask(Do::Lend).await?;
                let recipe = Recipe(Own {
                    how,
                    owner: owner.node(),
                    heard: Arc::clone(&heard),
                    log: log.clone(),
                    _guard: check.guard(),
                });
                let start = Instant::now();
                let actor = beneath.spawn(recipe)?;
                check.node(actor.node());
                for _ in 0..3 {
                    actor.try_tell(())?;
                }
                assert_eq!(format!("{:?}", actor.stopped().await), outcome);
                if how == How::ByOwner {
                    owner.stopped().await?;
                }
                assert_eq!(start.elapsed(), Duration::ZERO);
                Ok(())
            })
            .await
            .unwrap();
            let entries = log.entries();
            let count = |what| entries.iter().filter(|entry| *entry == what).count();
            assert_eq!(count("handled"), handled);
            assert_eq!((count("on_start"), count("on_stop")), (1, 1));
            match (how, heard.lock().unwrap().take()) {
                (How::ByReference | How::ByOwner | How::FromTask, heard) => {
                    let heard = heard.unwrap();
                    assert!(matches!(heard, Err(StopError::WaitsForItself)), "{heard:?}");
                }
                (_, heard) => assert!(heard.is_none()),
            }
        });
    }
}

/// Which of its hooks an actor is in when it is killed.
#[derive(Debug, Clone, Copy, PartialEq)]
enum At {
    Recipe,
    Start,
    Handler,
    ChildExit,
    Stop,
}

/// Waits for ever in one of its hooks, with a child beneath it.
struct Stuck {
    at: At,
    entered: Arc<Notify>,
    polls: Count,
    log: Log,
    check: Check,
    _guard: Guard,
}

impl Stuck {
    async fn stick(&self, at: At, ctx: &Context<Self>) -> tenure::Result {
        if self.at != at {
            return Ok(());
        }
        let _code = Code(self.log.clone(), self.check.guard());
        let child = || Worker::new("c", &self.log, &self.check);
        self.polls.add();
        if at == At::Stop {
            // The children have gone by then, but `on_stop` may open a scope to clean up.
            tenure::scope(async |scope| {
                scope.start(child()).await?;
                self.entered.notify_one();
                pending().await
            })
            .await?;
        } else {
            ctx.start(child()).await?;
            self.entered.notify_one();
            pending::<()>().await;
        }
        self.log.push("went on");
        Ok(())
    }
}

impl Drop for Stuck {
    fn drop(&mut self) {
        self.log.push("state dropped");
    }
}

/// A local value of the hook that waits for ever.
struct Code(Log, #[expect(dead_code, reason = "counted")] Guard);

impl Drop for Code {
    fn drop(&mut self) {
        self.0.push("code dropped");
    }
}

struct StuckRecipe(Stuck);

impl Start for StuckRecipe {
    type Actor = Stuck;

    async fn start(self, ctx: &mut Context<Stuck>) -> tenure::Result<Stuck> {
        self.0.stick(At::Recipe, ctx).await?;
        Ok(self.0)
    }
}

impl Actor for Stuck {
    type Msg = ();

    async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        self.stick(At::Start, ctx).await
    }

    async fn handle(&mut self, (): (), ctx: &mut Context<Self>) -> tenure::Result {
        if self.at == At::ChildExit {
            ctx.task(async {})?;
        }
        self.stick(At::Handler, ctx).await
    }

    async fn on_child_exit(&mut self, _: ChildExit, ctx: &mut Context<Self>) -> tenure::Result {
        self.stick(At::ChildExit, ctx).await
    }

    async fn on_stop(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        assert_eq!(self.at, At::Stop, "no hook of a killed actor runs");
        self.stick(At::Stop, ctx).await
    }
}

#[test]
fn kill_interrupts_each_phase() {
    let all = [At::Recipe, At::Start, At::Handler, At::ChildExit, At::Stop];
    for at in all {
        paused(async |check| {
            let (log, entered) = (Log::default(), Arc::new(Notify::new()));
            let polls = Count::default();
            tenure::scope(async |scope| {
                let actor = scope.spawn(StuckRecipe(Stuck {
                    at,
                    entered: Arc::clone(&entered),
                    polls: polls.clone(),
                    log: log.clone(),
                    check: check.clone(),
                    _guard: check.guard(),
                }))?;
                check.node(actor.node());
                actor.tell(()).await?;
                let stopping = (at == At::Stop).then(|| actor.stop());
                entered.notified().await;
                // The state, the local value, and the child.
                assert_eq!(check.alive(), 3, "{at:?}");

                let start = Instant::now();
                let reason = actor.kill().await?;
                assert!(matches!(reason, StopReason::Killed), "{at:?}: {reason:?}");
                assert_eq!((check.alive(), actor.node().phase()), (0, Phase::Stopped));
                assert_eq!(start.elapsed(), Duration::ZERO);
                if let Some(stopping) = stopping {
                    assert!(matches!(stopping.await?, StopReason::Killed));
                }
                Ok(())
            })
            .await
            .unwrap();
            assert_eq!(polls.get(), 1);
            let mut entries = log.entries();
            if at == At::Recipe {
                // The recipe's code owns the state, which goes with it.
                entries.retain(|entry| entry != "state dropped");
            } else {
                assert_eq!(entries.pop().as_deref(), Some("state dropped"), "{at:?}");
            }
            // Everything beneath is told at once, so the order does not matter.
            entries.sort();
            assert_eq!(entries, ["c dropped", "code dropped"], "{at:?}");
        });
    }
}

#[test]
fn kill_before_the_first_poll() {
    paused(async |check| {
        let log = Log::default();
        tenure::scope(async |scope| {
            let actor = scope.spawn(Worker::new("c", &log, &check).named())?;
            actor.try_tell(Do::Keep(check.guard()))?;
            let guard = check.guard();
            let task = scope.task(async move {
                let _guard = guard;
                pending::<()>().await
            })?;
            let (one, other) = (actor.kill(), task.node().kill());
            assert!(matches!(one.await?, StopReason::Killed));
            assert!(matches!(other.await?, StopReason::Killed));
            assert_eq!(check.alive(), 0);
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(log.entries(), ["c dropped"]);
    });
}
