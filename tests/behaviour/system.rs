//! Systems: the long-lived tops of trees.

use crate::common;

use std::future::{Future, pending};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::Duration;

use common::{Check, Guard, Log, multi_thread, paused, settled};
use tenure::prelude::*;
use tenure::{Cause, Phase, StopError, StopReason};
use tokio::time::Instant;

/// A root that does one thing.
struct Root {
    plan: Plan,
    log: Log,
    check: Check,
    _guard: Guard,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Plan {
    Finish,
    Drain,
    FailToStart,
    Fail,
    Panic,
    /// Finishes, with a child that takes its time and more.
    FinishWithSlowChild,
    Hang,
}

impl Root {
    fn new(plan: Plan, check: &Check) -> Self {
        Self {
            plan,
            log: Log::default(),
            check: check.clone(),
            _guard: check.guard(),
        }
    }
}

impl Actor for Root {
    type Msg = ();

    async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        self.log.push(ctx.me().path());
        self.check.node(ctx.node());
        let guard = self.check.guard();
        // So that there is always something to be joined.
        ctx.task_with(|token| async move {
            let _guard = guard;
            token.cancelled().await;
        })?;
        match self.plan {
            Plan::FailToStart => return Err("no start".into()),
            Plan::FinishWithSlowChild => {
                let child = Self::new(Plan::Hang, &self.check);
                let child = ctx.spawn(ChildSpec::new(child).name("slow"))?;
                child.try_tell(())?;
                // It is in its handler when this one finishes.
                while child.node().label().is_none() {
                    tokio::task::yield_now().await;
                }
                ctx.me().try_tell(())?;
            }
            _ => ctx.me().try_tell(())?,
        }
        Ok(())
    }

    async fn handle(&mut self, (): (), ctx: &mut Context<Self>) -> tenure::Result {
        match self.plan {
            Plan::Finish | Plan::FinishWithSlowChild => ctx.stop(),
            Plan::Drain => ctx.drain(),
            Plan::Fail => return Err("no luck".into()),
            Plan::Panic => panic!("no luck at all"),
            Plan::Hang => pending::<()>().await,
            Plan::FailToStart => unreachable!("it has not started"),
        }
        Ok(())
    }

    async fn on_stop(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        assert!(ctx.children().is_empty());
        self.log.push("on_stop");
        Ok(())
    }
}

#[test]
fn run_ends_with_its_root() {
    paused(async |check| {
        for plan in [Plan::Finish, Plan::Drain] {
            let root = Root::new(plan, &check);
            let log = root.log.clone();
            System::run(root).await.unwrap();
            assert_eq!(check.alive(), 0, "all of it is gone");
            assert_eq!(log.entries(), ["/root", "on_stop"]);

            let root = Root::new(plan, &check);
            let log = root.log.clone();
            System::builder()
                .name("shop")
                .run(ChildSpec::new(root).name("manager"))
                .await
                .unwrap();
            assert_eq!(log.entries(), ["shop:/manager", "on_stop"]);
        }
    });
}

#[test]
fn run_returns_the_failure_of_its_root() {
    paused(async |check| {
        for (plan, leaf) in [
            (Plan::FailToStart, "/root failed: no start"),
            (Plan::Fail, "/root failed: no luck"),
            (Plan::Panic, "/root panicked: no luck at all"),
        ] {
            let ended = System::run(Root::new(plan, &check)).await;
            assert_eq!(check.alive(), 0, "all of it is gone");
            let Err(RunError::Failed(failure)) = ended else {
                panic!("{plan:?}: {ended:?}");
            };
            let leaves: Vec<_> = failure.leaves().map(ToString::to_string).collect();
            assert_eq!(leaves, [leaf]);
            assert_eq!(failure.path(), "/");
            assert!(matches!(failure.cause(), Cause::Beneath));
        }
    });
}

#[test]
fn contained_root_fails_nobody() {
    paused(async |check| {
        let root = ChildSpec::new(Root::new(Plan::Fail, &check)).contain();
        System::run(root).await.unwrap();
    });
}

#[test]
fn run_refuses_what_cannot_be_a_root() {
    paused(async |check| {
        for bad_name in [false, true] {
            let root = ChildSpec::new(Root::new(Plan::Finish, &check));
            let ended = System::run(if bad_name {
                root.name("a/b")
            } else {
                root.mailbox(Mailbox::bounded(0))
            })
            .await;
            assert!(matches!(ended, Err(RunError::Failed(_))), "{ended:?}");
            assert_eq!(check.alive(), 0);
        }
    });
}

#[test]
fn dropped_run_kills_its_root() {
    paused(async |check| {
        let root = Root::new(Plan::Hang, &check);
        let log = root.log.clone();
        {
            let mut run = pin!(System::run(root));
            tokio::select! {
                biased;
                ended = &mut run => panic!("{ended:?}"),
                () = settled() => {}
            }
            assert_eq!(log.entries(), ["/root"]);
        }
        // The kill is requested; the next turn of the runtime does it.
        while check.alive() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(log.entries(), ["/root"], "without its hooks");
    });
}

#[test]
fn dropped_system_kills() {
    paused(async |check| {
        let system = System::start().unwrap();
        let node = system.node();
        let root = Root::new(Plan::Hang, &check);
        let log = root.log.clone();
        let root = system.start(root).await.unwrap();
        let spawner = system.spawner();
        drop(system);
        assert!(matches!(spawner.task(async {}), Err(SpawnError::Closed(_))));
        let ended = root.stopped().await;
        assert!(matches!(ended, Ok(StopReason::Killed)), "{ended:?}");
        let ended = node.stopped().await;
        assert!(matches!(ended, Ok(StopReason::Killed)), "{ended:?}");
        assert_eq!(log.entries(), [root.path()], "without its hooks");
        check.node(node);
    });
}

