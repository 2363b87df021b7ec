//! Tasks with a name, a grace, a deadline, or contained failures.

mod deadlines;
mod names;
mod significant;

use std::time::Duration;

use crate::common::node::{self, Node, run_in};
use crate::common::{Log, paused};
use tenure::prelude::*;
use tenure::{Cause, RunError, StopError, StopReason, TaskError};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

const SECOND: Duration = Duration::from_secs(1);

async fn pending() {
    std::future::pending().await
}

#[test]
fn whatever_starts_tasks_takes_a_spec() {
    paused(async |check| {
        let system = System::start().unwrap();
        let spawner = system.spawner();
        let spec = |name: &str| TaskSpec::new(async {}).name(name);
        let mut tasks = vec![
            system.task(spec("by-system")).unwrap(),
            spawner.task(spec("by-spawner")).unwrap(),
        ];
        let (send, received) = oneshot::channel();
        let actor = system.spawn(Node::new(&check, &Log::default())).unwrap();
        run_in(&actor, move |ctx| {
            let task = ctx.task(TaskSpec::new(async {}).name("by-context"));
            assert!(send.send(task.unwrap()).is_ok());
        })
        .await;
        tasks.push(received.await.unwrap());
        let scoped = tenure::scope(async |scope| Ok(scope.task(spec("by-scope"))?));
        tasks.push(scoped.await.unwrap());
        let names: Vec<_> = tasks.iter().map(|task| task.node().name()).collect();
        let expected = ["by-system", "by-spawner", "by-context", "by-scope"];
        assert_eq!(names, expected.map(|name| Some(String::from(name))));
        system.drain().await.unwrap();
    });
}

#[test]
fn task_has_the_grace_of_its_spec_and_not_that_of_its_owner() {
    paused(async |check| {
        let start = Instant::now();
        tenure::scope(async |scope| {
            let owner = Node::new(&check, &Log::default())
                .named("owner")
                .grace(SECOND);
            let owner = scope.spawn(owner)?;
            run_in(&owner, |ctx| {
                let slow = TaskSpec::with_token(|token| async move {
                    token.cancelled().await;
                    sleep(8 * SECOND).await;
                });
                ctx.task(slow.grace(10 * SECOND)).unwrap();
            })
            .await;
            assert!(matches!(owner.stop().await, Ok(StopReason::Stopped)));
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(start.elapsed(), 8 * SECOND);
    });
}

#[test]
fn task_that_takes_longer_than_the_grace_of_its_spec_is_cut_and_named() {
    paused(async |check| {
        tenure::scope(async |scope| {
            let owner = scope.spawn(Node::new(&check, &Log::default()).named("owner"))?;
            run_in(&owner, |ctx| {
                let slow = TaskSpec::new(pending()).name("slow").grace(SECOND);
                ctx.task(slow).unwrap();
            })
            .await;
            let start = Instant::now();
            let Err(StopError::CutShort(cut)) = owner.drain().await else {
                panic!("it is cut")
            };
            assert_eq!(start.elapsed(), SECOND);
            assert_eq!(cut.nodes()[0].path, "/owner/slow");
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn failure_of_a_contained_task_fails_nobody_but_whoever_awaits_it_is_told() {
    paused(async |_| {
        tenure::scope(async |scope| {
            let failing = async { Err::<(), _>("no route") };
            let task = scope.task(TaskSpec::new(failing).contain())?;
            let Err(TaskError::Failed(failure)) = task.await else {
                panic!("it fails")
            };
            assert!(
                matches!(failure.cause(), Cause::Error(error) if error.to_string() == "no route")
            );
            let panicking = TaskSpec::blocking(|_| -> () { panic!("no disk") });
            let task = scope.task(panicking.contain())?;
            assert!(matches!(task.await, Err(TaskError::Failed(_))));
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn failure_of_a_task_that_is_not_contained_fails_its_owner() {
    paused(async |_| {
        let end = tenure::scope(async |scope| {
            scope.task(TaskSpec::new(async { Err::<(), _>("no route") }).name("upload"))?;
            pending().await;
            Ok(())
        });
        let RunError::Failed(failure) = end.await.unwrap_err() else {
            panic!("it fails")
        };
        let leaf = failure.leaves().next().unwrap();
        assert_eq!(leaf.to_string(), "/upload failed: no route");
    });
}

#[test]
fn pipe_is_cancelled_by_its_handle_and_sends_nothing() {
    paused(async |check| {
        tenure::scope(async |scope| {
            let log = Log::default();
            let actor = scope.spawn(Node::new(&check, &log))?;
            let (send, received) = oneshot::channel();
            let guard = check.guard();
            run_in(&actor, move |ctx| {
                let slow = async move {
                    let _guard = guard;
                    sleep(SECOND).await;
                    String::from("piped")
                };
                assert!(send.send(ctx.pipe(slow, node::Msg::Note).unwrap()).is_ok());
            })
            .await;
            let pipe = received.await?;
            pipe.cancel();
            assert!(matches!(
                pipe.await,
                Err(TaskError::Stopped(StopReason::Stopped))
            ));
            sleep(2 * SECOND).await;
            actor.drain().await?;
            assert_eq!(log.entries(), Vec::<String>::new());
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn task_that_is_cancelled_after_its_end_keeps_its_value() {
    paused(async |_| {
        tenure::scope(async |scope| {
            let task = scope.task(async { tenure::Ok(7) })?;
            task.node().stopped().await?;
            task.cancel();
            assert_eq!(task.await?, 7);
            Ok(())
        })
        .await
        .unwrap();
    });
}
