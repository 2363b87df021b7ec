//! What the tree knows of the actor, task, job or scope behind a node.

use std::any::Any;
use std::ops::Deref;
use std::task::Waker;

use super::edges::Request;
use super::node::Node;
use crate::error::Kind;
use crate::mailbox::{Gate, MailboxLook};

/// Whose code has polled a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PolledBy {
    Nobody,
    /// The node that owns it.
    Owner,
    Other,
}

/// What the tree asks of the actor, task, job or scope that a node stands for.
pub(crate) trait AnyNode: Any + Send + Sync {
    fn node(&self) -> &Node;

    fn node_mut(&mut self) -> &mut Node;

    /// The type name of the actor, future or job.
    fn type_name(&self) -> &'static str;

    /// Remembers how to wake the shell.
    fn set_waker(&self, waker: &Waker);

    /// Forgets the waker, which would keep the memory of a task that has ended.
    fn clear_waker(&self);

    /// Wakes the shell to look at its signals.
    fn wake(&self);

    /// Closes the gate of the mailbox, if there is one, and wakes the shell.
    fn close(&self, _gate: Gate) {
        self.wake();
    }

    /// Who has polled this scope since [`forget_poll`](AnyNode::forget_poll).
    fn polled_by(&self) -> PolledBy {
        PolledBy::Other
    }

    fn forget_poll(&self) {}

    /// Drops what is queued, if the shell has ended without doing so.
    fn discard(&self) {}

    /// How many messages wait in the mailbox.
    fn backlog(&self) -> u64 {
        0
    }

    /// How many accepted messages are not done with.
    fn in_hand(&self) -> u64 {
        0
    }

    /// Whether the one who waits by this request has to wait until this node does something. `from_beneath` says
    /// whether that one is this node or beneath it.
    fn holds_up(&self, request: &Request, _from_beneath: &dyn Fn() -> bool) -> bool {
        self.node().holds_up(request)
    }

    /// Whether somebody still wants to know how the node has ended, even if nobody is waiting right now.
    fn is_awaited(&self) -> bool {
        self.node().kind() == Kind::Actor && self.node().signals.load().is_outcome_awaited()
    }

    /// Called when a poll of the code was pending, with the shell's waker. Says whether the code is in the middle of a
    /// message. Returns the node as well, to save a call through `dyn AnyNode`.
    fn suspend(&self, _waker: &Waker) -> (&Node, bool) {
        (self.node(), false)
    }

    /// A look at an actor's mailbox.
    fn look_at_mail(&self) -> Option<MailboxLook> {
        None
    }

    /// How many references to the node the crate itself holds, not counting those of its children; `None` if unknown.
    fn own_references(&self) -> Option<usize> {
        None
    }

    /// How many messages have been started, and whether one is being handled now.
    fn progress(&self) -> (u64, bool) {
        (0, true)
    }
}

/// Gives access to what all nodes have in common.
impl Deref for dyn AnyNode {
    type Target = Node;

    #[inline]
    fn deref(&self) -> &Node {
        self.node()
    }
}
