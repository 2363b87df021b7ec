//! Blocking jobs that wait for a thread.

mod common;

use std::sync::mpsc;
use std::time::{Duration, Instant};

use common::{Check, Count};
use tenure::prelude::*;
use tenure::{StopReason, TaskError};
use tokio::runtime::{Builder, Runtime};

/// Time that nothing here needs.
const LONG: Duration = Duration::from_secs(4);

/// A runtime with one thread for blocking jobs.
fn runtime() -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(1)
        .enable_all()
        .build()
        .unwrap()
}

/// Holds the one thread until it is told to let go.
async fn hold(spawner: &Spawner) -> mpsc::Sender<()> {
    let (let_go, gate) = mpsc::channel();
    let (begin, begun) = tokio::sync::oneshot::channel();
    let holding = spawner.blocking(move |_| {
        begin.send(()).ok();
        gate.recv().ok();
    });
    drop(holding.unwrap());
    begun.await.unwrap();
    let_go
}

#[test]
fn job_that_has_not_begun_is_dropped_at_a_stop_or_kill() {
    for kill in [false, true] {
        let runtime = runtime();
        let check = Check::default();
        runtime.block_on(async {
            let system = System::start().unwrap();
            let other = System::start().unwrap();
            let let_go = hold(&other).await;
            let (ran, guard) = (Count::default(), check.guard());
            let count = ran.clone();
            let queued = system
                .blocking(move |_| {
                    let _guard = guard;
                    count.add();
                })
                .unwrap();
            check.node(queued.node());
            let begin = Instant::now();
            let ended = if kill {
                system.kill().await
            } else {
                system.stop().await
            };
            assert!(ended.is_ok(), "{ended:?}");
            assert!(begin.elapsed() < LONG);
            check.assert_clean();
            let value = queued.await;
            assert!(matches!(value, Err(TaskError::Stopped(_))), "{value:?}");
            let_go.send(()).unwrap();
            other.stop().await.unwrap();
            assert_eq!(ran.get(), 0);
        });
    }
}

/// It was accepted.
#[test]
fn drain_waits_for_a_job_that_has_not_begun() {
    runtime().block_on(async {
        let system = System::start().unwrap();
        let other = System::start().unwrap();
        let let_go = hold(&other).await;
        let ran = Count::default();
        let count = ran.clone();
        let queued = system.blocking(move |_| count.add()).unwrap();
        let draining = system.drain();
        let_go.send(()).unwrap();
        assert!(matches!(draining.await, Ok(StopReason::Drained)));
        assert_eq!(ran.get(), 1);
        queued.await.unwrap();
        other.stop().await.unwrap();
    });
}

#[test]
fn job_that_a_runtime_never_begins_ends_with_it() {
    let runtime = runtime();
    let check = Check::default();
    let let_go = runtime.block_on(async {
        let system = System::start().unwrap();
        let let_go = hold(&system).await;
        let guard = check.guard();
        let queued = system
            .blocking(move |_| {
                let _guard = guard;
            })
            .unwrap();
        check.node(queued.node());
        std::mem::forget(system);
        let_go
    });
    let_go.send(()).unwrap();
    drop(runtime);
    check.assert_clean();
}

#[test]
fn stop_races_with_the_thread_that_takes_the_job() {
    let runtime = runtime();
    let check = Check::default();
    runtime.block_on(async {
        for _ in 0..300 {
            let system = System::start().unwrap();
            let guard = check.guard();
            let job = system
                .blocking(move |_| {
                    let _guard = guard;
                })
                .unwrap();
            drop(job);
            system.stop().await.unwrap();
            assert_eq!(check.alive(), 0);
        }
    });
}
