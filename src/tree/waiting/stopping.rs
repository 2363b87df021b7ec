use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::overdue_timer::{Naming, OverdueTimer};
use super::stopped::UntilStopped;
use crate::error::{StopError, StopReason, Unjoined};
use crate::sync::{Readiness, limit_after};
use crate::tree::node::{AnyNode, bound, note_requester};

/// A stop, drain or kill under way, made by [`ActorRef::stop`](crate::ActorRef::stop) and similar methods. Await it for
/// the outcome.
///
/// The call that made it has requested the end, which goes on if this future is dropped.
///
/// # Errors
///
/// [`StopError::CutShort`], [`StopError::Failed`], [`StopError::Unjoined`] and [`StopError::WaitsForItself`]. Except
/// for the last two, all who wait for the end of one node get the same outcome.
///
/// # Panics
///
/// When it is polled again after it was ready; when it lasts on a runtime of one thread that was built without a timer.
///
/// # Cancel safety
///
/// Dropping it loses nothing: await another to wait again.
#[must_use = "the stop is requested already; await this to know that it is over, and how it went"]
pub struct Stopping {
    end: UntilStopped,
    /// The wait has noticed the kill.
    killed: bool,
    overdue: OverdueTimer,
    /// Where the end was asked for, until the node has noted that.
    asked_at: Option<&'static Location<'static>>,
    readiness: Readiness,
}

impl Stopping {
    /// If `asked_at` is given and the wait lasts, the node notes it.
    #[inline]
    pub(crate) fn new(
        node: Arc<dyn AnyNode>,
        asked_at: Option<&'static Location<'static>>,
    ) -> Self {
        Self {
            end: UntilStopped::new(node),
            killed: false,
            overdue: OverdueTimer::default(),
            asked_at,
            readiness: Readiness::new(),
        }
    }

    /// Has it name in warnings what holds it up.
    pub(crate) fn with_warnings(mut self) -> Self {
        self.overdue.warn();
        self
    }

    /// Bounds the whole stop: once this much time has passed from now, what is left becomes a kill, and the outcome is
    /// [`StopError::CutShort`]. With zero that happens at once. A time too long for the clock means no bound.
    ///
    /// The bound is a part of the order: it also holds if this future is dropped or not polled. It can only become
    /// shorter: the earliest of all bounds holds.
    pub fn within(self, limit: Duration) -> Self {
        if let Some(limit) = limit_after(limit) {
            bound(self.end.node(), limit);
        }
        self
    }
}

impl Future for Stopping {
    type Output = Result<StopReason, StopError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.readiness.assert_pending();
        let polled = self.poll_end(cx);
        self.readiness.note(polled)
    }
}

impl Stopping {
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Result<StopReason, StopError>> {
        if let Poll::Ready(outcome) = Pin::new(&mut self.end).poll(cx) {
            self.asked_at = None;
            return Poll::Ready(outcome);
        }
        let node = self.end.node();
        if !self.killed && node.signals.load().is_killed() {
            // Somebody has killed it, so nodes become overdue earlier than the timer is set for.
            self.killed = true;
            self.overdue.look_again();
        }
        let root = || Some(Arc::clone(node));
        let polled = self.overdue.poll(node, root, Naming::All, cx);
        if self.overdue.lasts()
            && let Some(site) = self.asked_at.take()
        {
            note_requester(node, site);
        }
        let blockers = ready!(polled);
        node.shared.ends.count_unjoined(&blockers);
        let unjoined = Unjoined::new(blockers);
        tracing::error!(name: "tenure.unjoined", %unjoined, "a stop goes on without an end in sight");
        Poll::Ready(Err(StopError::Unjoined(unjoined)))
    }
}

/// The stop goes on without a waiter, so the node notes its requester.
impl Drop for Stopping {
    fn drop(&mut self) {
        if let Some(site) = self.asked_at.take() {
            note_requester(self.end.node(), site);
        }
    }
}

impl fmt::Debug for Stopping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stopping").finish_non_exhaustive()
    }
}
