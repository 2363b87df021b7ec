use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;

use tokio::time::{Instant, Sleep};

use crate::error::{AskError, Cycle};
use crate::mailbox::ReplyReceiver;
use crate::sync::has_passed;
use crate::tree::{AnyNode, Request, Wait, inherited_or_default, is_in_node};

/// What keeps an ask from waiting for ever: its deadline, or its place in the wait graph.
pub(super) struct Bounds {
    limit: Option<Instant>,
    /// The ask was given a limit, even if that never comes. The system's default does not apply then.
    has_own: bool,
    /// It also inherits the deadline of the message for which it is made.
    inherits: bool,
    /// The limit is an inherited one.
    is_inherited: bool,
    even_if_cyclic: bool,
    /// A thread is blocked for this ask.
    blocks: bool,
    timer: Option<Pin<Box<Sleep>>>,
    wait: Wait,
}

impl Bounds {
    pub(super) const fn new() -> Self {
        Self {
            limit: None,
            has_own: false,
            inherits: true,
            is_inherited: false,
            even_if_cyclic: false,
            blocks: false,
            timer: None,
            wait: Wait::new(),
        }
    }

    /// Sets the limit. With `None` it may last for ever, unless it inherits a limit.
    pub(super) fn set_limit(&mut self, limit: Option<Instant>) {
        self.limit = limit;
        self.has_own = true;
        self.is_inherited = false;
        self.timer = None;
    }

    /// The error of an ask whose time was up.
    pub(super) fn timed_out(&self, started: bool) -> AskError {
        AskError::TimedOut {
            started,
            inherited: self.is_inherited,
        }
    }

    pub(super) fn inherit_nothing(&mut self) {
        self.inherits = false;
    }

    pub(super) fn allow_cycles(&mut self) {
        self.even_if_cyclic = true;
    }

    /// Called before a thread blocks for this ask. Returns when the thread has to wake by itself.
    pub(super) fn block(&mut self) -> Option<Instant> {
        self.blocks = true;
        self.limit
    }

    pub(super) fn has_limit(&self) -> bool {
        self.limit.is_some()
    }

    /// Called before the ask is sent: sets its deadline and lists its wait.
    ///
    /// # Errors
    ///
    /// The cycle that the wait would complete.
    pub(super) fn begin<T: Send + 'static>(
        &mut self,
        reply: &ReplyReceiver<T>,
        target: impl FnOnce() -> Arc<dyn AnyNode>,
    ) -> Result<(), Cycle> {
        // An ask from outside of nodes inherits nothing, and nobody waits for its caller.
        if !is_in_node() {
            if let Some(limit) = self.limit {
                reply.set_deadline(limit);
            }
            return Ok(());
        }
        if self.inherits
            && let Some((limit, is_inherited)) = inherited_or_default(!self.has_own)
            && self.limit.is_none_or(|own| limit < own)
        {
            self.limit = Some(limit);
            self.is_inherited = is_inherited;
            self.timer = None;
        }
        if let Some(limit) = self.limit {
            reply.set_deadline(limit);
        }
        self.list_wait(reply, target)
    }

    /// Called when the ask is pending: lists its wait for the node that polls it.
    ///
    /// # Errors
    ///
    /// The cycle that the wait would complete.
    pub(super) fn list_wait<T: Send + 'static>(
        &mut self,
        reply: &ReplyReceiver<T>,
        target: impl FnOnce() -> Arc<dyn AnyNode>,
    ) -> Result<(), Cycle> {
        let limited = self.limit.is_some() || self.even_if_cyclic;
        let request = || Request::Reply(reply.caller());
        let holder = reply.holder();
        if let Some(holder) = &holder
            && !self.wait.is_for(holder.id)
        {
            self.wait.end();
        }
        let holder =
            holder.and_then(|holder| holder.node.downcast_ref::<Arc<dyn AnyNode>>().cloned());
        let target = || holder.unwrap_or_else(target);
        let listed = self.wait.list_or_refuse(limited, || (target(), request()));
        if !limited && self.wait.is_listed() {
            reply.follow();
        }
        listed
    }

    /// Ends the wait.
    pub(super) fn end(&mut self) {
        self.wait.end();
    }

    pub(super) fn is_out_of_time(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(limit) = self.limit else {
            return false;
        };
        has_passed(limit, &mut self.timer, self.blocks, cx)
    }
}

impl Default for Bounds {
    fn default() -> Self {
        Self::new()
    }
}
