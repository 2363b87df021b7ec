//! How nodes stop: in which order, in what time, and with what outcome.

use crate::common;

use std::fs::{self, File};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::worker::{Do, Worker};
use common::{Count, Guard, Log, is_simulated, multi_thread, paused, settled};
use tenure::prelude::*;
use tenure::{NodeRef, Phase, StopError, StopReason};
use tokio::sync::{Barrier, Notify};
use tokio::time::{Instant, sleep, timeout};

const SECOND: Duration = Duration::from_secs(1);

fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// The paths of what a stop had to cut short.
fn cut_short(outcome: Result<StopReason, StopError>) -> Vec<String> {
    match outcome {
        Err(StopError::CutShort(cut)) => cut.nodes().iter().map(|node| node.path.clone()).collect(),
        other => panic!("{other:?}"),
    }
}

/// At its `on_stop` and at its drop, logs which of its siblings have not been told to end.
struct Sibling {
    name: &'static str,
    all: Arc<Mutex<Vec<NodeRef>>>,
    log: Log,
    _guard: Guard,
}

impl Sibling {
    fn log(&self, what: &str) {
        let all = self.all.lock().unwrap().clone();
        let untold: Vec<_> = all
            .iter()
            .filter(|node| node.phase() == Phase::Running)
            .filter_map(NodeRef::name)
            .collect();
        let alive = all.iter().filter(|node| node.phase() != Phase::Stopped);
        let (name, untold, alive) = (self.name, untold.join(" "), alive.count());
        self.log
            .push(format!("{name} {what}: {untold} untold, {alive} alive"));
    }
}

impl Actor for Sibling {
    type Msg = ();

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        Ok(())
    }

    async fn on_stop(&mut self, _: &mut Context<Self>) -> tenure::Result {
        sleep(SECOND).await;
        self.log("on_stop");
        Ok(())
    }
}

impl Drop for Sibling {
    fn drop(&mut self) {
        self.log("drop");
    }
}

#[test]
fn children_stop_in_reverse_start_order() {
    paused(async |check| {
        let log = Log::default();
        tenure::scope(async |scope| {
            let p = scope.spawn(Worker::new("p", &log, &check).named())?;
            let beneath = p.ask(Do::Lend).await?;
            let all = Arc::new(Mutex::new(Vec::new()));
            for name in ["c7", "c3", "c10", "c2", "c5"] {
                let sibling = Sibling {
                    name,
                    all: Arc::clone(&all),
                    log: log.clone(),
                    _guard: check.guard(),
                };
                let child = beneath.start(ChildSpec::new(sibling).name(name)).await?;
                all.lock().unwrap().push(child.node());
                check.node(child.node());
            }
            let start = Instant::now();
            let reason = p.stop().await?;
            assert!(matches!(reason, StopReason::Stopped), "{reason:?}");
            assert_eq!(start.elapsed(), 5 * SECOND);
            assert_eq!(check.alive(), 0);
            Ok(())
        })
        .await
        .unwrap();
        let expected = [
            "c5 on_stop: c7 c3 c10 c2 untold, 5 alive",
            "c5 drop: c7 c3 c10 c2 untold, 5 alive",
            "c2 on_stop: c7 c3 c10 untold, 4 alive",
            "c2 drop: c7 c3 c10 untold, 4 alive",
            "c10 on_stop: c7 c3 untold, 3 alive",
            "c10 drop: c7 c3 untold, 3 alive",
            "c3 on_stop: c7 untold, 2 alive",
            "c3 drop: c7 untold, 2 alive",
            "c7 on_stop:  untold, 1 alive",
            "c7 drop:  untold, 1 alive",
            "p on_stop",
            "p dropped",
        ];
        assert_eq!(log.entries(), expected);
    });
}

/// Logs its drop, and so when a task or a job lets go of it.
struct Holds(
    &'static str,
    Log,
    #[allow(dead_code, reason = "counted")] Guard,
);

impl Drop for Holds {
    fn drop(&mut self) {
        self.1.push(self.0);
    }
}

