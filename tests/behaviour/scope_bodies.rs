//! What the body of a scope may be, and with which errors it may fail.

use crate::common::{multi_thread, paused};
use anyhow::{Context as _, anyhow};
use tenure::RunError;

#[test]
fn body_is_an_async_closure_that_borrows_from_its_surroundings() {
    paused(async |_| {
        let words = [String::from("one"), String::from("two")];
        let counted = tenure::scope(async |scope| {
            scope.task(async {})?.await?;
            Ok(words.len())
        });
        assert_eq!(counted.await.unwrap(), words.len());
    });
}

#[test]
fn body_is_a_closure_that_gives_a_future() {
    paused(async |_| {
        let words = [String::from("one"), String::from("two")];
        let counted = tenure::scope(|scope| async move {
            let count = words.len();
            Ok(scope.task(async move { tenure::Ok(count) })?.await?)
        });
        assert_eq!(counted.await.unwrap(), 2);
    });
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a task of somebody else's")]
fn scope_of_either_sort_of_body_runs_in_a_task_that_is_spawned() {
    multi_thread(async |_| {
        let task = tokio::spawn(async {
            let nested = tenure::scope(async |scope| {
                let task = scope.task(async { tenure::Ok(3) })?;
                Ok(task.await?)
            });
            tenure::scope(|_| async move { Ok(nested.await?) }).await
        });
        assert_eq!(task.await.unwrap().unwrap(), 3);
    });
}

#[test]
fn body_fails_with_an_error_of_anyhow_and_its_context() {
    paused(async |_| {
        let end = tenure::scope(async |_| {
            Err::<(), _>(anyhow!("no route")).context("cannot connect")?;
            Ok(())
        });
        let RunError::Failed(failure) = end.await.unwrap_err() else {
            panic!("it fails")
        };
        assert_eq!(failure.to_string(), "/ failed: cannot connect");
        let tenure::Cause::Error(error) = failure.cause() else {
            panic!("it is an error")
        };
        let source = error.as_std().source().unwrap();
        assert_eq!(source.to_string(), "no route");
    });
}
