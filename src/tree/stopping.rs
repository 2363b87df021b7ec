use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use super::overdue::Watch;
use super::signals::KILL;
use super::warnings::Warnings;
use super::{AnyNode, Order, UntilStopped, request};
use crate::error::{Blocker, StopError, StopReason, Unjoined};
use crate::sync::after;

/// A stop, drain or kill under way, made by [`ActorRef::stop`](crate::ActorRef::stop) and its
/// like. Await it for the outcome.
///
/// It was requested by the call that made this, and goes on when this is dropped.
///
/// # Errors
///
/// [`StopError::CutShort`], [`StopError::Failed`], [`StopError::Unjoined`] and
/// [`StopError::WaitsForItself`]. All who wait for the end of one node get the same outcome, but
/// for the last two.
///
/// # Panics
///
/// When it is awaited on a runtime that was built without its timer.
///
/// # Cancel safety
///
/// Dropping it loses nothing: await another to wait again. Only the limit set by
/// [`within`](Stopping::within) goes with it.
#[must_use = "the stop is requested already; await this to know that it is over, and how it went"]
pub struct Stopping {
    end: UntilStopped,
    /// The kill has been seen.
    killed: bool,
    watch: Watch,
    bound: Option<Pin<Box<Sleep>>>,
    limit: Option<Instant>,
    warnings: Option<Warnings>,
}

impl Stopping {
    pub(crate) fn new(node: Arc<dyn AnyNode>) -> Self {
        Self {
            end: UntilStopped::new(node),
            killed: false,
            watch: Watch::default(),
            bound: None,
            limit: None,
            warnings: None,
        }
    }

    /// One that was not requested, for this reason.
    pub(crate) fn refused() -> Self {
        Self {
            end: UntilStopped::refused(),
            killed: false,
            watch: Watch::default(),
            bound: None,
            limit: None,
            warnings: None,
        }
    }

    /// Names each second, in a warning, those that hold it up.
    pub(crate) fn with_warnings(mut self) -> Self {
        self.warnings = Some(Warnings::default());
        self
    }

    /// Bounds the whole: when this much time has passed from now, what is left becomes a kill, and
    /// the outcome [`StopError::CutShort`].
    ///
    /// The bound is this future's: it is kept only while it is polled.
    pub fn within(mut self, limit: Duration) -> Self {
        self.limit = Some(after(limit));
        self.bound = None;
        self
    }

    /// The wait has lasted: gives those that do not yield in time.
    fn poll_timers(&mut self, node: &Arc<dyn AnyNode>, cx: &mut Context<'_>) -> Poll<Vec<Blocker>> {
        // Off the runtime (in a foreign executor) timers are those of the tree's own.
        let is_foreign = tokio::runtime::Handle::try_current().is_err();
        let _context = is_foreign.then(|| node.node().shared.handle.enter());
        self.poll_bound(node, cx);
        if !self.killed && node.node().signals.has(KILL) {
            // Whoever killed it: what was to be looked at after its grace is overdue before.
            self.killed = true;
            self.watch.renew();
        }
        if let Some(warnings) = &mut self.warnings {
            warnings.poll(node, cx);
        }
        let root = || Some(Arc::clone(node));
        self.watch.poll(node, root, false, cx)
    }

    /// Kills what is left when the bound has passed.
    fn poll_bound(&mut self, node: &Arc<dyn AnyNode>, cx: &mut Context<'_>) {
        let Some(limit) = self.limit else { return };
        let bound = self
            .bound
            .get_or_insert_with(|| Box::pin(sleep_until(limit)));
        if bound.as_mut().poll(cx).is_ready() {
            self.limit = None;
            request(node, Order::Cut);
        }
    }
}

impl Future for Stopping {
    type Output = Result<StopReason, StopError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if let Poll::Ready(outcome) = Pin::new(&mut this.end).poll(cx) {
            return Poll::Ready(outcome);
        }
        let Some(node) = this.end.node() else {
            return Poll::Pending;
        };
        if this.limit.is_some() || this.warnings.is_some() {
            ready!(this.watch.poll_yield(cx));
        } else {
            ready!(this.watch.poll_brief(node, cx));
        }
        let node = Arc::clone(node);
        this.poll_timers(&node, cx).map(|blockers| {
            let unjoined = Unjoined::new(blockers);
            tracing::error!(%unjoined, "a stop goes on without an end in sight");
            Err(StopError::Unjoined(unjoined))
        })
    }
}

impl fmt::Debug for Stopping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stopping").finish_non_exhaustive()
    }
}
