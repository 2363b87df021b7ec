//! Significant tasks, with which their owner ends.

use super::SECOND;
use crate::common::paused;
use tenure::prelude::*;
use tenure::{AutoShutdown, StopError, StopReason};
use tokio::sync::oneshot;
use tokio::time::sleep;

/// Ends with its reading task, if the task's spec says so.
struct Session(Option<oneshot::Receiver<tenure::Result>>);

impl Actor for Session {
    type Msg = ReplyTo<()>;

    async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        let read = self.0.take().unwrap();
        ctx.task(TaskSpec::new(async move { read.await? }).significant())?;
        // This task is not significant.
        ctx.task(async {})?;
        Ok(())
    }

    async fn handle(&mut self, reply: ReplyTo<()>, _: &mut Context<Self>) -> tenure::Result {
        reply.send(());
        Ok(())
    }
}

#[test]
fn owner_stops_with_a_significant_task_if_it_is_to() {
    for when in [AutoShutdown::Never, AutoShutdown::Any, AutoShutdown::All] {
        paused(async |check| {
            tenure::scope(async |scope| {
                let (close, closed) = oneshot::channel();
                let spec = ChildSpec::new(Session(Some(closed))).auto_shutdown(when);
                let session = scope.spawn(spec)?;
                check.node(session.node());
                sleep(SECOND).await;
                session.ask(|reply| reply).await?;
                close.send(Ok(())).unwrap();
                sleep(SECOND).await;
                if when == AutoShutdown::Never {
                    session.ask(|reply| reply).await?;
                    session.stop().await?;
                } else {
                    let end = session.stopped().await;
                    assert!(matches!(end, Ok(StopReason::Finished)), "{end:?}");
                }
                Ok(())
            })
            .await
            .unwrap();
        });
    }
}

#[test]
fn end_of_a_significant_task_that_somebody_asks_for_does_not_count() {
    paused(async |check| {
        tenure::scope(async |scope| {
            let (_close, closed) = oneshot::channel();
            let spec = ChildSpec::new(Session(Some(closed))).auto_shutdown(AutoShutdown::Any);
            let session = scope.spawn(spec)?;
            check.node(session.node());
            sleep(SECOND).await;
            for task in session.node().children() {
                task.stop().await?;
            }
            session.ask(|reply| reply).await?;
            session.stop().await?;
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn significant_task_that_fails_fails_its_owner() {
    paused(async |check| {
        tenure::scope(async |scope| {
            let (close, closed) = oneshot::channel();
            let spec = ChildSpec::new(Session(Some(closed))).auto_shutdown(AutoShutdown::Any);
            let session = scope.spawn(spec.contain())?;
            check.node(session.node());
            close.send(Err("reset by peer".into())).unwrap();
            let Err(StopError::Failed(failure)) = session.stopped().await else {
                panic!("it has not failed")
            };
            let leaf = failure.leaves().next().unwrap();
            assert!(leaf.to_string().contains("reset by peer"), "{failure}");
            Ok(())
        })
        .await
        .unwrap();
    });
}