#[test]
fn system_that_was_stopped_is_dropped_quietly() {
    paused(async |check| {
        for drains in [false, true] {
            let system = System::start().unwrap();
            let node = system.node();
            let root = system.start(Root::new(Plan::Hang, &check)).await.unwrap();
            root.kill().await.unwrap();
            let root = system.start(Root::new(Plan::Finish, &check)).await.unwrap();
            let stopped = system.stopped();
            let ending = if drains {
                system.drain()
            } else {
                system.stop()
            };
            drop(system);
            let ended = ending.await.unwrap();
            match drains {
                true => assert!(matches!(ended, StopReason::Drained), "{ended:?}"),
                false => assert!(matches!(ended, StopReason::Stopped), "{ended:?}"),
            }
            assert!(stopped.await.is_ok());
            assert!(root.is_stopped());
            assert_eq!(node.phase(), Phase::Stopped);
        }
    });
}

const GRACE: Duration = Duration::from_secs(3);
const LONG: Duration = Duration::from_secs(3_600);

#[test]
fn grace_of_a_system_bounds_its_stop() {
    paused(async |check| {
        for drains in [false, true] {
            let system = System::builder()
                .grace(GRACE)
                .child_grace(LONG)
                .start()
                .unwrap();
            let root = ChildSpec::new(Root::new(Plan::Hang, &check)).name("stuck");
            system.start(root).await.unwrap();
            tokio::task::yield_now().await;
            let begin = Instant::now();
            let ended = if drains {
                system.drain().await
            } else {
                system.stop().await
            };
            assert_eq!(begin.elapsed(), GRACE);
            let Err(StopError::CutShort(cut)) = ended else {
                panic!("{ended:?}");
            };
            let named = cut.nodes().iter().any(|node| node.path == "/stuck");
            assert!(named, "{cut}");
        }
    });
}

#[test]
fn grace_of_a_system_bounds_the_end_of_its_root() {
    paused(async |check| {
        let begin = Instant::now();
        let ended = System::builder()
            .grace(GRACE)
            .child_grace(LONG)
            .run(Root::new(Plan::FinishWithSlowChild, &check))
            .await;
        assert_eq!(begin.elapsed(), GRACE);
        assert_eq!(check.alive(), 0);
        let Err(RunError::CutShort(cut)) = ended else {
            panic!("{ended:?}");
        };
        let named = cut.nodes().iter().any(|node| node.path == "/root/slow");
        assert!(named, "{cut}");
    });
}

#[test]
fn default_of_a_system_is_that_of_its_nodes() {
    paused(async |check| {
        let system = System::builder()
            .child_grace(GRACE)
            .mailbox(Mailbox::bounded(2))
            .start()
            .unwrap();
        let actor = system.start(Root::new(Plan::Hang, &check)).await.unwrap();
        // One is being handled, and two are queued.
        tokio::task::yield_now().await;
        actor.try_tell(()).unwrap();
        actor.try_tell(()).unwrap();
        assert!(actor.try_tell(()).unwrap_err().is_full());
        let begin = Instant::now();
        let ended = actor.stop().await;
        assert!(matches!(ended, Err(StopError::CutShort(_))), "{ended:?}");
        assert_eq!(begin.elapsed(), GRACE);
        system.stop().await.unwrap();
    });
}

/// What a future gives when it is polled once, outside of any runtime.
fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut TaskContext::from_waker(Waker::noop()))
}

#[test]
fn without_a_runtime_nothing_starts() {
    let check = Check::default();
    assert!(matches!(System::start(), Err(RunError::NoRuntime)));
    let started = System::builder().start();
    assert!(matches!(started, Err(RunError::NoRuntime)), "{started:?}");
    let run = poll_once(System::run(Root::new(Plan::Finish, &check)));
    assert!(
        matches!(run, Poll::Ready(Err(RunError::NoRuntime))),
        "{run:?}"
    );
    let scope = poll_once(tenure::scope(async |_| Ok(())));
    assert!(
        matches!(scope, Poll::Ready(Err(RunError::NoRuntime))),
        "{scope:?}"
    );
    check.assert_clean();
}

#[test]
fn block_on_inside_a_runtime_is_an_error() {
    paused(async |check| {
        let ended = System::block_on(Root::new(Plan::Finish, &check));
        assert!(matches!(ended, Err(RunError::InsideRuntime)), "{ended:?}");
        assert_eq!(check.alive(), 0, "nothing of it was kept");
    });
}

#[test]
fn block_on_returns_when_all_is_gone() {
    let check = Check::default();
    let root = Root::new(Plan::Finish, &check);
    let log = root.log.clone();
    System::block_on(root).unwrap();
    check.assert_clean();
    assert_eq!(log.entries(), ["/root", "on_stop"]);

    let ended = System::builder().block_on(Root::new(Plan::Panic, &check));
    check.assert_clean();
    assert!(matches!(ended, Err(RunError::Failed(_))), "{ended:?}");
}

/// Blocks a thread until it is let.
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
    /// The root, and a job that stops it once all of its children are stuck.
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

/// What was left behind ends once it can.
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
        // Its owner has it still, and reaps it.
        assert!(root.stopped().await.is_err());
    });
}

/// The patience begins with the kill, whoever asked for that, and not with the end of the grace.
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
            // The other stop waits by then.
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
