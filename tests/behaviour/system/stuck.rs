//! Systems with nodes that do not yield.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use super::LONG;
use crate::common::{Check, Guard, multi_thread};
use tenure::prelude::*;
use tenure::{StopError, StopReason};

/// Blocks its thread until it is released.
#[derive(Clone, Default)]
struct Spin {
    stuck: Arc<AtomicUsize>,
    released: Arc<AtomicBool>,
}

impl Spin {
    fn spin(&self) {
        self.stuck.fetch_add(1, Ordering::SeqCst);
        while !self.released.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
    }
}

struct Stuck(Spin, #[allow(dead_code, reason = "counted")] Guard);

impl Actor for Stuck {
    type Msg = ();

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        self.0.spin();
        Ok(())
    }
}

/// Fills all workers with children that do not yield.
struct StuckRoot {
    spin: Spin,
    children: usize,
    check: Check,
    started: mpsc::Sender<ActorRef<()>>,
}

impl StuckRoot {
    /// Starts the root, and a job that asks for its stop once all children are stuck.
    fn new(
        children: usize,
        check: &Check,
    ) -> (Self, Spin, impl FnOnce() -> ActorRef<()> + Send + use<>) {
        let (started, starts) = mpsc::channel();
        let spin = Spin::default();
        let stuck = Arc::clone(&spin.stuck);
        let root = Self {
            spin: spin.clone(),
            children,
            check: check.clone(),
            started,
        };
        let stop = move || {
            let root: ActorRef<()> = starts.recv().unwrap();
            while stuck.load(Ordering::SeqCst) < children {
                std::thread::yield_now();
            }
            drop(root.stop());
            root
        };
        (root, spin, stop)
    }
}

impl Actor for StuckRoot {
    type Msg = ();

    async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        for index in 0..self.children {
            let child = Stuck(self.spin.clone(), self.check.guard());
            let child = ctx.spawn(ChildSpec::new(child).name(format!("stuck-{index}")))?;
            self.check.node(child.node());
            child.try_tell(())?;
        }
        Ok(self.started.send(ctx.me())?)
    }

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        Ok(())
    }
}

/// Waits until what was left behind has ended.
fn await_end(check: &Check) {
    let begin = std::time::Instant::now();
    while check.alive() > 0 && begin.elapsed() < Duration::from_secs(10) {
        std::thread::yield_now();
    }
    assert_eq!(check.alive(), 0, "guards alive after the test");
}

#[test]
fn block_on_returns_although_all_workers_are_stuck() {
    let check = Check::default();
    let workers = std::thread::available_parallelism().unwrap().get();
    let (root, spin, stop) = StuckRoot::new(workers, &check);
    let stopper = std::thread::scope(|threads| {
        let stopper = threads.spawn(stop);
        let ended = System::builder()
            .grace(Duration::from_millis(200))
            .child_grace(Duration::from_millis(100))
            .patience(Duration::from_millis(100))
            .block_on(root);
        let Err(RunError::Unjoined(unjoined)) = ended else {
            panic!("{ended:?}");
        };
        for index in 0..workers {
            let path = format!("/root/stuck-{index}");
            let named = unjoined.nodes().iter().any(|node| node.path == path);
            assert!(named, "{path} in {unjoined}");
        }
        assert_eq!(check.alive(), isize::try_from(workers).unwrap());
        stopper.join().unwrap()
    });
    spin.released.store(true, Ordering::SeqCst);
    await_end(&check);
    drop(stopper);
}

#[test]
fn run_names_what_does_not_yield() {
    multi_thread(async |check| {
        let (root, spin, stop) = StuckRoot::new(1, &check);
        let stopper = std::thread::Builder::new().spawn(stop).unwrap();
        let ended = System::builder()
            .grace(Duration::from_millis(100))
            .child_grace(LONG)
            .patience(Duration::from_millis(100))
            .run(root)
            .await;
        spin.released.store(true, Ordering::SeqCst);
        let Err(RunError::Unjoined(unjoined)) = ended else {
            panic!("{ended:?}");
        };
        assert_eq!(unjoined.nodes()[0].path, "/root/stuck-0");
        await_end(&check);
        let root = stopper.join().unwrap();
        // The root is still owned, and joined when it ends.
        assert!(root.stopped().await.is_err());
    });
}

/// The patience begins with the kill, whoever asked for it, and not with the end of the grace.
#[test]
fn kill_is_seen_by_those_who_wait_for_a_stop() {
    multi_thread(async |check| {
        let system = System::builder()
            .child_grace(LONG)
            .patience(Duration::from_millis(50))
            .start()
            .unwrap();
        let spin = Spin::default();
        let stuck = system.spawn(Stuck(spin.clone(), check.guard())).unwrap();
        check.node(stuck.node());
        stuck.try_tell(()).unwrap();
        while spin.stuck.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        let kill = async {
            // The stop is being awaited by then.
            tokio::task::yield_now().await;
            tokio::task::yield_now().await;
            stuck.kill().await
        };
        let (stopped, killed) = tokio::join!(stuck.stop(), kill);
        assert!(
            matches!(stopped, Err(StopError::Unjoined(_))),
            "{stopped:?}"
        );
        assert!(matches!(killed, Err(StopError::Unjoined(_))), "{killed:?}");
        spin.released.store(true, Ordering::SeqCst);
        let ended = stuck.stopped().await;
        assert!(matches!(ended, Ok(StopReason::Killed)), "{ended:?}");
        system.stop().await.unwrap();
    });
}
