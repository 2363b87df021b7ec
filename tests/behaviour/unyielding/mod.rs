//! Code that does not yield: jobs that ignore their tokens, handlers that spin, actors that feed themselves.

mod self_feeding;

use crate::common;

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::task::Poll;
use std::time::Duration;

use common::{Check, Guard, Log, multi_thread};
use tenure::prelude::*;
use tenure::{Kind, Phase, StopError, StopReason, Unjoined};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::yield_now;

/// The grace of nodes that must not be cut short on a busy machine.
const LONG: Duration = Duration::from_secs(600);

/// Polls a future once.
async fn is_pending(future: impl Future) -> bool {
    let mut future = pin!(future);
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_pending())).await
}

fn unjoined(outcome: Result<StopReason, StopError>) -> Unjoined {
    match outcome {
        Err(StopError::Unjoined(unjoined)) => unjoined,
        other => panic!("{other:?}"),
    }
}

#[test]
fn blocking_job_is_joined() {
    multi_thread(async |check| {
        let log = Log::default();
        tenure::scope(async |scope| {
            let (starts, started) = oneshot::channel();
            let (told, is_told) = oneshot::channel();
            let (release, released) = mpsc::channel::<()>();
            let (guard, job_log) = (check.guard(), log.clone());
            let job = scope.blocking(move |token| {
                let _guard = guard;
                starts.send(()).ok();
                Handle::current().block_on(token.cancelled());
                told.send(()).ok();
                // The job takes its time after it was told.
                released.recv().ok();
                std::thread::sleep(Duration::from_millis(300));
                job_log.push("job over");
            })?;
            check.node(job.node());
            started.await?;
            let mut stopping = job.node().stop();
            is_told.await?;
            assert!(is_pending(&mut stopping).await);
            assert_eq!((job.node().phase(), check.alive()), (Phase::Stopping, 1));
            drop(release);
            let reason = stopping.await?;
            log.push("stop over");
            assert_eq!((check.alive(), scope.children().len()), (0, 0));
            assert!(matches!(reason, StopReason::Stopped), "{reason:?}");
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(log.entries(), ["job over", "stop over"]);
    });
}

#[test]
fn blocking_job_of_a_stopped_actor_is_joined() {
    /// Its job runs until the actor's token fires, and a while longer.
    struct Blocks(Option<oneshot::Sender<()>>, Check, Log);

    impl Actor for Blocks {
        type Msg = ();

        async fn handle(&mut self, (): (), ctx: &mut Context<Self>) -> tenure::Result {
            let (starts, guard, log) = (self.0.take(), self.1.guard(), self.2.clone());
            ctx.blocking(move |token| {
                let _guard = guard;
                starts.map(|starts| starts.send(()));
                Handle::current().block_on(token.cancelled());
                std::thread::sleep(Duration::from_millis(300));
                log.push("job over");
            })?;
            Ok(())
        }

        async fn on_stop(&mut self, _: &mut Context<Self>) -> tenure::Result {
            self.2.push("on_stop");
            Ok(())
        }
    }

    multi_thread(async |check| {
        let log = Log::default();
        tenure::scope(async |scope| {
            for kill in [false, true] {
                let (starts, started) = oneshot::channel();
                let actor = scope.spawn(Blocks(Some(starts), check.clone(), log.clone()))?;
                check.node(actor.node());
                actor.tell(()).await?;
                started.await?;
                if kill { actor.kill() } else { actor.stop() }.await?;
                assert_eq!((check.alive(), actor.is_stopped()), (0, true));
            }
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(log.entries(), ["job over", "on_stop", "job over"]);
    });
}

/// Spins in its handler until it is released.
struct Spinner {
    entered: Option<oneshot::Sender<()>>,
    released: Arc<AtomicBool>,
    _guard: Guard,
}

enum SpinnerMsg {
    Spin,
}

impl Actor for Spinner {
    type Msg = SpinnerMsg;

    async fn handle(
        &mut self,
        SpinnerMsg::Spin: SpinnerMsg,
        _: &mut Context<Self>,
    ) -> tenure::Result {
        self.entered.take().map(|entered| entered.send(()));
        while !self.released.load(Ordering::Acquire) {
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    async fn on_stop(&mut self, _: &mut Context<Self>) -> tenure::Result {
        unreachable!("it is killed when its grace is over")
    }

    fn label(_: &SpinnerMsg) -> &'static str {
        "Spin"
    }
}

/// Releases the spinner, also if the test fails.
struct Release(Arc<AtomicBool>);

impl Drop for Release {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// A system on a runtime of its own, whose workers are taken by spinners while the test waits elsewhere.
fn impatient_system(workers: usize) -> (tokio::runtime::Runtime, System) {
    let runtime = common::workers(workers);
    let entered = runtime.enter();
    let system = System::builder()
        .child_grace(Duration::from_millis(20))
        .patience(Duration::from_millis(20))
        .start()
        .unwrap();
    drop(entered);
    (runtime, system)
}

#[test]
fn unjoined_names_the_culprit() {
    let (runtime, system) = impatient_system(3);
    multi_thread(async |check| {
        let released = Arc::new(AtomicBool::new(false));
        let release = Release(Arc::clone(&released));
        let (entered, has_entered) = oneshot::channel();
        let spinner = Spinner {
            entered: Some(entered),
            released: Arc::clone(&released),
            _guard: check.guard(),
        };
        let spec = ChildSpec::new(spinner).name("spinner");
        let (spawned, line) = (system.spawn(spec), line!());
        let spinner = spawned.unwrap();
        check.node(spinner.node());
        spinner.tell(SpinnerMsg::Spin).await.unwrap();
        has_entered.await.unwrap();

        let found = unjoined(spinner.stop().await);
        let [culprit] = found.nodes() else {
            panic!("{found}");
        };
        assert_eq!(culprit.path, "/spinner");
        assert_eq!((culprit.site.file(), culprit.site.line()), (file!(), line));
        assert_eq!(culprit.label, Some("Spin"));
        assert!(culprit.type_name.ends_with("Spinner"), "{culprit}");
        assert_eq!(
            (culprit.kind, culprit.phase),
            (Kind::Actor, Phase::Stopping)
        );
        assert!(culprit.held_for >= Duration::from_millis(40), "{culprit}");

        // The zombie is owned and listed. A second stop names it again.
        assert_eq!(system.child("spinner"), Some(spinner.node()));
        assert_eq!(system.node().snapshot().count(), 1);
        assert_eq!(check.alive(), 1);
        assert_eq!(unjoined(spinner.kill().await).nodes().len(), 1);
        assert_eq!(unjoined(system.stop().await).nodes()[0].path, "/spinner");
        assert!(spinner.tell(SpinnerMsg::Spin).await.is_err());

        // It is joined once it ends, and its end says that it was cut short.
        drop(release);
        let outcome = spinner.stopped().await;
        assert_eq!((check.alive(), system.child("spinner")), (0, None));
        let Err(StopError::CutShort(cut)) = outcome else {
            panic!("{outcome:?}");
        };
        assert_eq!(cut.nodes()[0].path, "/spinner");
        let outcome = system.stopped().await;
        assert!(
            matches!(outcome, Err(StopError::CutShort(_))),
            "{outcome:?}"
        );
        check.node(system.node());
    });
    drop(runtime);
}

/// On a busy machine, a system with so little patience may stop late, but it must not be killed.
async fn end(system: &System) {
    drop(system.kill());
    let reason = system.stopped().await.unwrap();
    assert!(matches!(reason, StopReason::Killed), "{reason:?}");
}

/// Has a spinner among other children, and logs its end.
struct Family {
    log: Log,
    check: Check,
    spinner: Option<Spinner>,
}

struct Sibling(
    &'static str,
    Log,
    #[allow(dead_code, reason = "counted")] Guard,
);

impl Actor for Sibling {
    type Msg = ();

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        Ok(())
    }

    async fn on_stop(&mut self, _: &mut Context<Self>) -> tenure::Result {
        self.1.push(format!("{} on_stop", self.0));
        Ok(())
    }
}

impl Actor for Family {
    type Msg = ();

    async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        let sibling = |name| {
            let sibling = Sibling(name, self.log.clone(), self.check.guard());
            ChildSpec::new(sibling).name(name).grace(LONG)
        };
        ctx.start(sibling("elder")).await?;
        let spinner = self.spinner.take().expect("started once");
        let spinner = ChildSpec::new(spinner).name("spinner");
        let spinner = ctx.spawn(spinner.grace(Duration::from_millis(20)))?;
        spinner.tell(SpinnerMsg::Spin).await?;
        ctx.start(sibling("younger")).await?;
        Ok(())
    }

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        Ok(())
    }

    async fn on_stop(&mut self, _: &mut Context<Self>) -> tenure::Result {
        self.log.push("family on_stop");
        Ok(())
    }
}

#[test]
fn siblings_of_a_zombie_still_stop_in_order() {
    let (runtime, system) = impatient_system(3);
    multi_thread(async |check| {
        let (log, released) = (Log::default(), Arc::new(AtomicBool::new(false)));
        let release = Release(Arc::clone(&released));
        let (entered, has_entered) = oneshot::channel();
        let family = Family {
            log: log.clone(),
            check: check.clone(),
            spinner: Some(Spinner {
                entered: Some(entered),
                released: Arc::clone(&released),
                _guard: check.guard(),
            }),
        };
        let family = system
            .start(ChildSpec::new(family).name("family").grace(LONG))
            .await
            .unwrap();
        check.node(family.node());
        has_entered.await.unwrap();

        // The stops of the siblings do not wait for the zombie to yield; that of their owner does.
        let elder = family.node().children()[0].clone();
        let stopping = family.stop();
        elder.stopped().await.unwrap();
        assert_eq!(log.entries(), ["younger on_stop", "elder on_stop"]);
        let found = unjoined(stopping.await);
        let paths: Vec<_> = found.nodes().iter().map(|node| &node.path).collect();
        assert_eq!(paths, ["/family/spinner"]);
        assert_eq!(check.alive(), 1);

        drop(release);
        let outcome = family.stopped().await;
        assert!(
            matches!(outcome, Err(StopError::CutShort(_))),
            "{outcome:?}"
        );
        assert_eq!(log.entries()[2..], ["family on_stop"]);
        assert_eq!(check.alive(), 0);
        end(&system).await;
    });
    drop(runtime);
}

#[test]
fn scope_reports_what_does_not_yield() {
    let (runtime, system) = impatient_system(3);
    multi_thread(async |check| {
        let (starts, started) = oneshot::channel();
        let (release, released) = mpsc::channel::<()>();
        let guard = check.guard();
        let ended = system
            .task(async move {
                let ended = tenure::scope(async |scope| {
                    let _job = scope.blocking(move |_| {
                        let _guard = guard;
                        starts.send(()).ok();
                        released.recv().ok();
                    })?;
                    started.await?;
                    Ok(())
                })
                .await;
                Ok::<_, tenure::Error>(ended)
            })
            .unwrap();
        let task = ended.node();
        // The scope has reported the job by then, and the task waits for what is left beneath it.
        while task.phase() != Phase::Stopping {
            yield_now().await;
        }
        assert_eq!(system.node().snapshot().count(), 3);
        drop(release);
        let outcome = ended.await.map_err(|error| format!("{error:?}"));
        match outcome {
            Ok(Err(RunError::Unjoined(found))) => {
                assert_eq!(found.nodes().len(), 1, "{found}");
                assert_eq!(found.nodes()[0].kind, Kind::Blocking);
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(check.alive(), 0);
        end(&system).await;
    });
    drop(runtime);
}

/// Blocks its thread until it is released.
struct Blocks(mpsc::Receiver<()>);

impl Actor for Blocks {
    type Msg = oneshot::Sender<()>;

    async fn handle(&mut self, begun: Self::Msg, _: &mut Context<Self>) -> tenure::Result {
        begun.send(()).ok();
        self.0.recv().ok();
        Ok(())
    }
}

#[test]
fn wait_on_another_runtime_does_not_rely_on_a_stuck_one() {
    let workers = common::workers(1);
    let here = common::current_thread();
    let brief = Duration::from_millis(20);
    let system =
        workers.block_on(async { System::builder().child_grace(brief).patience(brief).start() });
    let system = system.unwrap();
    let (release, released) = mpsc::channel();
    let actor = system.spawn(Blocks(released)).unwrap();
    here.block_on(async {
        let (begins, begun) = oneshot::channel();
        actor.tell(begins).await.unwrap();
        begun.await.unwrap();
        let stopped = tokio::time::timeout(Duration::from_secs(60), actor.stop()).await;
        assert_eq!(unjoined(stopped.unwrap()).nodes().len(), 1);
    });
    drop(release);
    workers.block_on(async {
        assert!(matches!(actor.stopped().await, Err(StopError::CutShort(_))));
        system.stop().await.unwrap();
    });
}
