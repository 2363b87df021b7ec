use std::future::{Future, poll_fn};
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::System;
use crate::error::{Cause, Failure, Phase, RunError, SpawnError, StopError, StopReason};
use crate::supervision::{ChildSpec, IntoChild, spawn, take_back};
use crate::tree::{Stopping, UntilStopped};

/// Runs a root actor in a system of its own until everything in it has ended.
pub(super) async fn run_root<C: IntoChild>(
    system: System,
    root: C,
    site: &'static Location<'static>,
) -> Result<(), RunError> {
    let _guard = KillOnDrop(&system);
    let mut spec: ChildSpec<C::Start> = root.into_spec();
    if spec.child_name().is_none() {
        spec = spec.name("root");
    }
    let mut spec = Some(spec);
    let root = match spawn(&system, &mut spec, false, site) {
        Ok(root) => root,
        Err(denied) => {
            end_quietly(&system).await;
            return Err(refused(&system, &take_back(&mut spec, denied)));
        }
    };
    let mut ends =
        [root.node(), system.node()].map(|node| UntilStopped::new(Arc::clone(node.any())));
    let mut ending: Option<Stopping> = None;
    let outcome = poll_fn(|cx| {
        // Every end is bounded from its begin on, as something beneath may not yield.
        if ending.is_none() && ends.iter_mut().any(|end| has_begun(end, cx)) {
            ending = Some(system.drain());
        }
        match &mut ending {
            Some(ending) => Pin::new(ending).poll(cx),
            None => Poll::Pending,
        }
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

/// Whether a node has begun to end, or has ended.
fn has_begun(end: &mut UntilStopped, cx: &mut Context<'_>) -> bool {
    Pin::new(&mut *end).poll(cx).is_ready() || end.node().node().phase() >= Phase::Stopping
}

/// Ends a system in which nothing has been started.
async fn end_quietly(system: &System) {
    if let Err(error) = system.kill().await {
        tracing::warn!(name: "tenure.failure", %error, "an empty system did not end well");
    }
}

fn refused<S>(system: &System, error: &SpawnError<S>) -> RunError {
    let cause = Cause::Error(error.to_string().into());
    let type_name = std::any::type_name::<S>();
    RunError::Failed(Failure::new(
        format!("{}root", system.node().path()),
        type_name,
        cause,
        vec![],
        vec![],
    ))
}
