//! Errors of this crate in the results of others.

use std::cell::Cell;
use std::error::Error as StdError;
use std::time::Duration;

use super::{Cells, NotSync, foreign, is, spec};
use crate::common::{paused, settled};
use tenure::prelude::*;
use tenure::{StartError, StopError, TaskError, TrySendError};

/// An error of each kind that the crate returns, each passed on by `?`.
mod outward {
    use super::*;

    pub(super) async fn told(actor: &ActorRef<NotSync>) -> anyhow::Result<()> {
        actor.tell(Cell::new(0)).await?;
        Ok(())
    }

    pub(super) async fn timed_out(actor: &ActorRef<NotSync>) -> anyhow::Result<()> {
        let limit = Duration::from_secs(1);
        actor.tell(Cell::new(3)).timeout(limit).await?;
        Ok(())
    }

    pub(super) fn tried(actor: &ActorRef<NotSync>) -> anyhow::Result<()> {
        actor.try_tell(Cell::new(3))?;
        Ok(())
    }

    pub(super) async fn reserved(actor: &ActorRef<NotSync>) -> anyhow::Result<()> {
        actor.reserve().await?.send(Cell::new(3))?;
        Ok(())
    }

    pub(super) async fn asked(actor: &ActorRef<NotSync>) -> anyhow::Result<()> {
        actor.ask(|_: ReplyTo<NotSync>| Cell::new(3)).await?;
        Ok(())
    }

    pub(super) fn spawned(spawner: &Spawner) -> anyhow::Result<()> {
        spawner.spawn(spec().name("a"))?;
        spawner.spawn(Cells(Cell::new(0)))?;
        Ok(())
    }

    pub(super) async fn started(spawner: &Spawner) -> anyhow::Result<()> {
        spawner.start(spec().name("a")).await?;
        Ok(())
    }

    pub(super) async fn task(spawner: &Spawner) -> anyhow::Result<()> {
        let cell = NotSync::new(1);
        spawner.task(async move { cell.set(2) })?.await?;
        Ok(())
    }

    pub(super) async fn failed_task(spawner: &Spawner) -> anyhow::Result<()> {
        spawner
            .task(async { foreign("a task that fails") })?
            .await?;
        Ok(())
    }

    pub(super) async fn stopped(actor: &ActorRef<NotSync>) -> anyhow::Result<()> {
        actor.stopped().await?;
        Ok(())
    }

    pub(super) async fn run() -> anyhow::Result<()> {
        System::run(spec().name("a/b")).await?;
        Ok(())
    }

    pub(super) async fn scope() -> anyhow::Result<()> {
        tenure::scope(async |_| {
            foreign("a body that fails")?;
            Ok(())
        })
        .await?;
        Ok(())
    }
}

#[test]
fn outward_errors_go_into_anyhow() {
    paused(async |_check| {
        let system = System::start().unwrap();
        let full = spec().contain().name("full").mailbox(Mailbox::bounded(1));
        let full = system.start(full).await.unwrap();
        full.try_tell(Cell::new(2)).unwrap();
        settled().await;
        full.try_tell(Cell::new(3)).unwrap();

        let error: TrySendError<NotSync> = is(outward::tried(&full), "the mailbox is full");
        assert_eq!(error.into_inner().get(), 3);
        let error: SendError<NotSync> = is(
            outward::timed_out(&full).await,
            "no room in the mailbox within the time given",
        );
        assert_eq!(error.into_inner().get(), 3);
        full.kill().await.unwrap();
        let error: SendError<NotSync> = is(
            outward::told(&full).await,
            "the target takes no more messages",
        );
        assert!(matches!(error, SendError::Stopped(_)));
        let _: TrySendError<NotSync> =
            is(outward::tried(&full), "the target takes no more messages");
        let _: SendError<()> = is(
            outward::reserved(&full).await,
            "the target takes no more messages",
        );
        let error: AskError = is(
            outward::asked(&full).await,
            "the target stopped before it started the message",
        );
        assert_eq!(error, AskError::Stopped);

        let failing = system.start(spec().contain().name("fails")).await.unwrap();
        failing.try_tell(Cell::new(1)).unwrap();
        let error: StopError = is(
            outward::stopped(&failing).await,
            "/fails failed: a message that fails",
        );
        assert!(matches!(error, StopError::Failed(_)));

        let _first = system.spawn(spec().name("a")).unwrap();
        let _: SpawnError<ChildSpec<Cells>> =
            is(outward::spawned(&system), "a live sibling has that name");
        let _: StartError<ChildSpec<Cells>> = is(
            outward::started(&system).await,
            "a live sibling has that name",
        );
        let spawner = system.spawner();
        let failed = outward::failed_task(&spawner).await.unwrap_err();
        assert!(failed.to_string().ends_with("failed: a task that fails"));
        assert!(matches!(failed.downcast_ref(), Some(TaskError::Failed(_))));
        system.stop().await.unwrap_err();
        let closed = outward::spawned(&spawner).unwrap_err();
        assert_eq!(closed.to_string(), "the owner is stopping or gone");
        let closed = outward::task(&spawner).await.unwrap_err();
        assert_eq!(closed.to_string(), "the owner is stopping or gone");

        let error: RunError = is(
            outward::run().await,
            "/root failed: a name must not be empty or contain a slash",
        );
        assert!(matches!(error, RunError::Failed(_)));
    });
}

#[test]
fn scope_error_goes_into_anyhow() {
    paused(async |_check| {
        let error: RunError = is(outward::scope().await, "/ failed: a body that fails");
        let RunError::Failed(failure) = error else {
            panic!("{error:?}");
        };
        // The original error is still there as the source.
        let source = StdError::source(&failure).unwrap();
        assert_eq!(source.to_string(), "a body that fails");
    });
}
