use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

use super::wait_graph::Wait;
use crate::error::Cycle;
use crate::sync::{has_passed, limit_after};
use crate::tree::node::{AnyNode, Request, is_in_node};

/// What keeps a wait for a node from lasting for ever: its limit, or its place in the wait graph.
///
/// A part of each future that waits for a node. Boxed, because few of them have a limit or are ever pending.
pub(crate) struct WaitBound(Option<Box<Bound>>);

#[derive(Default)]
struct Bound {
    limit: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
    even_if_cyclic: bool,
    /// A thread is blocked for this wait.
    blocks: bool,
    wait: Wait,
}

/// Why a wait has failed.
pub(crate) enum WaitError {
    TimedOut,
    Cycle(Cycle),
}

impl WaitBound {
    pub(crate) const fn new() -> Self {
        Self(None)
    }

    /// Limits the wait to this long from now. A moment too far for the clock is no limit.
    pub(crate) fn set_timeout(&mut self, limit: Duration) {
        let bound = self.0.get_or_insert_default();
        bound.limit = limit_after(limit);
        bound.timer = None;
    }

    pub(crate) fn allow_cycles(&mut self) {
        self.0.get_or_insert_default().even_if_cyclic = true;
    }

    /// Called before a thread blocks for this wait. Returns when the thread has to wake by itself.
    pub(crate) fn block(&mut self) -> Option<Instant> {
        let bound = self.0.as_mut()?;
        bound.blocks = true;
        bound.limit
    }

    /// Called when the wait is pending: lists it and looks at the time. `Ready` says why it fails.
    pub(crate) fn poll(
        &mut self,
        wait: impl FnOnce() -> (Arc<dyn AnyNode>, Request),
        cx: &mut Context<'_>,
    ) -> Poll<WaitError> {
        if self.0.is_none() && !is_in_node() {
            return Poll::Pending;
        }
        self.0.get_or_insert_default().poll(wait, cx)
    }

    /// Ends the wait.
    #[inline]
    pub(crate) fn end(&mut self) {
        if let Some(bound) = &mut self.0 {
            bound.wait.end();
        }
    }
}

impl Default for WaitBound {
    fn default() -> Self {
        Self::new()
    }
}

impl Bound {
    fn poll(
        &mut self,
        wait: impl FnOnce() -> (Arc<dyn AnyNode>, Request),
        cx: &mut Context<'_>,
    ) -> Poll<WaitError> {
        let is_limited = self.even_if_cyclic || self.limit.is_some();
        if let Err(cycle) = self.wait.list_or_refuse(is_limited, wait) {
            return Poll::Ready(WaitError::Cycle(cycle));
        }
        let Some(limit) = self.limit else {
            return Poll::Pending;
        };
        if !has_passed(limit, &mut self.timer, self.blocks, cx) {
            return Poll::Pending;
        }
        self.wait.end();
        Poll::Ready(WaitError::TimedOut)
    }
}
