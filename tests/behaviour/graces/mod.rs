//! What bounds a stop: the graces, the limit of its requester, and the patience after a kill.

mod cuts;

use crate::common;

use std::future::pending;
use std::time::Duration;

use common::worker::{Do, Worker};
use common::{Log, in_order, multi_thread, paused};
use tenure::prelude::*;
use tenure::{Cause, Phase, StopError, StopReason};
use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);

/// The paths of what a stop had to cut short.
fn cut_short(outcome: Result<StopReason, StopError>) -> Vec<String> {
    match outcome {
        Err(StopError::CutShort(cut)) => cut.nodes().iter().map(|node| node.path.clone()).collect(),
        other => panic!("{other:?}"),
    }
}

/// Returns once the actor has nothing queued: it is handling its last message, or has handled it.
async fn emptied<M: Send + 'static>(actor: &ActorRef<M>) {
    while actor.node().backlog() > 0 {
        tokio::task::yield_now().await;
    }
}

#[test]
fn graces_do_not_add_up() {
    const NAMES: [&str; 10] = ["c0", "c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8", "c9"];

    // Each cleanup takes 1 s: 9 s one after the other, and 1 s all at once. All share a grace of 5 s.
    for (order, seconds) in [
        (StopOrder::Reverse, 5 + 9 + 1),
        (StopOrder::Concurrent, 5 + 1),
    ] {
        paused(async |check| {
            let log = Log::default();
            tenure::scope(async |scope| {
                let worker = |name| Worker::new(name, &log, &check).cleanup(SECOND).named();
                let p = scope.spawn(worker("p").stop_order(order))?;
                let beneath = p.ask(Do::Lend).await?;
                for name in NAMES {
                    let child = beneath.start(worker(name)).await?;
                    check.node(child.node());
                    if name == "c5" {
                        child.tell(Do::Sleep(1_000 * SECOND)).await?;
                        emptied(&child).await;
                    }
                }
                let start = Instant::now();
                assert_eq!(cut_short(p.stop().await), ["/p/c5"]);
                assert_eq!(start.elapsed(), seconds * SECOND);
                assert_eq!(check.alive(), 0);
                Ok(())
            })
            .await
            .unwrap();
            for name in NAMES.into_iter().chain(["p"]) {
                let cleaned = log.entries().contains(&format!("{name} on_stop"));
                assert_eq!(cleaned, name != "c5", "{name}");
            }
        });
    }
}

#[test]
fn grace_is_not_used_up_by_waiting_for_children() {
    for fails in [false, true] {
        paused(async |check| {
            let log = Log::default();
            let ended = tenure::scope(async |scope| {
                let worker = |name| Worker::new(name, &log, &check);
                let p = worker("p").cleanup(4 * SECOND).named().contain();
                let p = scope.spawn(p)?;
                let beneath = p.ask(Do::Lend).await?;
                let c = worker("c").cleanup(60 * SECOND).named();
                let c = beneath.start(c.grace(100 * SECOND)).await?;
                let told = c.ask(Do::Lend).await?.token();

                // Of its 5 s, the message takes 0.5 s and `on_stop` 4 s.
                let start = Instant::now();
                p.tell(Do::Sleep(SECOND / 2)).await?;
                if fails {
                    p.tell(Do::Fail).await?;
                    // When it is told to stop, it is already waiting for its child.
                    told.cancelled().await;
                } else {
                    emptied(&p).await;
                }
                let outcome = p.stop().await;
                assert_eq!(start.elapsed(), SECOND / 2 + 64 * SECOND);
                match (fails, outcome) {
                    (false, Ok(StopReason::Stopped)) => {}
                    (true, Err(StopError::Failed(failure))) => {
                        assert!(failure.cut_short().is_empty(), "{failure:?}");
                        assert!(matches!(failure.cause(), Cause::Error(_)));
                    }
                    (_, outcome) => panic!("{outcome:?}"),
                }
                Ok(())
            })
            .await;
            ended.unwrap();
            assert_eq!(
                log.entries(),
                ["c on_stop", "c dropped", "p on_stop", "p dropped"]
            );
        });
    }
}

