//! A stop or kill overtakes a drain, and the grace ends a drain that takes too long.

use std::future::pending;

use super::SECOND;
use crate::common::worker::{Do, Worker};
use crate::common::{Log, paused};
use tenure::{Phase, StopError, StopReason};
use tokio::time::{Instant, sleep};

#[test]
fn stop_and_kill_overtake_a_drain() {
    paused(async |check| {
        let log = Log::default();
        tenure::scope(async |scope| {
            for kill in [false, true] {
                let p = scope.spawn(Worker::new("p", &log, &check).named())?;
                let beneath = p.ask(Do::Lend).await?;
                let c = beneath.spawn(Worker::new("c", &log, &check).named())?;
                let (guard, task_guard) = (check.guard(), check.guard());
                beneath.task(async move {
                    let _guard = task_guard;
                    sleep(4 * SECOND).await;
                })?;
                p.tell(Do::Sleep(SECOND)).await?;
                c.tell(Do::Keep(guard)).await?;

                // The message takes a second. Then the drain waits for the task.
                let start = Instant::now();
                let draining = p.drain();
                sleep(2 * SECOND).await;
                assert_eq!(p.node().phase(), Phase::Stopping);
                let reason = if kill { p.kill() } else { p.stop() }.await?;
                assert_eq!(start.elapsed(), 2 * SECOND);
                assert_eq!(check.alive(), 0);
                match reason {
                    StopReason::Killed if kill => {}
                    StopReason::Stopped if !kill => {}
                    reason => panic!("{reason:?}"),
                }
                draining.await?;
            }
            Ok(())
        })
        .await
        .unwrap();
        let stopped = ["c on_stop", "c dropped", "p on_stop", "p dropped"];
        let mut entries = log.entries();
        let mut killed = entries.split_off(stopped.len());
        killed.sort();
        assert_eq!(entries, stopped);
        assert_eq!(killed, ["c dropped", "p dropped"]);
    });
}

#[test]
fn drain_of_a_task_that_never_ends_is_cut_short() {
    paused(async |check| {
        let log = Log::default();
        tenure::scope(async |scope| {
            let p = scope.spawn(Worker::new("p", &log, &check).named())?;
            let beneath = p.ask(Do::Lend).await?;
            let guard = check.guard();
            let task = beneath.task(async move {
                let _guard = guard;
                pending::<()>().await
            })?;
            let start = Instant::now();
            let outcome = p.drain().await;
            let Err(StopError::CutShort(cut)) = &outcome else {
                panic!("{outcome:?}");
            };
            assert_eq!(start.elapsed(), 5 * SECOND);
            assert_eq!((cut.nodes().len(), check.alive()), (1, 0));
            assert_eq!(cut.nodes()[0].path, task.node().path());
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(log.entries(), ["p on_stop", "p dropped"]);
    });
}