#[test]
fn tasks_stop_before_children() {
    paused(async |check| {
        let log = Log::default();
        tenure::scope(async |scope| {
            let p = scope.spawn(Worker::new("p", &log, &check).named())?;
            let beneath = p.ask(Do::Lend).await?;
            let holds = |name| Holds(name, log.clone(), check.guard());
            let plain = holds("plain task dropped");
            beneath.task(async move {
                sleep(100 * SECOND).await;
                drop(plain);
            })?;
            let careful = holds("task with a token dropped");
            beneath.task_with(|token| async move {
                token.cancelled().await;
                sleep(SECOND).await;
                drop(careful);
            })?;
            beneath
                .start(Worker::new("c", &log, &check).named())
                .await?;
            let start = Instant::now();
            p.stop().await?;
            assert_eq!(start.elapsed(), SECOND);
            assert_eq!(check.alive(), 0);
            Ok(())
        })
        .await
        .unwrap();
        let expected = [
            "plain task dropped",
            "task with a token dropped",
            "c on_stop",
            "c dropped",
            "p on_stop",
            "p dropped",
        ];
        assert_eq!(log.entries(), expected);
    });
}

#[test]
fn grace_then_kill() {
    paused(async |check| {
        let log = Log::default();
        tenure::scope(async |scope| {
            let worker = |name| Worker::new(name, &log, &check).named();
            let p = scope.spawn(worker("p"))?;
            let beneath = p.ask(Do::Lend).await?;
            let c1 = beneath.start(worker("c1")).await?;
            let c2 = beneath.start(worker("c2").grace(SECOND)).await?;
            let c3 = beneath.start(worker("c3").grace(Duration::ZERO)).await?;
            for child in [&c1, &c2, &c3] {
                check.node(child.node());
            }
            c2.tell(Do::Sleep(200 * SECOND)).await?;
            while c2.node().backlog() > 0 {
                tokio::task::yield_now().await;
            }

            let start = Instant::now();
            let outcome = p.stop().await;
            assert_eq!(start.elapsed(), SECOND);
            assert_eq!(check.alive(), 0);
            let Err(StopError::CutShort(cut)) = &outcome else {
                panic!("{outcome:?}");
            };
            let held: Vec<_> = cut
                .nodes()
                .iter()
                .map(|node| (node.path.as_str(), node.held_for))
                .collect();
            assert_eq!(held, [("/p/c3", Duration::ZERO), ("/p/c2", SECOND)]);

            assert!(matches!(c1.stopped().await, Ok(StopReason::Stopped)));
            assert_eq!(cut_short(c2.stopped().await), ["/p/c2"]);
            assert_eq!(cut_short(c3.stopped().await), ["/p/c3"]);
            Ok(())
        })
        .await
        .expect("a stop that was asked for is told to who asked, not to the owner");
        let expected = [
            "c3 dropped",
            "c2 dropped",
            "c1 on_stop",
            "c1 dropped",
            "p on_stop",
            "p dropped",
        ];
        assert_eq!(log.entries(), expected);
    });
}

#[test]
fn concurrent_order_shares_one_deadline() {
    paused(async |check| {
        let log = Log::default();
        tenure::scope(async |scope| {
            let worker = |name| Worker::new(name, &log, &check);
            let pool = worker("pool").named().stop_order(StopOrder::Concurrent);
            let pool = scope.spawn(pool)?;
            let beneath = pool.ask(Do::Lend).await?;
            for (name, seconds) in [("c1", 1), ("c2", 1), ("c3", 5)] {
                let child = worker(name).cleanup(seconds * SECOND).named();
                let child = child.grace(10 * SECOND);
                check.node(beneath.start(child).await?.node());
            }
            let start = Instant::now();
            let outcome = pool.stop().within(2 * SECOND).await;
            assert_eq!(start.elapsed(), 2 * SECOND);
            assert_eq!(check.alive(), 0);
            // The bound was for the whole, and the pool had not come to its own `on_stop` yet.
            assert_eq!(cut_short(outcome), ["/pool/c3", "/pool"]);
            Ok(())
        })
        .await
        .unwrap();
        let mut entries = log.entries();
        entries[..4].sort();
        let expected = [
            "c1 dropped",
            "c1 on_stop",
            "c2 dropped",
            "c2 on_stop",
            "c3 dropped",
            "pool dropped",
        ];
        assert_eq!(entries, expected);
    });
}

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
            // Gone, it still is a child.
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

