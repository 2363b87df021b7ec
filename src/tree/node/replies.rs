//! The replies that a node's own code has dropped unsent (rule 10).
//!
//! A reply that is dropped by the very node that was asked for it is kept in a list of that node's,
//! because only the end of the code that dropped it knows why: the handler returned, failed, or was
//! killed. Whoever runs a piece of the node's code settles the list after it, and the end of the node
//! settles what is left. A reply that is dropped anywhere else is resolved at once.

use std::sync::Arc;

use super::current_node::with_carrier;
use super::node::Node;
use crate::error::StopReason;
use crate::mailbox::{AskPosition, Caller, DropReason};
use crate::sync::lock;

/// Keeps a reply that was asked of the node with this number, if that node's code runs here.
pub(crate) fn keep_reply(target: u64, reply: Arc<dyn Caller>) {
    let mut reply = Some(reply);
    with_carrier(|node, _| {
        if node.node().id().get() == target {
            node.node().keep(&mut reply);
        }
    });
    if let Some(reply) = reply {
        reply.resolve(DropReason::NoReply);
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
    fn keep(&self, reply: &mut Option<Arc<dyn Caller>>) {
        let mut links = lock(&self.links);
        if links.shell_gone {
            return;
        }
        let replies = &mut links.rare.get_or_insert_default().replies;
        // A handler may drop as many as it likes: whoever has given up meanwhile need not be told. Looked for
        // before the list grows, so that it takes a constant time for each.
        let is_over = |reply: &mut Arc<dyn Caller>| !reply.is_waiting();
        let stale: Vec<_> = match replies.len() == replies.capacity() {
            true => replies.extract_if(.., is_over).collect(),
            false => Vec::new(),
        };
        replies.extend(reply.take());
        self.note_replies();
        drop(links);
        // With them may go what their askers had wanted.
        drop(stale);
    }

    /// Resolves the replies that were dropped so far.
    #[inline]
    pub(crate) fn settle_replies(&self, reason: DropReason) {
        if self.has_replies() {
            self.settle_each(|_| reason);
        }
    }

    /// As [`settle_replies`](Node::settle_replies), after a piece of code that no handler ran.
    #[inline]
    pub(crate) fn settle_quietly(&self) {
        if self.has_replies() {
            let reason = self.quiet_reason();
            self.settle_each(|_| reason);
        }
    }

    /// As [`settle_replies`](Node::settle_replies), after a message was dropped that was not started, and
    /// no later one was. A reply in it may be that of another message, which was started and kept it.
    #[inline]
    pub(crate) fn settle_discarded(&self, first: u64) {
        if self.has_replies() {
            let started = self.quiet_reason();
            self.settle_each(|reply| match reply.place() {
                AskPosition::Sent(number) if number < first => started,
                AskPosition::Elsewhere => started,
                AskPosition::Sent(_) | AskPosition::Unsent => DropReason::Stopped,
            });
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
    fn settle_each(&self, reason: impl Fn(&dyn Caller) -> DropReason) {
        loop {
            let mut links = lock(&self.links);
            let rare = links.rare.as_mut();
            let Some(reply) = rare.and_then(|rare| rare.replies.pop()) else {
                self.clear_replies();
                return;
            };
            drop(links);
            reply.resolve(reason(&*reply));
        }
    }
}
