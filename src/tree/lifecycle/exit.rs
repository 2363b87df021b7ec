use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Waker};

use super::clock::Clock;
use super::departure::Departure;
use super::report::Report;
use super::stop_children::{StopChildren, wait_for_kept_scopes};
use super::stop_level::Manner;
use crate::error::{Kind, StopReason};
use crate::mailbox::DropReason;
use crate::tree::node::{AnyNode, Order, end_by_itself, request, run_as, spans};

/// The last thing that a node's future or closure holds: when it goes, everything else of the node
/// has been dropped, and the node leaves its owner.
///
/// This, and not a message nor a task's join handle, is how a node's end is known (rule 5): it
/// cannot be forgotten, it also works when a runtime drops the task unpolled, and it wakes the
/// owner once instead of twice.
#[must_use = "the node ends when this is dropped"]
pub(crate) struct Exit {
    /// `None` while it is lent to the thread as the current node, and once the node has ended.
    node: Option<Arc<dyn AnyNode>>,
    clock: Clock,
    /// The node has the shell's waker, or will have it by the time that the shell is suspended.
    has_waker: bool,
    entry: Entry,
}

/// What is done around each piece of a node's code, besides making the node the current one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tree) enum Entry {
    Plain,
    /// It is a scope's, whose poller stays known. It has no spans of its own.
    Scope,
    /// It is run in spans.
    Traced,
}

impl Exit {
    #[inline]
    pub(crate) fn new(node: Arc<dyn AnyNode>) -> Self {
        let entry = match node.is_traced() {
            true => begin_spans(&node),
            false => Entry::Plain,
        };
        Self {
            node: Some(node),
            clock: Clock::default(),
            has_waker: false,
            entry,
        }
    }

    /// For a scope, whose future may be polled by another than its owner.
    pub(crate) fn of_scope(node: Arc<dyn AnyNode>) -> Self {
        let mut exit = Self::new(node);
        exit.entry = Entry::Scope;
        exit
    }

    #[inline]
    pub(in crate::tree) fn entry(&self) -> Entry {
        self.entry
    }

    /// For a node whose code sees to it by itself, when it is first suspended, that it can be woken.
    #[inline]
    pub(crate) fn of_loop(node: Arc<dyn AnyNode>) -> Self {
        let mut exit = Self::new(node);
        exit.has_waker = true;
        exit
    }

    #[inline]
    pub(crate) fn any(&self) -> &Arc<dyn AnyNode> {
        // Both places that take it out (a poll, and the end) put it back or consume `self`.
        self.node.as_ref().expect("the exit is not lent")
    }

    #[inline]
    pub(in crate::tree) fn lend(&mut self) -> Option<Arc<dyn AnyNode>> {
        self.node.take()
    }

    #[inline]
    pub(in crate::tree) fn restore(&mut self, node: Option<Arc<dyn AnyNode>>) {
        self.node = node;
    }

    #[inline]
    pub(super) fn clock(&mut self) -> &mut Clock {
        &mut self.clock
    }

    /// Whether the node's own time to end is up.
    pub(in crate::tree) fn poll_expired(&mut self, cx: &mut Context<'_>) -> bool {
        let until = self.any().time_limit();
        until.is_some_and(|until| self.clock.poll(until, cx))
    }

    /// Stops and joins what is beneath the node, which takes no more children: that is not its own time
    /// (rule 7).
    pub(crate) async fn stop_children(&mut self) {
        self.end_children(StopChildren::new(Manner::Stop)).await;
    }

    /// The same once the node's state is gone, too. A scope of the node's that is left then is polled by somebody
    /// else, or by nobody.
    pub(crate) async fn stop_last_children(&mut self) {
        self.end_children(StopChildren::last(Manner::Stop)).await;
    }

    /// The node has no future that could wait for what is beneath it. It ends when that has.
    pub(crate) fn leave_children(&mut self) {
        let node = self.any();
        end_by_itself(node);
        wait_for_kept_scopes(node);
        for child in node.children() {
            request(&child, Order::Stop);
            // Its time begins with the first look, and nobody may look for long.
            child.time_limit();
        }
    }

