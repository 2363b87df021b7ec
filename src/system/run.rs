use std::future::{Future, poll_fn};
use std::panic::Location;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use super::System;
use super::signals::Signals;
use crate::error::{Cause, Failure, Phase, RunError, SpawnError, StopError, StopReason};
use crate::supervision::{ChildSpec, IntoChild, spawn_at};
use crate::tree::Stopping;

/// The exit code of a process that was told three times to end.
const TOLD_THRICE: i32 = 130;

/// Runs a root actor in a system of its own until all of it has ended.
pub(super) async fn run_root<C: IntoChild>(
    system: System,
    root: C,
    on_signals: bool,
    site: &'static Location<'static>,
) -> Result<(), RunError> {
    let _guard = KillOnDrop(&system);
    let mut signals = match on_signals.then(Signals::listen).transpose() {
        Ok(signals) => signals,
        Err(error) => {
            end_quietly(&system).await;
            return Err(RunError::Io(error));
        }
    };
    let mut spec: ChildSpec<C::Start> = root.into_spec();
    if !spec.has_name() {
        spec = spec.name("root");
    }
    let root = match spawn_at(&system, spec, site) {
        Ok(root) => root,
        Err(error) => {
            end_quietly(&system).await;
            return Err(refused(&error));
        }
    };
    let mut root_ended = pin!(root.stopped());
    let mut run = Run {
        system: &system,
        ending: None,
        told: 0,
    };
    let outcome = poll_fn(|cx| {
        // The end is bounded from its beginning on: something beneath may not yield.
        if run.ending.is_none()
            && (root_ended.as_mut().poll(cx).is_ready() || root.node().phase() >= Phase::Stopping)
        {
            run.ending = Some(system.drain());
        }
        while let Some(Poll::Ready(())) = signals.as_mut().map(|signals| signals.poll(cx)) {
            run.told_to_end();
        }
        run.poll_end(cx)
    })
    .await;
    match outcome {
        Ok(StopReason::Killed) => Err(RunError::Stopped),
        Ok(_) => Ok(()),
        Err(StopError::Failed(failure)) => Err(RunError::Failed(failure)),
        Err(StopError::CutShort(cut)) => Err(RunError::CutShort(cut)),
        Err(StopError::Unjoined(unjoined)) => Err(RunError::Unjoined(unjoined)),
        Err(_) => Err(RunError::Closed),
    }
}

/// Kills what is left if the future of a run is dropped, also in the middle of a drain.
struct KillOnDrop<'a>(&'a System);

impl Drop for KillOnDrop<'_> {
    fn drop(&mut self) {
        if self.0.node().phase() < Phase::Stopped {
            drop(self.0.kill());
        }
    }
}

/// What `run` waits for.
struct Run<'a> {
    system: &'a System,
    ending: Option<Stopping>,
    told: u32,
}

impl Run<'_> {
    /// A signal has come: the first drains, a second kills, a third ends the process.
    fn told_to_end(&mut self) {
        self.told += 1;
        match self.told {
            1 => {
                tracing::info!("told to end: draining");
                self.ending = Some(self.system.drain());
            }
            2 => {
                tracing::warn!("told to end again: killing");
                self.ending = Some(self.system.kill());
            }
            _ => {
                tracing::error!("told to end a third time: giving up");
                std::process::exit(TOLD_THRICE);
            }
        }
    }

    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Result<StopReason, StopError>> {
        let Some(ending) = &mut self.ending else {
            return Poll::Pending;
        };
        Pin::new(ending).poll(cx)
    }
}

/// Ends a system in which nothing has been started.
async fn end_quietly(system: &System) {
    if let Err(error) = system.kill().await {
        tracing::warn!(%error, "an empty system did not end well");
    }
}

fn refused<S>(error: &SpawnError<S>) -> RunError {
    let cause = Cause::Error(error.to_string().into());
    let type_name = std::any::type_name::<S>();
    RunError::Failed(Failure::new(
        "/root".into(),
        type_name,
        cause,
        vec![],
        vec![],
    ))
}
