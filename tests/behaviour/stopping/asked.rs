//! Stops that several ask for, and stops whose futures are dropped.

use std::sync::Arc;

use super::millis;
use crate::common::worker::{Do, Worker};
use crate::common::{Count, Guard, Log, multi_thread, paused};
use tenure::prelude::*;
use tenure::{Phase, StopError, StopReason};
use tokio::sync::Barrier;
use tokio::time::{Instant, timeout};

#[test]
fn stop_is_idempotent() {
    paused(async |check| {
        let log = Log::default();
        tenure::scope(async |scope| {
            let worker = |name| Worker::new(name, &log, &check).named();
            let p = scope.start(worker("p")).await?;
            let other = scope.start(worker("other")).await?;
            let beneath = p.ask(Do::Lend).await?;
            let c = beneath.start(worker("c")).await?;
            let beneath = c.ask(Do::Lend).await?;
            let grandchild = beneath.start(worker("grandchild")).await?;

            let not_children = [&other, &grandchild, &p].map(ActorRef::node);
            for node in not_children.into_iter().chain([scope.node()]) {
                let refused = p.ask(|reply| Do::StopChild(node.clone(), reply)).await?;
                assert!(matches!(refused, Err(StopError::NotAChild)), "{refused:?}");
                assert_eq!(node.phase(), Phase::Running);
            }
            assert_eq!(other.ask(Do::Reply).await?, "other");
            assert_eq!(grandchild.ask(Do::Reply).await?, "grandchild");

            let (first, second) = (c.stop(), c.stop());
            let stop_child = p.ask(|reply| Do::StopChild(c.node(), reply)).await?;
            assert!(
                matches!(stop_child, Ok(StopReason::Stopped)),
                "{stop_child:?}"
            );
            for stopping in [first, second, c.stop(), c.drain(), c.kill()] {
                let reason = stopping.await?;
                assert!(matches!(reason, StopReason::Stopped), "{reason:?}");
            }
            // `stop_child` knows a child that has ended, too.
            let again = p.ask(|reply| Do::StopChild(c.node(), reply)).await?;
            assert!(matches!(again, Ok(StopReason::Stopped)), "{again:?}");
            let ends = log.entries();
            assert_eq!(ends.iter().filter(|end| *end == "c on_stop").count(), 1);
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn stop_storm() {
    const TASKS: usize = 64;
    const ORDERS: usize = 1_000;

    struct Target(Count, #[allow(dead_code, reason = "counted")] Guard);

    impl Actor for Target {
        type Msg = ();

        async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
            Ok(())
        }

        async fn on_stop(&mut self, _: &mut Context<Self>) -> tenure::Result {
            self.0.add();
            tokio::task::yield_now().await;
            Ok(())
        }
    }

    multi_thread(async |check| {
        for kills in [false, true, true, true] {
            let stops = Count::default();
            let outcomes = tenure::scope(async |scope| {
                let target = scope.spawn(Target(stops.clone(), check.guard()))?;
                check.node(target.node());
                let barrier = Arc::new(Barrier::new(TASKS));
                let mut storms = Vec::new();
                for task in 0..TASKS {
                    let (target, barrier) = (target.clone(), Arc::clone(&barrier));
                    storms.push(scope.task(async move {
                        barrier.wait().await;
                        let all: Vec<_> = (0..ORDERS)
                            .map(|n| match (n + task) % 2 {
                                0 if kills => target.kill(),
                                _ => target.stop(),
                            })
                            .collect();
                        let mut outcomes = Vec::new();
                        for stopping in all {
                            outcomes.push(format!("{:?}", stopping.await));
                        }
                        outcomes.push(format!("{:?}", target.stop().await));
                        outcomes.push(format!("{:?}", target.kill().await));
                        outcomes.dedup();
                        Ok::<_, tenure::Error>(outcomes)
                    })?);
                }
                let mut outcomes = Vec::new();
                for storm in storms {
                    outcomes.extend(storm.await?);
                }
                Ok(outcomes)
            })
            .await
            .unwrap();
            assert_eq!(outcomes.len(), TASKS);
            assert!(outcomes.iter().all(|one| *one == outcomes[0]));
            match outcomes[0].as_str() {
                "Ok(Stopped)" => assert_eq!(stops.get(), 1),
                "Ok(Killed)" if kills => assert!(stops.get() <= 1),
                other => panic!("{other}"),
            }
        }
    });
}

#[test]
fn stop_future_dropped_midway() {
    paused(async |check| {
        let log = Log::default();
        tenure::scope(async |scope| {
            let c = Worker::new("c", &log, &check).cleanup(millis(100));
            let c = scope.start(c.named()).await?;
            check.node(c.node());
            let start = Instant::now();
            assert!(timeout(millis(10), c.stop()).await.is_err());
            assert_eq!((c.node().phase(), check.alive()), (Phase::Stopping, 1));
            assert_eq!(start.elapsed(), millis(10));
            c.stop().await?;
            assert_eq!(start.elapsed(), millis(100));
            assert_eq!((check.alive(), scope.child("c")), (0, None));

            // The future of this stop is never polled, and somebody else waits for the end.
            let c = scope.start(Worker::new("c", &log, &check).named()).await?;
            drop(c.stop());
            let reason = c.stopped().await?;
            assert!(matches!(reason, StopReason::Stopped), "{reason:?}");
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(
            log.entries(),
            ["c on_stop", "c dropped", "c on_stop", "c dropped"]
        );
    });
}
