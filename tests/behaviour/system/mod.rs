//! Systems: the roots of long-lived trees.

mod graces;
mod stuck;

use std::future::pending;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use crate::common::{Check, Guard, Log, paused, poll_unwoken, settled};
use tenure::prelude::*;
use tenure::{Cause, Phase, StopReason};

const LONG: Duration = Duration::from_secs(3_600);

/// A root that does one of these things.
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
    /// Finishes while a child still has something to do.
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
        // A task, so that there is always something to join.
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
                // The child is in its handler when this one finishes.
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
        // The drop requests the kill. The next turns of the runtime carry it out.
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

#[test]
fn without_a_runtime_nothing_starts() {
    let check = Check::default();
    assert!(matches!(System::start(), Err(RunError::NoRuntime)));
    let started = System::builder().start();
    assert!(matches!(started, Err(RunError::NoRuntime)), "{started:?}");
    let run = poll_unwoken(System::run(Root::new(Plan::Finish, &check)));
    assert!(
        matches!(run, Poll::Ready(Err(RunError::NoRuntime))),
        "{run:?}"
    );
    let scope = poll_unwoken(tenure::scope(async |_| Ok(())));
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
