//! The replies that a node's own code has dropped unsent (rule 10).
//!
//! Only the end of the code that dropped a reply knows why: it returned, failed, or was killed. So a reply that a
//! node's code drops is kept in a list of that node's, if it was asked of that node, or handed on to it, which only an
//! actor is. Whoever runs a piece of the node's code settles the list after it, and the end of the node settles what is
//! left. A reply that is dropped anywhere else is resolved at once.
//!
//! A message that is dropped unhandled needs no reason from the code that drops it: its own ask was never started. That
//! ask is resolved at once, whoever drops the message, and wherever. The list is not touched for that.
//!
//! A reply that was handed on is not kept for longer than a poll: no edge of the wait graph leads here (rule 16), and
//! what the code waits for may be waiting for the reply.

use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;

use super::current_node::with_carrier;
use super::node::Node;
use crate::error::{Kind, StopReason};
use crate::mailbox::{Caller, DropReason};
use crate::sync::lock;

/// A reply that was dropped and is not settled.
pub(in crate::tree) struct Dropped {
    reply: Arc<dyn Caller>,
    /// It was asked of the node that dropped it.
    is_own: bool,
}

/// The messages that this thread is dropping unhandled, and why.
struct Unhandled {
    /// The number of the node to which they were sent.
    target: u64,
    /// Their numbers in its mailbox.
    numbers: Range<u64>,
    reason: DropReason,
}

thread_local! {
    static UNHANDLED: RefCell<Option<Unhandled>> = const { RefCell::new(None) };
}

/// What this thread was dropping before, which it goes on with when this is gone.
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

/// Why a reply was never sent whose message is being dropped here, unhandled.
fn unhandled(target: u64, reply: &dyn Caller) -> Option<DropReason> {
    UNHANDLED.with_borrow(|unhandled| {
        let unhandled = unhandled.as_ref().filter(|of| of.target == target)?;
        let position = reply.position();
        unhandled.reason.of_unhandled(position, &unhandled.numbers)
    })
}

/// Keeps a reply that was asked of the node with this number, for the node whose code runs here, unless it is known
/// already why it was dropped.
pub(crate) fn keep_reply(target: u64, reply: Arc<dyn Caller>) {
    if let Some(reason) = unhandled(target, &*reply) {
        reply.resolve(reason);
        return;
    }
    let mut reply = Some(reply);
    with_carrier(|node, _| {
        let node = node.node();
        let is_own = node.id().get() == target;
        // A task that has lost it is not what was asked, nor what it was handed on to.
        if is_own || node.kind() == Kind::Actor {
            node.keep(&mut reply, is_own);
        }
    });
    if let Some(reply) = reply {
        reply.resolve(DropReason::NoReply);
    }
}

/// The code here is about to block its thread: nobody is to wait meanwhile for a reply that it has dropped.
pub(crate) fn settle_before_blocking() {
    if let Some(node) = with_carrier(|node, _| Arc::clone(node)) {
        node.settle_handed_on();
    }
}

impl DropReason {
    /// That of what goes down with a node that has ended so.
    pub(in crate::tree) fn of_end(end: &StopReason) -> Self {
        match end {
            StopReason::Failed(_) => Self::Failed,
            StopReason::Killed | StopReason::CutShort(_) => Self::Killed,
            _ => Self::NoReply,
        }
    }
}

impl Node {
    /// Takes the reply, unless nobody is left to settle it.
    fn keep(&self, reply: &mut Option<Arc<dyn Caller>>, is_own: bool) {
        let mut state = lock(&self.state);
        if state.shell_gone {
            return;
        }
        let replies = &mut state.extras.get_or_insert_default().replies;
        // A handler may drop as many as it likes: whoever has given up meanwhile need not be told. Looked for
        // before the list grows, so that it takes a constant time for each.
        let is_over = |dropped: &mut Dropped| !dropped.reply.is_waiting();
        let stale: Vec<_> = match replies.len() == replies.capacity() {
            true => replies.extract_if(.., is_over).collect(),
            false => Vec::new(),
        };
        replies.extend(reply.take().map(|reply| Dropped { reply, is_own }));
        self.note_replies();
        drop(state);
        // With them may go what their askers had wanted.
        drop(stale);
    }

    /// Resolves the replies that were dropped so far.
    #[inline]
    pub(crate) fn settle_replies(&self, reason: DropReason) {
        if self.has_replies() {
            self.settle_each(reason);
        }
    }

    /// Runs code that drops messages of this node's which are not handled, on whatever thread: their own asks are
    /// resolved for this reason, at once. A reply of another ask in them is dropped as anywhere.
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

    /// Resolves those of them that were asked of other nodes, while the code goes on.
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

    fn quiet_reason(&self) -> DropReason {
        if self.signals.load().is_killed() {
            DropReason::Killed
        } else {
            DropReason::NoReply
        }
    }

    /// One by one: to resolve a reply wakes its asker, which may run code that drops another.
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
