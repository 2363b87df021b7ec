//! How nodes stop: in which order, in what time, and with what outcome.

mod asked;
mod order;

use std::fs::{self, File};
use std::sync::Arc;
use std::time::Duration;

use crate::common::worker::{Do, Worker};
use crate::common::{Count, Guard, Log, is_simulated, paused, settled};
use tenure::prelude::*;
use tenure::{StopError, StopReason};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

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

/// Holds a lock on a file in its state. Its `on_stop` takes 200 ms.
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

/// Counts its messages, and waits for its gate in each.
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
            // The first ask is being handled. Half of the others are queued before the tells, half after them.
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