/// Its state holds a lock on a file, and its `on_stop` takes its time.
struct Locker {
    file: File,
    _guard: Guard,
}

impl Actor for Locker {
    type Msg = ();

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        Ok(())
    }

    #[expect(clippy::incompatible_msrv, reason = "tests may use what is newer")]
    async fn on_start(&mut self, _: &mut Context<Self>) -> tenure::Result {
        Ok(self.file.try_lock()?)
    }

    async fn on_stop(&mut self, _: &mut Context<Self>) -> tenure::Result {
        sleep(millis(200)).await;
        Ok(())
    }
}

#[test]
fn stop_returns_after_on_stop_and_drop() {
    let path = std::env::temp_dir().join(format!("tenure-lock-{}", std::process::id()));
    paused(async |check| {
        let probe = File::create(&path).unwrap();
        tenure::scope(async |scope| {
            let file = File::open(&path)?;
            let _guard = check.guard();
            let locker = scope.start(Locker { file, _guard }).await?;
            assert!(probe.try_lock().is_err());
            let start = Instant::now();
            locker.stop().await?;
            assert!(probe.try_lock().is_ok());
            assert_eq!((check.alive(), locker.is_stopped()), (0, true));
            assert_eq!(start.elapsed(), millis(200));
            Ok(())
        })
        .await
        .unwrap();
    });
    fs::remove_file(path).unwrap();
}

/// Counts its messages; waits at each for its gate.
struct Gated {
    handled: Count,
    gate: Arc<Notify>,
}

enum GatedMsg {
    Tell(#[allow(dead_code, reason = "counted")] Guard),
    Ask(#[allow(dead_code, reason = "only its drop matters")] ReplyTo<()>),
}

impl Actor for Gated {
    type Msg = GatedMsg;

    async fn handle(&mut self, msg: GatedMsg, _: &mut Context<Self>) -> tenure::Result {
        self.handled.add();
        self.gate.notified().await;
        drop(msg);
        Ok(())
    }
}

#[test]
fn stop_is_not_behind_the_backlog() {
    paused(async |check| {
        let (tells, asks) = if is_simulated() {
            (90, 10)
        } else {
            (999_000, 1_000)
        };
        let (handled, gate) = (Count::default(), Arc::new(Notify::new()));
        tenure::scope(async |scope| {
            let actor = Gated {
                handled: handled.clone(),
                gate: Arc::clone(&gate),
            };
            let spec = ChildSpec::new(actor).mailbox(Mailbox::unbounded());
            let actor = scope.spawn(spec)?;
            let ask = async |asks| {
                let mut asked = Vec::new();
                for _ in 0..asks {
                    let ask = actor.ask(GatedMsg::Ask).owned();
                    asked.push(scope.task(async move { tenure::Ok(ask.await) })?);
                }
                settled().await;
                tenure::Ok(asked)
            };
            // The first is handled. Half of the others are queued before the tells, and half after them.
            let mut asked = ask(1).await?;
            assert_eq!((handled.get(), actor.node().backlog()), (1, 0));
            asked.extend(ask(asks / 2 - 1).await?);
            for _ in 0..tells {
                actor.try_tell(GatedMsg::Tell(check.guard()))?;
            }
            asked.extend(ask(asks / 2).await?);
            assert_eq!(
                (handled.get(), actor.node().backlog()),
                (1, tells + asks - 1)
            );

            let start = Instant::now();
            let stopping = actor.stop();
            gate.notify_one();
            stopping.await?;
            assert_eq!((handled.get(), check.alive()), (1, 0));
            let mut outcomes = Vec::new();
            for ask in asked {
                outcomes.push(ask.await?);
            }
            assert_eq!(outcomes[0], Err(AskError::NoReply));
            assert!(
                outcomes[1..]
                    .iter()
                    .all(|one| *one == Err(AskError::Stopped))
            );
            assert_eq!(start.elapsed(), Duration::ZERO);
            Ok(())
        })
        .await
        .unwrap();
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

            // Never polled at all, and only waited for by another.
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
