use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::{AnyNode, is_beneath};
use crate::error::{StopError, StopReason};
use crate::sync::lock;

/// Waits for the end of a node without asking for it, made by
/// [`ActorRef::stopped`](crate::ActorRef::stopped) and its like.
///
/// # Errors
///
/// [`StopError::CutShort`], [`StopError::Failed`] and [`StopError::WaitsForItself`].
///
/// # Cancel safety
///
/// Dropping it loses nothing.
#[must_use = "futures do nothing unless awaited"]
pub struct Stopped {
    /// `None` if there is nothing to wait for, because it is not the caller's to stop.
    node: Option<Arc<dyn AnyNode>>,
    ticket: Option<u64>,
}

impl Stopped {
    pub(crate) fn new(node: Arc<dyn AnyNode>) -> Self {
        Self {
            node: Some(node),
            ticket: None,
        }
    }

    pub(super) fn refused() -> Self {
        Self {
            node: None,
            ticket: None,
        }
    }

    pub(super) fn node(&self) -> Option<&Arc<dyn AnyNode>> {
        self.node.as_ref()
    }
}

impl Future for Stopped {
    type Output = Result<StopReason, StopError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let Some(any) = &this.node else {
            return Poll::Ready(Err(StopError::NotAChild));
        };
        let mut links = lock(&any.node().links);
        if let Some(reason) = links.outcome() {
            drop(links);
            // Whoever waits for an end that has come is not listed any more.
            this.ticket = None;
            return Poll::Ready(reason.into_result());
        }
        if is_beneath(any.node()) {
            return Poll::Ready(Err(StopError::WaitsForItself));
        }
        let waiters = &mut links.rare.get_or_insert_default().waiters;
        let (ticket, stale) = waiters.enter(this.ticket, cx.waker());
        this.ticket = Some(ticket);
        drop(links);
        drop(stale);
        Poll::Pending
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        let (Some(any), Some(ticket)) = (&self.node, self.ticket) else {
            return;
        };
        let mut links = lock(&any.node().links);
        let rare = links.rare.as_mut();
        let mine = rare.and_then(|rare| rare.waiters.leave(ticket));
        drop(links);
        drop(mine);
    }
}

impl fmt::Debug for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stopped").finish_non_exhaustive()
    }
}