    async fn end_children(&mut self, mut children: StopChildren) {
        poll_fn(|cx| {
            self.ensure_waker(cx.waker());
            let polled = children.poll(self.any(), cx);
            self.heed_bound(&children, cx);
            polled
        })
        .await;
    }

    /// Kills what is left if somebody's limit for the end has passed.
    pub(crate) fn heed_bound(&mut self, children: &StopChildren, cx: &mut Context<'_>) {
        if let Some(bound) = children.bound()
            && self.clock.poll(bound, cx)
        {
            request(self.any(), Order::Cut);
        }
    }

    /// Gives the node the shell's waker, if it has none. Whatever it was told before that has woken nobody, and is to be
    /// looked at now.
    #[inline]
    pub(crate) fn ensure_waker(&mut self, waker: &Waker) {
        if !std::mem::replace(&mut self.has_waker, true) {
            self.any().set_waker(waker);
        }
    }

    /// The node is to be given the waker again, with the next poll: a sender or a discarded mailbox may have taken it, or
    /// it changes from poll to poll.
    #[inline]
    pub(crate) fn expect_new_waker(&mut self) {
        self.has_waker = false;
    }

    #[inline]
    fn end_spans(&self, node: &Arc<dyn AnyNode>, reason: &StopReason) {
        if self.entry == Entry::Traced {
            node.end_spans(reason);
        }
    }

    /// Ends the node for this reason. Its own code and state are gone.
    pub(crate) fn conclude(&mut self, reason: StopReason) {
        if let Some(node) = self.node.take() {
            if self.has_waker {
                node.clear_waker();
            }
            self.end_spans(&node, &reason);
            conclude(node, reason);
        }
    }
}

#[cold]
fn begin_spans(node: &Arc<dyn AnyNode>) -> Entry {
    spans::begin(node);
    Entry::Traced
}

/// The shell was dropped before its end: by its runtime, or, if it is a scope's, by whoever polled
/// it. What is beneath is killed, and the last of it completes the end.
impl Drop for Exit {
    fn drop(&mut self) {
        if let Some(node) = self.node.take() {
            if node.kind() == Kind::Scope {
                // Nobody awaits its outcome any more.
                node.signals.end_awaiting_outcome();
            }
            // One that its owner has gone through has only its body left to go, which is no kill.
            if !node.is_gone_through() {
                request(&node, Order::Kill);
            }
            run_as(&node, || node.discard());
            node.clear_waker();
            let mut report = Report::default();
            if node.kind() != Kind::Scope && std::thread::panicking() {
                // A fault of this crate's: nothing of a user's unwinds a shell.
                report.panicked(String::from("the shell itself panicked"));
            }
            let reason = report.finish(&node);
            self.end_spans(&node, &reason);
            conclude(node, reason);
        }
    }
}

fn conclude(node: Arc<dyn AnyNode>, reason: StopReason) {
    let dropped = DropReason::of_end(&reason);
    // A future that was forgotten must not keep its wait.
    node.end_handler(dropped);
    let mut ended = Some(reason);
    // The end of a node can be the end of an owner whose shell has gone before, and so on up; a
    // loop, because a tree may be deep (rule 15).
    let mut next = Some(node);
    while let Some(node) = next {
        next = leave(&node, ended.take());
        // Whatever has forgotten them: from here on no reply is kept.
        node.settle_replies(dropped);
    }
}

/// Takes a node out of the tree if nothing of it is left. Its shell may have ended just now. Gives the owner if this
/// was the last that it waited for.
fn leave(node: &Arc<dyn AnyNode>, ended: Option<StopReason>) -> Option<Arc<dyn AnyNode>> {
    let mut departure = Departure::new(node);
    if !departure.take_out(ended) {
        return None;
    }
    departure.notify()
}
