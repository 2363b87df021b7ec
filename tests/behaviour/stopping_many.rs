//! An owner that stops many children at once tells them in batches.

use crate::common;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use common::worker::{Do, Worker};
use common::{Check, Guard, Log, multi_thread, paused};
use tenure::prelude::*;
use tenure::{NodeRef, Phase, StopOrder, StopReason, TaskHandle};
use tokio::sync::Barrier;
use tokio::task::yield_now;
use tokio_util::sync::CancellationToken;

/// Several batches, and not a multiple of one.
const MANY: usize = 100;

/// Its `on_stop` ends only when the hooks of all that share the barrier are running.
struct Meets {
    all: Arc<Barrier>,
    _guard: Guard,
}

impl Actor for Meets {
    type Msg = ();

    async fn handle(&mut self, (): (), ctx: &mut Context<Self>) -> tenure::Result {
        ctx.stop();
        Ok(())
    }

    async fn on_stop(&mut self, _: &mut Context<Self>) -> tenure::Result {
        self.all.wait().await;
        Ok(())
    }
}

/// A task that does the same.
fn meet(beneath: &Spawner, all: &Arc<Barrier>, check: &Check) -> TaskHandle<()> {
    let (all, guard) = (Arc::clone(all), check.guard());
    let with = |token: CancellationToken| async move {
        let _guard = guard;
        token.cancelled().await;
        all.wait().await;
    };
    beneath.task_with(with).expect("the owner is alive")
}

/// An owner that stops its children all at once, and its spawner.
async fn owner(scope: &Scope, check: &Check) -> (ActorRef<Do>, Spawner) {
    let worker = Worker::new("owner", &Log::default(), check).named();
    let owner = scope.start(worker.stop_order(StopOrder::Concurrent));
    let owner = owner.await.expect("it starts");
    let beneath = owner.ask(Do::Lend).await.expect("it is alive");
    (owner, beneath)
}

/// Runs a test on a runtime of one thread and on one of several.
fn on_both<F: Future<Output = ()>>(test: impl Fn(Check) -> F) {
    paused(&test);
    multi_thread(&test);
}

#[test]
fn none_waits_for_another_to_end() {
    on_both(async |check| {
        tenure::scope(async |scope| {
            let (owner, beneath) = owner(&scope, &check).await;
            let (tasks, actors) = (Arc::new(Barrier::new(MANY)), Arc::new(Barrier::new(MANY)));
            for _ in 0..MANY {
                check.node(meet(&beneath, &tasks, &check).node());
                let child = Meets {
                    all: Arc::clone(&actors),
                    _guard: check.guard(),
                };
                check.node(beneath.spawn(child)?.node());
            }
            assert!(matches!(owner.stop().await?, StopReason::Stopped));
            assert_eq!(check.alive(), 0);
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn others_run_while_many_are_told() {
    paused(async |check| {
        tenure::scope(async |scope| {
            let (owner, beneath) = owner(&scope, &check).await;
            let never = Arc::new(Barrier::new(MANY + 1));
            for _ in 0..MANY {
                let child = Meets {
                    all: Arc::clone(&never),
                    _guard: check.guard(),
                };
                check.node(beneath.spawn(child)?.node());
            }
            // Every second child is killed while the rest is being told.
            let children = beneath.children();
            let stopping = owner.stop();
            let told = || {
                let is_told = |child: &&NodeRef| child.phase() >= Phase::Stopping;
                children.iter().filter(is_told).count()
            };
            while told() == 0 {
                yield_now().await;
            }
            assert!(told() < MANY, "all are told in one go");
            for child in children.iter().step_by(2) {
                drop(child.kill());
                yield_now().await;
            }
            while told() < MANY {
                yield_now().await;
            }
            let outcome = stopping.within(Duration::from_secs(1)).await;
            assert!(outcome.is_err(), "{outcome:?}");
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn children_that_come_meanwhile_are_told_too() {
    on_both(async |check| {
        tenure::scope(async |scope| {
            let (owner, beneath) = owner(&scope, &check).await;
            for _ in 0..MANY {
                let (more, guard) = (beneath.clone(), check.guard());
                let with = |token: CancellationToken| async move {
                    token.cancelled().await;
                    // A draining owner still takes children.
                    let late = more.task_with(|token: CancellationToken| async move {
                        token.cancelled().await;
                        drop(guard);
                    });
                    drop(late.expect("the owner drains"));
                };
                check.node(beneath.task_with(with)?.node());
            }
            owner.drain().await?;
            assert_eq!(check.alive(), 0);
            Ok(())
        })
        .await
        .unwrap();
    });
}
