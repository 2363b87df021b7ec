//! The order in which nodes stop.

use std::future::pending;
use std::sync::{Arc, Mutex};

use super::{SECOND, cut_short};
use crate::common::node::{Node, run_in};
use crate::common::worker::{Do, Worker};
use crate::common::{Guard, Kept, Log, paused, poll_unwoken};
use tenure::prelude::*;
use tenure::{NodeRef, Phase, StopReason, System, scope_send};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

/// In its `on_stop` and when it is dropped, it logs which of its siblings have not been told to end.
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

/// Logs its drop, which shows when a task or job drops it.
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
            // The bound is for the whole end. The pool has not reached its own `on_stop` by then.
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

/// It was killed before the stop, and holds nobody up but those above.
#[test]
fn order_is_kept_beside_an_older_child_that_does_not_yield() {
    paused(async |check| {
        let (system, log) = (System::start().unwrap(), Log::default());
        let stuck = system.spawn(Node::new(&check, &log)).unwrap();
        let (to, given) = oneshot::channel::<Kept>();
        run_in(&stuck, move |_| {
            let mut kept: Kept = Box::pin(scope_send(|_| pending()));
            assert!(poll_unwoken(&mut kept).is_pending());
            drop(to.send(kept));
        })
        .await;
        let given = given.await.unwrap();
        let worker = |name| Worker::new(name, &log, &check).cleanup(4 * SECOND).named();
        let older = system.spawn(worker("older")).unwrap();
        let younger = system.spawn(worker("younger")).unwrap();
        drop(stuck.kill());
        sleep(10 * SECOND).await;
        drop(system.stop());
        sleep(3 * SECOND).await;
        assert_eq!(younger.node().phase(), Phase::Stopping);
        assert_eq!(older.node().phase(), Phase::Running);
        sleep(3 * SECOND).await;
        assert_eq!(older.node().phase(), Phase::Stopping);
        drop(given);
        drop(system.stop().await);
    });
}
