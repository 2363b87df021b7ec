//! What is cut short, and where that is reported.

use std::future::pending;
use std::time::Duration;

use super::{SECOND, cut_short, emptied};
use crate::common::worker::{Do, Worker};
use crate::common::{Check, Guard, Log, paused};
use tenure::prelude::*;
use tenure::{StopError, System, TaskSpec};
use tokio::time::{Instant, sleep};

/// Its start never returns.
struct NeverStarts;

impl Actor for NeverStarts {
    type Msg = ();

    async fn on_start(&mut self, _: &mut Context<Self>) -> tenure::Result {
        pending().await
    }

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        Ok(())
    }
}

#[test]
fn cuts_beneath_are_never_an_ok() {
    paused(async |check| {
        // At the end of a scope.
        let start = Instant::now();
        let ended = tenure::scope(async |scope| {
            let guard = check.guard();
            let _task = scope.task_with(|_| async move {
                let _guard = guard;
                pending::<()>().await
            })?;
            Ok(())
        })
        .await;
        let Err(RunError::CutShort(cut)) = &ended else {
            panic!("{ended:?}");
        };
        assert_eq!((cut.nodes().len(), start.elapsed()), (1, 5 * SECOND));

        // In its start: whoever awaits the start is told, too.
        let log = Log::default();
        tenure::scope(async |scope| {
            let p = scope.spawn(Worker::new("p", &log, &check).named())?;
            let beneath = p.ask(Do::Lend).await?;
            let starting = beneath.start(ChildSpec::new(NeverStarts).name("c"));
            let starting = scope.task(async move {
                let outcome = starting.await.map(drop).map_err(drop);
                Ok::<_, tenure::Error>(outcome)
            })?;
            assert_eq!(cut_short(p.stop().await), ["/p/c"]);
            assert_eq!(starting.await?, Err(()));

            // A child that was cut short before is no part of its owner's end.
            let p = scope.spawn(Worker::new("p", &log, &check).named())?;
            let beneath = p.ask(Do::Lend).await?;
            let c = beneath.spawn(ChildSpec::new(NeverStarts).name("c"))?;
            assert_eq!(cut_short(c.stop().await), ["/p/c"]);
            p.stop().await?;
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn cut_says_for_how_long_it_was_held() {
    paused(async |check| {
        let log = Log::default();
        tenure::scope(async |scope| {
            // A node that is cut takes its child with it. Only the node itself has been held up.
            let p = scope.spawn(Worker::new("p", &log, &check).named())?;
            let beneath = p.ask(Do::Lend).await?;
            beneath
                .start(Worker::new("c", &log, &check).named())
                .await?;
            p.tell(Do::Sleep(60 * SECOND)).await?;
            emptied(&p).await;
            let Err(StopError::CutShort(cut)) = p.stop().await else {
                panic!("it was not cut short");
            };
            let held: Vec<_> = cut
                .nodes()
                .iter()
                .map(|node| (node.path.as_str(), node.held_for))
                .collect();
            assert_eq!(held, [("/p/c", Duration::ZERO), ("/p", 5 * SECOND)]);
            Ok(())
        })
        .await
        .unwrap();
    });
}

/// Owns a child that is cut, and fails in its `on_stop`.
struct FailsAtItsEnd {
    _guard: Guard,
}

impl Actor for FailsAtItsEnd {
    type Msg = ();

    async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        ctx.spawn(ChildSpec::new(NeverEnds).name("g").grace(SECOND))?;
        Ok(())
    }

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        Ok(())
    }

    async fn on_stop(&mut self, _: &mut Context<Self>) -> tenure::Result {
        Err("it fails at its end".into())
    }
}

struct NeverEnds;

impl Actor for NeverEnds {
    type Msg = ();

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        Ok(())
    }

    async fn on_stop(&mut self, _: &mut Context<Self>) -> tenure::Result {
        pending::<()>().await;
        Ok(())
    }
}

/// Tolerates whatever fails beneath it.
struct Tolerant(Check);

impl Actor for Tolerant {
    type Msg = ();

    async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        ctx.spawn(
            ChildSpec::new(FailsAtItsEnd {
                _guard: self.0.guard(),
            })
            .name("c"),
        )?;
        Ok(())
    }

    async fn on_child_exit(
        &mut self,
        _: tenure::ChildExit,
        _: &mut Context<Self>,
    ) -> tenure::Result {
        Ok(())
    }

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        Ok(())
    }
}

/// The rule: a cut beneath is never an `Ok`, whatever is contained or tolerated.
#[test]
fn cut_beneath_a_contained_failure_is_reported() {
    paused(async |check| {
        let log = Log::default();
        tenure::scope(async |scope| {
            let p = scope.spawn(Worker::new("p", &log, &check).named())?;
            let beneath = p.ask(Do::Lend).await?;
            let contained = ChildSpec::new(FailsAtItsEnd {
                _guard: check.guard(),
            })
            .name("c");
            drop(beneath.start(contained.contain()).await?);
            assert_eq!(cut_short(p.stop().await), ["/p/c/g"]);
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn cut_beneath_a_tolerated_failure_is_reported() {
    paused(async |check| {
        tenure::scope(async |scope| {
            let tolerant = ChildSpec::new(Tolerant(check.clone())).name("p");
            let p = scope.start(tolerant).await?;
            assert_eq!(cut_short(p.drain().await), ["/p/c/g"]);
            Ok(())
        })
        .await
        .unwrap();
    });
}

/// It comes from a task beneath, which goes on for longer. The actor waits for that, but not while it handles this.
#[test]
fn late_message_that_takes_longer_than_the_grace_is_cut() {
    paused(async |check| {
        let (system, log) = (System::start().unwrap(), Log::default());
        let worker = Worker::new("p", &log, &check).named().grace(SECOND);
        let worker = system.spawn(worker).unwrap();
        let spawner = worker.ask(Do::Lend).await.unwrap();
        let target = worker.clone();
        let task = TaskSpec::with_token(move |token| async move {
            token.cancelled().await;
            target.tell(Do::Sleep(100 * SECOND)).await?;
            sleep(50 * SECOND).await;
            Ok::<(), tenure::Error>(())
        });
        drop(spawner.task(task.grace(100 * SECOND)).unwrap());
        let begin = Instant::now();
        let drained = worker.drain().await;
        assert!(
            matches!(drained, Err(StopError::CutShort(_))),
            "{drained:?}"
        );
        assert_eq!(begin.elapsed(), SECOND);
        system.stop().await.unwrap();
    });
}
