//! A scope can be opened beneath an owner from anywhere, before there is a body.

use std::time::Duration;

use crate::common::{Check, paused, settled};
use tenure::prelude::*;
use tenure::{Kind, StopError, StopReason, TaskError};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn opened_scope_is_beneath_its_owner_at_once_and_starts_what_it_is_given() {
    paused(async |check: Check| {
        tenure::scope(async |owner| {
            let guard = check.guard();
            let opened = owner.open_scope("request")?;
            let node = opened.node();
            assert_eq!(node.kind(), Kind::Scope);
            assert_eq!(node.type_name(), "request");
            assert_eq!(owner.children(), [node]);
            opened.task(async move {
                let _guard = guard;
                sleep(SECOND).await;
            })?;
            let begin = Instant::now();
            let value = opened.run(async { Ok(7) }).await?;
            assert_eq!(value, 7);
            assert_eq!(begin.elapsed(), SECOND, "it has waited for the task");
            assert!(owner.children().is_empty());
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn scope_can_be_opened_from_elsewhere_and_is_the_owners() {
    paused(async |check: Check| {
        tenure::scope(async |owner| {
            // A node that is neither the current node nor beneath it.
            let elsewhere = System::builder().start()?;
            let spawner = owner.spawner();
            let opening =
                elsewhere.task(async move { tenure::Ok(spawner.open_scope("request")) })?;
            let opened = opening.await??;
            check.node(opened.node());
            assert_eq!(owner.children(), [opened.node()]);
            elsewhere.stop().await?;
            assert_eq!(opened.run(async { Ok(1) }).await?, 1);
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn opened_scope_that_is_dropped_kills_what_is_in_it() {
    paused(async |check: Check| {
        tenure::scope(async |owner| {
            let guard = check.guard();
            let opened = owner.open_scope("request")?;
            let spawner = opened.spawner();
            let task = opened.task(async move {
                let _guard = guard;
                std::future::pending::<()>().await;
            })?;
            settled().await;
            drop(opened);
            let ended = task.node().stopped().await?;
            assert!(matches!(ended, StopReason::Killed), "{ended:?}");
            assert!(matches!(spawner.task(async {}), Err(SpawnError::Closed(_))));
            assert!(owner.children().is_empty());
            Ok(())
        })
        .await
        .unwrap();
    });
}

/// The owner waits for it like for any scope whose future others hold: it is killed in the end, and named.
#[test]
fn opened_scope_that_others_keep_is_killed_with_its_owner_and_named() {
    paused(async |check: Check| {
        let system = System::builder().start().unwrap();
        let (give, given) = oneshot::channel();
        let owner = system.task(async {
            tenure::scope(async |owner| {
                assert!(give.send(owner.open_scope("request")?).is_ok());
                std::future::pending::<tenure::Result>().await
            })
            .await
        });
        let owner = owner.unwrap().node();
        let opened = given.await.unwrap();
        check.node(opened.node());
        let guard = check.guard();
        let task = opened.task(async move {
            let _guard = guard;
            std::future::pending::<()>().await;
        });
        let task = task.unwrap();
        let ended = owner.kill().await;
        let Err(StopError::Unjoined(unjoined)) = ended else {
            panic!("{ended:?}");
        };
        assert_eq!(unjoined.nodes()[0].path, opened.node().path());
        assert!(matches!(task.await, Err(TaskError::Stopped(_))));
        drop(opened);
        assert!(matches!(owner.stopped().await, Ok(StopReason::Killed)));
        system.stop().await.unwrap();
    });
}

#[test]
fn owner_that_has_ended_opens_no_scope() {
    paused(async |_| {
        let spawner = tenure::scope(async |owner| Ok(owner.spawner())).await;
        let refused = spawner.unwrap().open_scope("request");
        assert!(matches!(refused, Err(RunError::Closed)), "{refused:?}");
    });
}

#[test]
fn failure_in_an_opened_scope_ends_its_body() {
    paused(async |_| {
        tenure::scope(async |owner| {
            let opened = owner.open_scope("request")?;
            opened.task(async { Err::<(), _>("no rows") })?;
            let ended = opened.run(std::future::pending::<tenure::Result>()).await;
            let failure = ended.unwrap_err().to_string();
            assert!(failure.contains("no rows"), "{failure}");
            Ok(())
        })
        .await
        .unwrap();
    });
}
