//! The replies that a node's own code has dropped unsent (rule 10).
//!
//! Why a reply was dropped is known only when the code that dropped it ends: it returned, failed, or was killed. So a
//! node keeps the replies that its own code drops in a list, if they were asked of it or, for an actor, handed on to
//! it. Code that runs a piece of the node's code settles the list afterwards, and the end of the node settles what is
//! left. A reply that is dropped anywhere else is resolved at once.
//!
//! If a message is dropped unhandled, the reason is known: its own ask was never started. That ask is resolved at once,
//! on any thread, and the list is not touched.
//!
//! A reply that was handed on is kept no longer than one poll. No edge of the wait graph leads to this node (rule 16),
//! and the node that the code waits for may itself wait for the reply.

use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;

use super::current_node::with_carrier;
use super::node::Node;
use crate::error::Kind;
use crate::mailbox::{Caller, DropReason};
use crate::sync::lock;

/// A reply that was dropped and is not settled yet.
pub(in crate::tree) struct Dropped {
    reply: Arc<dyn Caller>,
    /// It was asked of the node whose code dropped it.
    is_own: bool,
}

/// The messages that this thread is dropping unhandled, and why.
struct Unhandled {
    /// The number of the node that they were sent to.
    target: u64,
    /// Their numbers in its mailbox.
    numbers: Range<u64>,
    reason: DropReason,
}

thread_local! {
    static UNHANDLED: RefCell<Option<Unhandled>> = const { RefCell::new(None) };
}

/// What this thread was dropping before. Restored when this guard is dropped.
struct OuterDrop(Option<Unhandled>);

impl OuterDrop {
    fn enter(unhandled: Unhandled) -> Self {
        Self(UNHANDLED.replace(Some(unhandled)))
    }
}

impl Drop for OuterDrop {
    fn drop(&mut self) {
        UNHANDLED.set(self.0.take());
    }
}

/// Why this reply was never sent, if its message is one that this thread is dropping unhandled.
fn unhandled(target: u64, reply: &dyn Caller) -> Option<DropReason> {
    UNHANDLED.with_borrow(|unhandled| {
        let unhandled = unhandled.as_ref().filter(|of| of.target == target)?;
        let position = reply.position();
        unhandled.reason.of_unhandled(position, &unhandled.numbers)
    })
}

/// Keeps a dropped reply in the list of the node whose code runs here, or resolves it at once if the reason is known.
/// `target` is the number of the node that was asked.
pub(crate) fn keep_reply(target: u64, reply: Arc<dyn Caller>) {
    if let Some(reason) = unhandled(target, &*reply) {
        reply.resolve(reason);
        return;
    }
    let mut reply = Some(reply);
    with_carrier(|node, _| {
        let node = node.node();
        let is_own = node.id().get() == target;
        // A task is neither the node that was asked nor one to which asks are handed on.
        if is_own || node.kind() == Kind::Actor {
            node.keep(&mut reply, is_own);
        }
    });
    if let Some(reply) = reply {
        reply.resolve(DropReason::NoReply);
    }
}

/// Called before the code here blocks its thread: nobody should wait meanwhile for a reply that it has dropped.
pub(crate) fn settle_before_blocking() {
    if let Some(node) = with_carrier(|node, _| Arc::clone(node)) {
        node.settle_handed_on();
    }
}

impl Node {
    /// Takes the reply, unless the shell that would settle it has gone.
    fn keep(&self, reply: &mut Option<Arc<dyn Caller>>, is_own: bool) {
        let mut state = lock(&self.state);
        if state.shell_gone {
            return;
        }
        let replies = &mut state.extras.get_or_insert_default().replies;
        // A handler may drop any number of replies. Those whose callers have given up are removed when the list is full,
        // which is constant amortised time.
        let is_over = |dropped: &mut Dropped| !dropped.reply.is_waiting();
        let stale: Vec<_> = match replies.len() == replies.capacity() {
            true => replies.extract_if(.., is_over).collect(),
            false => Vec::new(),
        };
        replies.extend(reply.take().map(|reply| Dropped { reply, is_own }));
        self.note_replies();
        drop(state);
        // Dropping them may run users' code.
        drop(stale);
    }

    /// Resolves all replies in the list.
    #[inline]
    pub(crate) fn settle_replies(&self, reason: DropReason) {
        if self.has_replies() {
            self.settle_each(reason);
        }
    }

    /// Runs code that drops unhandled messages of this node, on any thread. Their own asks are resolved at once, for
    /// this reason. A reply of another ask inside such a message is dropped as usual.
    pub(crate) fn drop_unhandled<R>(
        &self,
        numbers: Range<u64>,
        reason: DropReason,
        code: impl FnOnce() -> R,
    ) -> R {
        let target = self.id().get();
        let _outer = OuterDrop::enter(Unhandled {
            target,
            numbers,
            reason,
        });
        code()
    }

    /// Resolves the replies in the list that were asked of other nodes, while the code goes on.
    #[inline]
    pub(crate) fn settle_handed_on(&self) {
        if self.has_replies() {
            self.settle_others();
        }
    }

    #[cold]
    fn settle_others(&self) {
        let mut state = lock(&self.state);
        let Some(extras) = state.extras.as_mut() else {
            return;
        };
        let others = |dropped: &mut Dropped| !dropped.is_own;
        let others: Vec<_> = extras.replies.extract_if(.., others).collect();
        drop(state);
        for dropped in others {
            dropped.reply.resolve(DropReason::NoReply);
        }
    }

    /// As [`settle_replies`](Node::settle_replies), after a piece of code that no handler ran.
    #[inline]
    pub(crate) fn settle_quietly(&self) {
        if self.has_replies() {
            let reason = self.quiet_reason();
            self.settle_each(reason);
        }
    }

    /// Why replies were dropped by code that no handler ran.
    pub(in crate::tree) fn quiet_reason(&self) -> DropReason {
        if self.signals.load().is_killed() {
            DropReason::Killed
        } else {
            DropReason::NoReply
        }
    }

    /// One by one, because resolving a reply wakes its caller, which may run code that drops another.
    #[cold]
    fn settle_each(&self, reason: DropReason) {
        loop {
            let mut state = lock(&self.state);
            let extras = state.extras.as_mut();
            let Some(dropped) = extras.and_then(|extras| extras.replies.pop()) else {
                self.clear_replies();
                return;
            };
            drop(state);
            dropped.reply.resolve(reason);
        }
    }
}
