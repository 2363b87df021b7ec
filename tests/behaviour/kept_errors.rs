//! What a node keeps after its end: the error it failed with, and a task's value.

use crate::common;

use std::fmt;
use std::future::Future;

use common::{Guard, paused, settled};
use tenure::prelude::*;
use tenure::{Cause, Failure, StartError, StopError, TaskError, TaskSpec};

/// An error that holds a reference to the actor that fails with it.
struct Selfish {
    #[allow(dead_code, reason = "held")]
    actor: Option<ActorRef<()>>,
    _guard: Guard,
}

impl fmt::Debug for Selfish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Selfish")
    }
}

impl fmt::Display for Selfish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it thinks of itself")
    }
}

impl std::error::Error for Selfish {}

struct Failing(Option<Guard>);

impl Actor for Failing {
    type Msg = ();

    async fn handle(&mut self, (): (), ctx: &mut Context<Self>) -> tenure::Result {
        let error = Selfish {
            actor: Some(ctx.me()),
            _guard: self.0.take().unwrap(),
        };
        Err(error.into())
    }
}

fn is_selfish(failure: &Failure) -> bool {
    match failure.leaves().next().map(Failure::cause) {
        Some(Cause::Error(error)) => error.downcast_ref::<Selfish>().is_some(),
        _ => false,
    }
}

/// The rule: memory follows what is alive. A node does not keep an error that holds the node.
#[test]
fn error_that_holds_its_own_actor_is_let_go() {
    paused(async |check| {
        for contained in [true, false] {
            let kept = std::sync::Mutex::new(None);
            let ended = tenure::scope(async |scope| {
                let mut spec = ChildSpec::new(Failing(Some(check.guard()))).name("selfish");
                if contained {
                    spec = spec.contain();
                }
                let failing = scope.spawn(spec)?;
                *kept.lock().unwrap() = Some(failing.clone());
                failing.tell(()).await?;
                drop(failing.stopped().await);
                Ok(())
            })
            .await;
            assert_eq!(ended.is_ok(), contained, "{ended:?}");
            drop(ended);
            assert_eq!(check.alive(), 0, "contained: {contained}");
            // Whoever asks later is given the text of the error.
            let failing = kept.lock().unwrap().take().unwrap();
            let Err(StopError::Failed(failure)) = failing.stopped().await else {
                panic!("it has failed");
            };
            assert!(!is_selfish(&failure));
            assert!(
                failure.to_string().contains("it thinks of itself"),
                "{failure}"
            );
        }
    });
}

/// Those who wait when the end comes are given the error itself, and so is the owner of a task's handle.
#[test]
fn those_who_wait_get_the_error_itself() {
    paused(async |check| {
        let ended = tenure::scope(async |scope| {
            let failing = ChildSpec::new(Failing(Some(check.guard()))).contain();
            let failing = scope.spawn(failing)?;
            let waits = scope.task({
                let failing = failing.clone();
                async move {
                    match failing.stopped().await {
                        Err(StopError::Failed(failure)) => assert!(is_selfish(&failure)),
                        other => panic!("{other:?}"),
                    }
                }
            })?;
            settled().await;
            failing.tell(()).await?;
            waits.await?;
            Ok(())
        })
        .await;
        assert!(ended.is_ok(), "{ended:?}");

        // The task has failed before it is awaited.
        let system = System::start().unwrap();
        let task = system.task(failing_task(check.guard())).unwrap();
        settled().await;
        assert!(task.node().outcome().is_some());
        match task.await {
            Err(TaskError::Failed(failure)) => assert!(is_selfish(&failure)),
            other => panic!("{other:?}"),
        }
        system.stop().await.unwrap();
    });
}

/// A task that fails with an error of its own, and fails nobody else.
fn failing_task(
    guard: Guard,
) -> TaskSpec<impl Future<Output = Result<(), Selfish>> + Send + 'static> {
    let fails = async move {
        Err(Selfish {
            actor: None,
            _guard: guard,
        })
    };
    TaskSpec::new(fails).contain()
}

/// The error goes with the task's handle, whether that is dropped before the end or after it, even if somebody keeps a
/// reference to the node.
#[test]
fn nothing_is_kept_for_a_handle_that_is_gone() {
    paused(async |check| {
        let system = System::start().unwrap();
        for is_late in [false, true] {
            let fails = system.task(failing_task(check.guard())).unwrap();
            let value = check.guard();
            let gives = system.task(async move { tenure::Ok(value) }).unwrap();
            let nodes = [fails.node(), gives.node()];
            if is_late {
                settled().await;
                assert_eq!(check.alive(), 2, "they may be awaited still");
            }
            drop((fails, gives));
            settled().await;
            assert_eq!(check.alive(), 0, "late: {is_late}");
            assert!(nodes.iter().all(|node| node.outcome().is_some()));
        }
        system.stop().await.unwrap();
    });
}

/// Its start fails before anybody has polled the wait for it.
struct FailingStart(Guard);

impl Start for FailingStart {
    type Actor = Failing;

    async fn start(self, _: &mut Context<Failing>) -> tenure::Result<Failing> {
        let error = Selfish {
            actor: None,
            _guard: self.0,
        };
        Err(error.into())
    }
}

#[test]
fn whoever_looks_late_at_a_start_gets_the_error_itself() {
    paused(async |check| {
        tenure::scope(async |scope| {
            let starting = scope.start(FailingStart(check.guard()));
            settled().await;
            match starting.await {
                Err(StartError::Failed(failure)) => assert!(is_selfish(&failure), "{failure:?}"),
                other => panic!("{other:?}"),
            }
            Ok(())
        })
        .await
        .unwrap();
    });
}
