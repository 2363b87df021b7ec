use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;

use tokio::time::{Instant, Sleep};

use crate::error::{AskError, Cycle};
use crate::mailbox::ReplyReceiver;
use crate::sync::has_passed;
use crate::tree::{AnyNode, Request, Wait, inherited_or_default, is_in_node};

/// What keeps an ask from waiting for ever: its deadline, or that its wait is listed.
pub(super) struct Bounds {
    limit: Option<Instant>,
    /// It was given a limit, be it one that never comes: that of its system does not hold for it.
    has_own: bool,
    /// It also has the deadline of what it is a part of.
    inherits: bool,
    /// The limit is that of what it is a part of.
    is_inherited: bool,
    even_if_cyclic: bool,
    /// A thread is blocked for it.
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

    /// Without one it may last for as long as it takes, unless it inherits one.
    pub(super) fn set_limit(&mut self, limit: Option<Instant>) {
        self.limit = limit;
        self.has_own = true;
        self.is_inherited = false;
        self.timer = None;
    }

    /// The time was up.
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

    /// A thread is about to block for it. Gives when that is to wake by itself.
    pub(super) fn block(&mut self) -> Option<Instant> {
        self.blocks = true;
        self.limit
    }

    pub(super) fn has_limit(&self) -> bool {
        self.limit.is_some()
    }

    /// The ask is about to be sent: it gets its deadline or, if it has none, its wait is listed.
    ///
    /// # Errors
    ///
    /// The cycle that the wait would have completed.
    pub(super) fn begin<T: Send + 'static>(
        &mut self,
        reply: &ReplyReceiver<T>,
        target: impl FnOnce() -> Arc<dyn AnyNode>,
    ) -> Result<(), Cycle> {
        // An ask from outside inherits nothing, and nobody waits for the one who makes it.
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

    /// The ask is pending: its wait is that of the node that polls it.
    ///
    /// # Errors
    ///
    /// The cycle that the wait would have completed.
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

    /// It waits for nothing any more.
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