#[test]
fn drain_has_one_grace_for_all_its_messages() {
    paused(async |check| {
        let log = Log::default();
        tenure::scope(async |scope| {
            let p = scope.start(Worker::new("p", &log, &check).named()).await?;
            for _ in 0..3 {
                p.tell(Do::Sleep(2 * SECOND)).await?;
            }
            p.tell(Do::Keep(check.guard())).await?;
            let start = Instant::now();
            assert_eq!(cut_short(p.drain().await), ["/p"]);
            assert_eq!(start.elapsed(), 5 * SECOND);
            assert_eq!(check.alive(), 0);
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(log.entries(), ["p dropped"]);
    });
}

#[test]
fn bound_of_no_time_kills_at_once() {
    paused(async |check| {
        let log = Log::default();
        tenure::scope(async |scope| {
            let p = Worker::new("p", &log, &check).cleanup(SECOND);
            let p = scope.start(p.named()).await?;
            let start = Instant::now();
            assert_eq!(cut_short(p.stop().within(Duration::ZERO).await), ["/p"]);
            assert_eq!(start.elapsed(), Duration::ZERO);
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(log.entries(), ["p dropped"]);
    });
}

#[test]
fn bounds_of_unlimited_time() {
    const FOREVER: Duration = Duration::MAX;

    paused(async |check| {
        let log = Log::default();
        let system = System::builder()
            .grace(FOREVER)
            .child_grace(FOREVER)
            .patience(FOREVER)
            .start()
            .unwrap();
        let slow = |name| {
            Worker::new(name, &log, &check)
                .cleanup(1_000 * SECOND)
                .named()
        };
        let child = system.start(slow("a")).await.unwrap();
        let reply = child.ask(Do::Reply).timeout(FOREVER).await;
        assert_eq!(reply, Ok("a"));
        let keep = Do::Keep(check.guard());
        child.tell(keep).timeout(FOREVER).await.unwrap();
        let spec = Worker::new("full", &log, &check).named();
        let full = system
            .start(spec.mailbox(Mailbox::bounded(1)))
            .await
            .unwrap();
        for _ in 0..3 {
            full.tell(Do::Sleep(SECOND)).timeout(FOREVER).await.unwrap();
        }

        let start = Instant::now();
        child.stop().within(FOREVER).await.unwrap();
        assert_eq!(start.elapsed(), 1_000 * SECOND);
        system.start(slow("b")).await.unwrap();
        system.stop().await.unwrap();
        assert_eq!(start.elapsed(), 2_000 * SECOND);
        let killed = System::builder().patience(FOREVER).start().unwrap();
        killed.task(pending::<()>()).unwrap();
        killed.kill().await.unwrap();
    });
}

#[test]
fn no_patience_does_not_spin() {
    multi_thread(async |check| {
        let system = System::builder()
            .child_grace(Duration::ZERO)
            .patience(Duration::ZERO)
            .start()
            .unwrap();
        let (release, released) = std::sync::mpsc::channel::<()>();
        let (starts, started) = std::sync::mpsc::channel();
        let guard = check.guard();
        let job = system
            .blocking(move |_| {
                let _guard = guard;
                starts.send(()).ok();
                released.recv().ok();
            })
            .unwrap();
        let node = job.node();
        started.recv().unwrap();
        // There are two waits, so that the shell of the system goes on after the first report; more, if that shell was
        // too late to tell the job.
        let mut waits = 0;
        while waits < 2 || node.phase() != Phase::Stopping {
            waits += 1;
            let outcome = system.stop().await;
            assert!(
                matches!(outcome, Err(StopError::Unjoined(_))),
                "{outcome:?}"
            );
        }
        drop(release);
        // The system itself has no steps that could be cut short.
        assert_eq!(cut_short(system.stopped().await), [node.path().as_str()]);
        assert_eq!(check.alive(), 0);
    });
}

/// Uses up tokio's budget in each poll, and never ends.
struct Spends;

impl Actor for Spends {
    type Msg = ();

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        loop {
            tokio::task::coop::consume_budget().await;
        }
    }
}

/// The shell has to notice by itself that its time is up: nobody waits for this end, and the handler uses up the budget
/// without which tokio's timers do not fire.
#[test]
fn grace_of_a_handler_that_spends_its_budget_runs_out() {
    in_order(async |check| {
        let system = System::start().unwrap();
        let spec = ChildSpec::new(Spends).grace(SECOND);
        let spends = system.start(spec).await.unwrap();
        check.node(spends.node());
        spends.tell(()).await.unwrap();
        emptied(&spends).await;
        drop(spends.stop());
        // On a paused clock, time does not pass while a task is always ready.
        for _ in 0..100 {
            tokio::time::advance(SECOND / 10).await;
            tokio::task::yield_now().await;
        }
        assert!(spends.is_stopped());
        assert_eq!(cut_short(spends.stop().await).len(), 1);
        system.stop().await.unwrap();
    });
}
