//! The names of tasks, and which of them are refused.

use super::{SECOND, pending};
use crate::common::node::{self, Node, run_in};
use crate::common::{Check, Count, Log, paused};
use tenure::prelude::*;
use tenure::{Kind, Phase};
use tokio::time::sleep;

#[test]
fn name_is_found_until_the_task_has_ended_and_is_free_then() {
    paused(async |check| {
        tenure::scope(async |scope| {
            let task = scope.task(TaskSpec::new(pending()).name("upload"))?;
            check.node(task.node());
            assert_eq!(task.node().path(), "/upload");
            assert_eq!(scope.child("upload"), Some(task.node()));
            task.node().stop().await?;
            assert_eq!(scope.child("upload"), None);
            let again = scope.task(TaskSpec::new(pending()).name("upload"))?;
            again.cancel();
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn names_that_are_taken_empty_or_with_a_slash_are_refused_and_the_spec_comes_back() {
    paused(async |check| {
        tenure::scope(async |scope| {
            let first = scope.task(TaskSpec::new(pending()).name("upload"))?;
            let guard = check.guard();
            let spec = TaskSpec::new(async move { drop(guard) });
            let Err(SpawnError::NameTaken(spec)) = scope.task(spec.name("upload")) else {
                panic!("it is taken")
            };
            let Err(SpawnError::BadName(spec)) = scope.task(spec.into_inner().name("")) else {
                panic!("it is empty")
            };
            let Err(SpawnError::BadName(spec)) = scope.task(spec.into_inner().name("a/b")) else {
                panic!("it has a slash")
            };
            assert_eq!(check.alive(), 1, "nothing of it has run");
            scope.task(spec.into_inner().name("other"))?.await?;
            assert_eq!(check.alive(), 0);
            first.cancel();
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn refused_names_give_back_what_each_sort_of_task_was_made_of() {
    paused(async |_| {
        tenure::scope(async |scope| {
            let ran = Count::default();
            let runs = ran.clone();
            let job = TaskSpec::blocking(move |_| runs.add()).name("a/b");
            let Err(SpawnError::BadName(job)) = scope.task(job) else {
                panic!("it has a slash")
            };
            let runs = ran.clone();
            let with = TaskSpec::with_token(move |_| async move { runs.add() }).name("");
            let Err(SpawnError::BadName(with)) = scope.task(with) else {
                panic!("it is empty")
            };
            assert_eq!(ran.get(), 0);
            scope.task(job.into_inner().name("job"))?.await?;
            scope.task(with.into_inner().name("with"))?.await?;
            assert_eq!(ran.get(), 2);
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn pipe_with_a_bad_name_comes_back() {
    paused(async |check| {
        tenure::scope(async |scope| {
            let log = Log::default();
            let actor = scope.spawn(Node::new(&check, &log))?;
            run_in(&actor, |ctx| {
                let spec = TaskSpec::new(async { String::from("piped") }).name("a/b");
                let Err(SpawnError::BadName(refused)) = ctx.pipe(spec, node::Msg::Note) else {
                    panic!("it has a slash")
                };
                let (spec, to_message) = refused.into_inner();
                let piped = ctx.pipe(spec.name("pipe"), to_message).unwrap();
                assert!(piped.node().path().ends_with("/pipe"));
            })
            .await;
            actor.drain().await?;
            assert_eq!(log.entries(), ["piped"]);
            Ok(())
        })
        .await
        .unwrap();
    });
}

/// Starts tasks in its `on_start`.
struct Starter;

impl Actor for Starter {
    type Msg = ();

    async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        ctx.task(async { pending().await })?;
        ctx.task(pending())?;
        ctx.task_with(|token| async move { token.cancelled().await })?;
        ctx.task(sleep(SECOND))?;
        Ok(())
    }

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        Ok(())
    }
}

#[test]
fn tasks_are_printed_with_the_function_that_they_were_written_in() {
    paused(async |_: Check| {
        tenure::scope(async |scope| {
            let starter = scope.start(Starter).await?;
            let snapshot = starter.node().snapshot();
            let tasks = snapshot
                .nodes
                .iter()
                .filter(|entry| entry.kind == Kind::Task);
            let labels: Vec<_> = tasks.map(|entry| entry.type_name.clone()).collect();
            assert_eq!(labels, ["on_start", "pending", "on_start", "Sleep"]);
            assert!(!snapshot.to_string().contains("{{closure}}"), "{snapshot}");
            assert_eq!(starter.node().phase(), Phase::Running);
            starter.kill().await?;
            Ok(())
        })
        .await
        .unwrap();
    });
}
