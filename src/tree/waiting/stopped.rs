use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::wait_bound::{WaitBound, WaitError};
use crate::error::{StopError, StopReason};
use crate::sync::{KeptWaker, Readiness, WakerKey, lock};
use crate::tree::node::{AnyNode, Request, is_beneath};

/// Waits for the end of a node without asking for it. Made by [`ActorRef::stopped`](crate::ActorRef::stopped) and its
/// like.
///
/// # Errors
///
/// [`StopError::CutShort`], [`StopError::Failed`] and [`StopError::WaitsForItself`]; [`StopError::TimedOut`]; and
/// [`StopError::Deadlock`] if the wait would never end ([rule 16](crate::lifecycle#rule-16)). After the last two the
/// node is still alive. Waits in the body of a [`scope`](crate::scope()) that no node polls are not seen: a cycle
/// through such a body lasts until a [`timeout`](Stopped::timeout).
///
/// # Panics
///
/// When it is polled again after it was ready; with a
/// [`timeout`](Stopped::timeout), when it is awaited outside of a runtime with a timer.
///
/// # Cancel safety
///
/// Dropping it loses nothing.
#[must_use = "futures do nothing unless awaited"]
pub struct Stopped {
    end: UntilStopped,
    bound: WaitBound,
    readiness: Readiness,
}

impl Stopped {
    pub(crate) fn new(node: Arc<dyn AnyNode>) -> Self {
        Self {
            end: UntilStopped::new(node),
            bound: WaitBound::new(),
            readiness: Readiness::new(),
        }
    }

    /// Waits for at most this long from now; the error is [`StopError::TimedOut`] then. Zero means a single look. A
    /// time too long for the clock means no limit.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tenure::{StopError, prelude::*};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), RunError> {
    /// tenure::scope(async |scope| {
    ///     let node = scope.task(std::future::pending::<()>())?.node();
    ///     let stopped = node.stopped().timeout(Duration::from_millis(5)).await;
    ///     assert!(matches!(stopped, Err(StopError::TimedOut)));
    ///     node.stop().await?;
    ///     Ok(())
    /// })
    /// .await
    /// # }
    /// ```
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.set_timeout(limit);
        self
    }

    /// Waits even if that completes a cycle of nodes that wait for each other, as for
    /// [`Ask::even_if_cyclic`](crate::Ask::even_if_cyclic).
    pub fn even_if_cyclic(mut self) -> Self {
        self.allow_cycles();
        self
    }

    pub(crate) fn set_timeout(&mut self, limit: Duration) {
        self.bound.set_timeout(limit);
    }

    pub(crate) fn allow_cycles(&mut self) {
        self.bound.allow_cycles();
    }
}

impl Future for Stopped {
    type Output = Result<StopReason, StopError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.readiness.assert_pending();
        let polled = self.poll_end(cx);
        self.readiness.note(polled)
    }
}

impl Stopped {
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Result<StopReason, StopError>> {
        if let Poll::Ready(outcome) = Pin::new(&mut self.end).poll(cx) {
            self.bound.end();
            return Poll::Ready(outcome);
        }
        let wait = || (Arc::clone(&self.end.node), Request::End);
        self.bound.poll(wait, cx).map(|error| {
            Err(match error {
                WaitError::TimedOut => StopError::TimedOut,
                WaitError::Cycle(cycle) => StopError::Deadlock(cycle),
            })
        })
    }
}

impl fmt::Debug for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stopped").finish_non_exhaustive()
    }
}

/// The plain wait for an end. It is no edge of the wait graph: for callers that something else keeps from waiting for
/// ever.
pub(crate) struct UntilStopped {
    node: Arc<dyn AnyNode>,
    key: WakerKey,
}

impl UntilStopped {
    pub(crate) fn new(node: Arc<dyn AnyNode>) -> Self {
        Self { node, key: None }
    }

    pub(crate) fn node(&self) -> &Arc<dyn AnyNode> {
        &self.node
    }
}

impl Future for UntilStopped {
    type Output = Result<StopReason, StopError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        // Looked up once: through `dyn AnyNode` each look is a call.
        let node = this.node.node();
        // Usually the first poll is pending and the second one comes after the end. So the waker is cloned before the
        // lock is taken.
        let is_first = this.key.is_none();
        let mut spare = is_first.then(|| KeptWaker::clone_of(cx.waker()));
        loop {
            let mut state = lock(&node.state);
            if let Some(reason) = state.outcome() {
                let extras = state.extras.as_mut();
                let mine = extras.and_then(|extras| extras.waiters.leave(&mut this.key));
                let errors = state.forget_errors();
                drop(state);
                drop((mine, errors));
                return Poll::Ready(reason.into_result());
            }
            if is_beneath(node) {
                return Poll::Ready(Err(StopError::WaitsForItself));
            }
            let waiters = &mut state.extras.get_or_insert_default().waiters;
            let entered = waiters.enter(&mut this.key, cx.waker(), &mut spare);
            drop(state);
            if entered {
                return Poll::Pending;
            }
            spare = Some(KeptWaker::clone_of(cx.waker()));
        }
    }
}

impl Drop for UntilStopped {
    fn drop(&mut self) {
        let Self { node: any, key } = self;
        if key.is_none() {
            return;
        }
        let mut state = lock(&any.state);
        let extras = state.extras.as_mut();
        let mine = extras.and_then(|extras| extras.waiters.leave(key));
        let errors = state.forget_errors();
        drop(state);
        drop((mine, errors));
    }
}
