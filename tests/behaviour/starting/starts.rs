//! Starts that fail, and starts that are given up.

use std::future::pending;
use std::sync::{Arc, Mutex};

use super::Child;
use crate::common::{Check, Count, Guard, Log, paused};
use tenure::prelude::*;
use tenure::{Phase, StartError, StopReason};
use tokio::sync::Notify;

/// Starts two children and fails.
struct FailingParent {
    log: Log,
    check: Check,
    panics: bool,
}

impl FailingParent {
    fn fail(&self, ctx: &Context<Self>) -> tenure::Result {
        for name in ["c1", "c2"] {
            let child = ctx.spawn(Child::new(name, &self.log, &self.check))?;
            self.check.node(child.node());
        }
        self.log.push("start fails");
        if self.panics {
            panic!("no luck");
        }
        Err("no luck".into())
    }
}

impl Actor for FailingParent {
    type Msg = ();

    async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        self.fail(ctx)
    }

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        unreachable!("it never gets that far")
    }
}

/// Its `start` fails, so there is never an actor.
struct Recipe(FailingParent);

impl Start for Recipe {
    type Actor = FailingParent;

    async fn start(self, ctx: &mut Context<FailingParent>) -> tenure::Result<FailingParent> {
        self.0.fail(ctx)?;
        Ok(self.0)
    }
}

#[test]
fn failed_start_undoes_its_children() {
    fn end(log: &Log) -> Vec<String> {
        log.entries()
    }
    let expected = [
        "start fails",
        "c2 on_stop",
        "c2 dropped",
        "c1 on_stop",
        "c1 dropped",
    ];
    paused(async |check| {
        for panics in [false, true] {
            let log = Log::default();
            let parent = || FailingParent {
                log: log.clone(),
                check: check.clone(),
                panics,
            };
            tenure::scope(async |scope| {
                let started = scope.start(ChildSpec::new(parent()).name("p")).await;
                let Err(StartError::Failed(failure)) = started else {
                    panic!("{started:?}");
                };
                assert_eq!(end(&log), expected);
                assert_eq!(failure.path(), "/p");
                assert!(failure.to_string().contains("no luck"), "{failure}");
                assert!(scope.children().is_empty());
                Ok(())
            })
            .await
            .expect("the failure was told to the caller, and fails nobody else");

            let log = Log::default();
            let parent = || FailingParent {
                log: log.clone(),
                check: check.clone(),
                panics,
            };
            let ended = tenure::scope(async |scope| {
                let started = scope.start(Recipe(parent())).await;
                assert!(matches!(started, Err(StartError::Failed(_))), "{started:?}");
                assert_eq!(end(&log), expected);

                let spawned = scope.spawn(parent())?;
                spawned.stopped().await?;
                Ok(())
            })
            .await;
            let Err(RunError::Failed(failure)) = ended else {
                panic!("{ended:?}");
            };
            assert_eq!(failure.leaves().count(), 1, "{failure:?}");
            assert_eq!(end(&log).len(), 2 * expected.len());
        }
    });
}

/// Its start never returns.
struct Slow {
    entered: Arc<Notify>,
    me: Arc<Mutex<Option<ActorRef<()>>>>,
    log: Log,
    _guard: Guard,
}

impl Actor for Slow {
    type Msg = ();

    async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        *self.me.lock().unwrap() = Some(ctx.me());
        ctx.spawn(Child {
            name: "grandchild",
            log: self.log.clone(),
            starts: Count::default(),
            _guard: Check::default().guard(),
        })?;
        self.entered.notify_one();
        pending().await
    }

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        Ok(())
    }
}

/// Gives up the start of a child as soon as the child's code is running.
struct Impatient {
    check: Check,
    me: Arc<Mutex<Option<ActorRef<()>>>>,
    log: Log,
}

impl Actor for Impatient {
    type Msg = ReplyTo<()>;

    async fn handle(&mut self, reply: ReplyTo<()>, ctx: &mut Context<Self>) -> tenure::Result {
        let entered = Arc::new(Notify::new());
        let slow = Slow {
            entered: Arc::clone(&entered),
            me: Arc::clone(&self.me),
            log: self.log.clone(),
            _guard: self.check.guard(),
        };
        tokio::select! {
            started = ctx.start(ChildSpec::new(slow).name("slow")) => panic!("{started:?}"),
            () = entered.notified() => {}
        }
        reply.send(());
        Ok(())
    }
}

#[test]
fn spawn_future_dropped_in_start() {
    paused(async |check| {
        let (me, log) = (Arc::default(), Log::default());
        let impatient = Impatient {
            check: check.clone(),
            me: Arc::clone(&me),
            log: log.clone(),
        };
        tenure::scope(async |scope| {
            let parent = scope.spawn(impatient)?;
            parent.ask(|reply| reply).await?;
            let slow = me.lock().unwrap().take().unwrap();
            // The owner lives on, so the child is joined although its owner does not end.
            assert!(matches!(slow.stopped().await, Ok(StopReason::Killed)));
            assert_eq!(
                log.entries(),
                ["grandchild dropped"],
                "a kill skips the hooks"
            );
            assert_eq!(check.alive(), 0);
            assert!(parent.node().children().is_empty());

            // The same, with a stop of the owner right after it.
            parent.ask(|reply| reply).await?;
            let slow = me.lock().unwrap().take().unwrap();
            parent.stop().await?;
            assert!(slow.is_stopped());
            check.node(slow.node());
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn start_that_is_stopped_midway_says_so() {
    paused(async |check| {
        let (me, entered) = (Arc::new(Mutex::new(None)), Arc::new(Notify::new()));
        let slow = Slow {
            entered: Arc::clone(&entered),
            me: Arc::clone(&me),
            log: Log::default(),
            _guard: check.guard(),
        };
        tenure::scope(async |scope| {
            let starting = scope.start(slow);
            let killing = async {
                entered.notified().await;
                let slow = me.lock().unwrap().take().unwrap();
                assert_eq!(slow.node().phase(), Phase::Starting);
                slow.kill().await
            };
            let (started, killed) = tokio::join!(starting, killing);
            assert!(matches!(started, Err(StartError::Stopped)), "{started:?}");
            assert!(matches!(killed, Ok(StopReason::Killed)), "{killed:?}");
            Ok(())
        })
        .await
        .unwrap();
    });
}
