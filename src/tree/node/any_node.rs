//! What a tree knows of whatever stands behind a node.

use std::any::Any;
use std::ops::Deref;
use std::task::Waker;

use super::edges::Request;
use super::node::Node;
use crate::error::Kind;
use crate::mailbox::{Gate, MailboxLook};

/// Whose code has polled a scope, if any has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PolledBy {
    Nobody,
    /// That of the node that owns it.
    Owner,
    Other,
}

/// What a tree knows of the actor, task, job or scope that a node stands for.
pub(crate) trait AnyNode: Any + Send + Sync {
    fn node(&self) -> &Node;

    fn node_mut(&mut self) -> &mut Node;

    /// The name of the type of the actor, future or job.
    fn type_name(&self) -> &'static str;

    /// Remembers how to wake the shell.
    fn set_waker(&self, waker: &Waker);

    /// Forgets it: kept longer it would keep the memory of a task that has ended.
    fn clear_waker(&self);

    /// Wakes the shell for a look at its control flags.
    fn wake(&self);

    /// Shuts the mailbox, if there is one, and wakes the shell.
    fn close(&self, _gate: Gate) {
        self.wake();
    }

    /// Of a scope: who has polled it since that was [forgotten](AnyNode::forget_poll).
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

    /// How many messages were accepted and are not done with.
    fn in_hand(&self) -> u64 {
        0
    }

    /// Whether whoever made this request waits until the node goes on. `from_beneath` says whether the request comes
    /// from this node or one beneath it.
    fn holds_up(&self, request: &Request, _from_beneath: &dyn Fn() -> bool) -> bool {
        self.node().holds_up(request)
    }

    /// Whether somebody is still to be told of its end, also one who does not wait at the moment.
    fn is_awaited(&self) -> bool {
        self.node().kind() == Kind::Actor && self.node().signals.load().is_outcome_awaited()
    }

    /// Its code has returned from a poll and is not done; `waker` is the shell's. Says whether it is in the middle of a
    /// message. It gives the node as well, because each look at a node of any kind is a call.
    fn suspend(&self, _waker: &Waker) -> (&Node, bool) {
        (self.node(), false)
    }

    /// What there is of an actor's mailbox.
    fn look_at_mail(&self) -> Option<MailboxLook> {
        None
    }

    /// How many of the references to it are the crate's own, besides those of its children; `None` if that is not
    /// known.
    fn own_references(&self) -> Option<usize> {
        None
    }

    /// How many messages have been started, and whether one is being handled now.
    fn progress(&self) -> (u64, bool) {
        (0, true)
    }
}

/// So that what all nodes have in common is asked of any node.
impl Deref for dyn AnyNode {
    type Target = Node;

    #[inline]
    fn deref(&self) -> &Node {
        self.node()
    }
}
