use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Waker};

use super::clock::Clock;
use super::departure::Departure;
use super::report::Report;
use super::stop_children::{StopChildren, wait_for_kept_scopes};
use super::stop_level::Manner;
use crate::error::{Kind, StopReason};
use crate::tree::node::{AnyNode, Order, end_by_itself, request, run_as, spans};

/// The last thing that a node's future or closure holds. When it is dropped, everything else of the node has been
/// dropped, and the node leaves its owner.
///
/// This, and not a message nor a task's join handle, is how a node's end is known (rule 5): it
/// cannot be forgotten, it also works when a runtime drops the task unpolled, and it wakes the
/// owner once instead of twice.
#[must_use = "the node ends when this is dropped"]
pub(crate) struct Exit {
    /// `None` while it is lent to the thread as the current node, and once the node has ended.
    node: Option<Arc<dyn AnyNode>>,
    clock: Clock,
    /// The node has the shell's waker, or gets it before the shell is suspended.
    has_waker: bool,
    surroundings: Surroundings,
}

/// What is done around each piece of a node's code, besides making its node the current one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tree) enum Surroundings {
    Plain,
    /// The code of a scope: the node that polls it is remembered. It has no spans.
    Scope,
    /// The code runs in spans.
    Traced,
}

impl Exit {
    #[inline]
    pub(crate) fn new(node: Arc<dyn AnyNode>) -> Self {
        let surroundings = match node.is_traced() {
            true => begin_spans(&node),
            false => Surroundings::Plain,
        };
        Self {
            node: Some(node),
            clock: Clock::default(),
            has_waker: false,
            surroundings,
        }
    }

    /// For a scope, whose future may be polled by a node other than its owner.
    pub(crate) fn of_scope(node: Arc<dyn AnyNode>) -> Self {
        let mut exit = Self::new(node);
        exit.surroundings = Surroundings::Scope;
        exit
    }

    #[inline]
    pub(in crate::tree) fn surroundings(&self) -> Surroundings {
        self.surroundings
    }

    /// Its code runs in spans.
    #[inline]
    pub(in crate::tree) fn is_traced(&self) -> bool {
        self.surroundings == Surroundings::Traced
    }

    /// For a node whose code registers the waker itself when it is first suspended.
    #[inline]
    pub(crate) fn of_loop(node: Arc<dyn AnyNode>) -> Self {
        let mut exit = Self::new(node);
        exit.has_waker = true;
        exit
    }

    #[inline]
    pub(crate) fn any(&self) -> &Arc<dyn AnyNode> {
        // A poll takes it out and puts it back; the end takes it out for good.
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

    /// Stops and joins what is beneath the node, which takes no more children. This does not use the node's own time
    /// (rule 7).
    pub(crate) async fn stop_children(&mut self) {
        self.end_children(StopChildren::new(Manner::Stop)).await;
    }

    /// As [`stop_children`](Exit::stop_children), once the node's state is gone as well. A scope of the node that is
    /// left then is polled by somebody else, or by nobody.
    pub(crate) async fn stop_last_children(&mut self) {
        self.end_children(StopChildren::last(Manner::Stop)).await;
    }

    /// For a node that has no future to wait for its children: stops them, and the last one completes the end.
    pub(crate) fn leave_children(&mut self) {
        let node = self.any();
        end_by_itself(node);
        wait_for_kept_scopes(node);
        for child in node.children() {
            request(&child, Order::Stop);
            // A look starts the child's grace. It may be long until somebody else looks.
            child.time_limit();
        }
    }

    async fn end_children(&mut self, mut children: StopChildren) {
        poll_fn(|cx| {
            self.ensure_waker(cx.waker());
            let polled = children.poll(self.any(), cx);
            self.apply_bound(&children, cx);
            polled
        })
        .await;
    }

    /// Kills what is left if the bound of an order has passed.
    pub(crate) fn apply_bound(&mut self, children: &StopChildren, cx: &mut Context<'_>) {
        if let Some(bound) = children.bound()
            && self.clock.poll(bound, cx)
        {
            request(self.any(), Order::Cut);
        }
    }

    /// Gives the node the shell's waker, if it has none. An order that came before this has woken nobody, so the caller
    /// looks at the signals after it.
    #[inline]
    pub(crate) fn ensure_waker(&mut self, waker: &Waker) {
        if !std::mem::replace(&mut self.has_waker, true) {
            self.any().set_waker(waker);
        }
    }

    /// Has the next poll give the node the waker again: a sender or a discarded mailbox may have taken it, or it
    /// changes from poll to poll.
    #[inline]
    pub(crate) fn expect_new_waker(&mut self) {
        self.has_waker = false;
    }

    #[inline]
    fn end_spans(&self, node: &Arc<dyn AnyNode>, reason: &StopReason) {
        if self.is_traced() {
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
fn begin_spans(node: &Arc<dyn AnyNode>) -> Surroundings {
    spans::begin(node);
    Surroundings::Traced
}

/// The shell was dropped before its end: by its runtime, or, for a scope, by the code that had its future. What is
/// beneath is killed, and the last of it completes the end.
impl Drop for Exit {
    fn drop(&mut self) {
        if let Some(node) = self.node.take() {
            if node.kind() == Kind::Scope {
                // Nobody awaits its outcome any more.
                node.signals.end_awaiting_outcome();
            }
            // A scope with nothing left beneath has only its body to drop, which is no kill.
            if !node.is_gone_through() {
                request(&node, Order::Kill);
            }
            run_as(&node, || node.discard());
            node.clear_waker();
            let mut report = Report::default();
            if node.kind() != Kind::Scope && std::thread::panicking() {
                // A fault of this crate: no code of users can unwind a shell.
                report.panicked(String::from("the shell itself panicked"));
            }
            let reason = report.finish(&node);
            self.end_spans(&node, &reason);
            conclude(node, reason);
        }
    }
}

fn conclude(node: Arc<dyn AnyNode>, reason: StopReason) {
    let dropped = node.quiet_reason();
    // A future that was leaked must not keep its wait listed.
    node.end_handler(dropped);
    let mut ended = Some(reason);
    // If this was the last child of an owner whose shell has ended, that owner ends too, and so on up. A loop, because
    // a tree may be deep (rule 15).
    let mut next = Some(node);
    while let Some(node) = next {
        next = leave(&node, ended.take());
        // Settles whatever an earlier path has missed. From here on no reply is kept.
        node.settle_replies(dropped);
    }
}

/// Takes a node out of the tree if neither its shell nor a child is left. With `ended`, its shell has ended just now.
/// Returns the owner if that leaves in turn.
fn leave(node: &Arc<dyn AnyNode>, ended: Option<StopReason>) -> Option<Arc<dyn AnyNode>> {
    let mut departure = Departure::new(node);
    if !departure.take_out(ended) {
        return None;
    }
    departure.notify()
}
