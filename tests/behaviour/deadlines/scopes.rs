//! Deadlines that a scope sets for what is in it.

use std::time::Duration;

use super::{LIMIT, Msg, chain};
use crate::common::paused;
use tenure::prelude::*;
use tenure::{Deadline, System};
use tokio::time::Instant;

/// Asks an actor that never replies. Returns whether the limit was inherited, and after how long the ask ended.
async fn ask_in_vain(hop: &ActorRef<Msg>) -> (bool, Duration) {
    let start = Instant::now();
    let asked = hop.ask(|reply| Msg::Pass(Duration::ZERO, reply)).await;
    let is_inherited = matches!(
        asked,
        Err(AskError::TimedOut {
            inherited: true,
            ..
        })
    );
    (is_inherited, start.elapsed())
}

#[test]
fn asks_in_a_scope_and_its_tasks_inherit_the_scopes_deadline() {
    paused(async |check| {
        let system = System::builder().start().unwrap();
        let (silent, _) = chain(&system, &check, 1);
        tenure::scope(async |scope| {
            scope.set_deadline(Instant::now() + LIMIT);
            let same = silent.clone();
            let task = scope.task(async move { tenure::Ok(ask_in_vain(&same).await) })?;
            let nested = tenure::scope(async |_| Ok(ask_in_vain(&silent).await)).await?;
            assert_eq!(nested, (true, LIMIT));
            assert_eq!(task.await?, (true, LIMIT));
            // Its time is up.
            assert_eq!(ask_in_vain(&silent).await, (true, Duration::ZERO));
            // A later deadline takes its place.
            scope.set_deadline(Instant::now() + 2 * LIMIT);
            assert_eq!(ask_in_vain(&silent).await, (true, 2 * LIMIT));
            Ok(())
        })
        .await
        .unwrap();
        system.kill().await.unwrap();
    });
}

#[test]
fn scope_whose_deadline_is_lifted_has_that_of_what_surrounds_it() {
    paused(async |check| {
        let system = System::builder().start().unwrap();
        let (silent, _) = chain(&system, &check, 1);
        tenure::scope(async |outer| {
            outer.set_deadline(Instant::now() + 3 * LIMIT);
            let inner = tenure::scope(async |scope| {
                let deadline = Deadline::at(Instant::now() + LIMIT);
                scope.set_deadline(deadline.clone());
                assert_eq!(ask_in_vain(&silent).await, (true, LIMIT));
                deadline.lift();
                Ok(ask_in_vain(&silent).await)
            });
            assert_eq!(inner.await?, (true, 2 * LIMIT));
            Ok(())
        })
        .await
        .unwrap();
        system.kill().await.unwrap();
    });
}

#[test]
fn earlier_of_a_scopes_deadline_and_what_surrounds_it_holds() {
    paused(async |check| {
        let system = System::builder().start().unwrap();
        let (silent, _) = chain(&system, &check, 1);
        tenure::scope(async |outer| {
            outer.set_deadline(Instant::now() + 2 * LIMIT);
            let inner = async |limit: Duration| {
                tenure::scope(async |scope| {
                    scope.set_deadline(Instant::now() + limit);
                    Ok(ask_in_vain(&silent).await)
                })
                .await
            };
            assert_eq!(inner(LIMIT).await?, (true, LIMIT));
            assert_eq!(
                inner(3 * LIMIT).await?,
                (true, LIMIT),
                "what is left of the outer"
            );
            Ok(())
        })
        .await
        .unwrap();
        system.kill().await.unwrap();
    });
}

#[test]
fn deadline_is_shared_while_something_has_inherited_it() {
    paused(async |_| {
        tenure::scope(async |scope| {
            let deadline = Deadline::at(Instant::now() + LIMIT);
            scope.set_deadline(deadline.clone());
            assert!(!deadline.is_shared());
            let clone = deadline.clone();
            assert!(deadline.is_shared(), "with a clone");
            drop(clone);
            let task = scope.task(std::future::pending::<()>())?;
            assert!(deadline.is_shared(), "with a task");
            task.cancel();
            assert!(task.await.is_err());
            scope.set_deadline(deadline.clone());
            assert!(!deadline.is_shared(), "with nothing any more");
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn deadline_in_a_scope_that_inherits_another_counts_as_shared() {
    paused(async |_| {
        tenure::scope(async |outer| {
            outer.set_deadline(Instant::now() + 2 * LIMIT);
            let inner = tenure::scope(async |scope| {
                let deadline = Deadline::at(Instant::now() + LIMIT);
                scope.set_deadline(deadline.clone());
                Ok(deadline.is_shared())
            });
            assert!(inner.await?);
            Ok(())
        })
        .await
        .unwrap();
    });
}
