use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Waker};

use super::clock::Clock;
use super::report::Report;
use super::stop_children::{Manner, StopChildren, outlived};
use crate::error::{Kind, Phase, StopReason};
use crate::mailbox::DropReason;
use crate::sync::{WakeList, lock, panic_message};
use crate::tree::node::signals::{Marks, Snapshot};
use crate::tree::node::{
    AnyNode, AutoShutdown, Children, Ended, GroupStep, Node, NodeState, Order, end_by_itself,
    finish, request, run_as, wake_owner,
};

/// How many ends in good order an owner is shown that it has had no time to look at.
const MOST_ENDS: usize = 1_024;

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
    /// The node knows how to wake the shell, or will by the time that it is suspended.
    known: bool,
    of_scope: bool,
}

impl Exit {
    pub(crate) fn new(node: Arc<dyn AnyNode>) -> Self {
        Self {
            node: Some(node),
            clock: Clock::default(),
            known: false,
            of_scope: false,
        }
    }

    /// For a scope, whose future may be polled by another than its owner.
    pub(crate) fn of_scope(node: Arc<dyn AnyNode>) -> Self {
        let mut exit = Self::new(node);
        exit.of_scope = true;
        exit
    }

    #[inline]
    pub(in crate::tree) fn is_of_scope(&self) -> bool {
        self.of_scope
    }

    /// For a node whose code sees to it by itself, when it is first suspended, that it can be woken.
    pub(crate) fn of_loop(node: Arc<dyn AnyNode>) -> Self {
        let mut exit = Self::new(node);
        exit.known = true;
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
        outlived(node);
        for child in node.children() {
            request(&child, Order::Stop);
            // Its time begins with the first look, and nobody may look for long.
            child.time_limit();
        }
    }

    async fn end_children(&mut self, mut children: StopChildren) {
        poll_fn(|cx| {
            self.make_known(cx.waker());
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

    /// The node is told how to wake the shell, if it does not know. What it was told before is to be
    /// looked at after that.
    #[inline]
    pub(crate) fn make_known(&mut self, waker: &Waker) {
        if !std::mem::replace(&mut self.known, true) {
            self.any().set_waker(waker);
        }
    }

    /// It is to be told anew: a sender may have taken the waker, or a discarded mailbox; or it may
    /// change from poll to poll.
    #[inline]
    pub(crate) fn make_unknown(&mut self) {
        self.known = false;
    }

    /// Ends the node for this reason. Its own code and state are gone.
    pub(crate) fn conclude(&mut self, reason: StopReason) {
        if let Some(node) = self.node.take() {
            if self.known {
                node.clear_waker();
            }
            conclude(node, reason);
        }
    }
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

/// Takes a node out of the tree if nothing of it is left. Its shell may have ended just now. Gives
/// the owner if this was the last that it waited for.
#[expect(
    clippy::too_many_lines,
    reason = "to be built first, and then performed"
)]
fn leave(node: &Arc<dyn AnyNode>, ended: Option<StopReason>) -> Option<Arc<dyn AnyNode>> {
    let this = node.node();
    let owner = this.owner();
    let mut wakes = WakeList::new();
    let mut contained = None;
    let mut wakes_owner = false;
    let mut owner_is_next = false;
    let mut owner_is_over = false;
    let mut step = GroupStep::Wait;
    let has_failed;
    let text = match &ended {
        Some(failed @ StopReason::Failed(_)) => failed.as_text(),
        _ => None,
    };
    let garbage = {
        let mut above = owner.map(|owner| lock(&owner.state));
        let mut own = lock(&this.state);
        if let Some(reason) = ended {
            own.closed = true;
            own.shell_gone = true;
            own.set_since(None);
            own.set_end(reason, text);
        }
        if !own.shell_gone || own.phase == Phase::Stopped || own.has_children() {
            return None;
        }
        let name = own
            .extras
            .as_mut()
            .and_then(|extras| extras.settings.name.clone());
        own.end_with_cuts();
        let reason = own.end();
        let mut entry = None;
        if let (Some(owner), Some(above)) = (owner, above.as_deref_mut()) {
            let own_end = matches!(reason, StopReason::Finished | StopReason::Failed(_));
            let reason = match reason {
                StopReason::Failed(_) if is_contained(this) => {
                    note_cuts(owner, above, &reason);
                    contained = Some(reason);
                    // An error that panics when the owner drops it would fail the owner after all.
                    own.end_as_text()
                }
                StopReason::CutShort(_) => {
                    note_cuts(owner, above, &reason);
                    reason
                }
                reason => reason,
            };
            let is_told = tells(owner, above, node, &reason);
            if is_told {
                wakes_owner |= tell(owner, above, node, reason);
            }
            let (removed, was_awaited) = detach(above, node, name.as_deref());
            entry = removed;
            wakes_owner |= was_awaited;
            owner_is_next = above.shell_gone && !above.has_children();
            owner_is_over = own_end && is_over(above, node);
            if owner_is_over && is_told {
                // It sees the end first, and may fail for it.
                owner_is_over = false;
                mark_last(above);
            }
            step = next_in_group(above);
        }
        own.phase = Phase::Stopped;
        own.wake_waiters(&mut wakes);
        has_failed = own.has_failed();
        let errors = match has_failed && !node.is_awaited() {
            true => own.forget_errors(),
            false => None,
        };
        (entry, own.children.take(), own.tokens(true), errors)
    };
    if let Some(tokens) = &garbage.2 {
        tokens.cancel();
    }
    if garbage.1.is_some() || has_failed {
        trace_unheard(node, garbage.1.as_deref());
        drop_garbage(garbage);
    } else {
        drop(garbage);
    }
    if let Some(owner) = owner {
        wake_owner(owner, wakes_owner);
    }
    wakes.wake();
    step.take();
    if let Some(owner) = owner.filter(|_| owner_is_over) {
        finish(owner);
    }
    if let Some(StopReason::Failed(failure)) = contained {
        tracing::warn!(%failure, "a contained child failed");
    }
    owner.filter(|_| owner_is_next).cloned()
}

/// The errors in it are the user's, and may panic when they are dropped: nothing of that is to keep an owner in
/// the tree.
#[cold]
fn drop_garbage<T>(garbage: T) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(garbage))) {
        let panic = panic_message(panic);
        tracing::warn!(panic, "an error panicked when it was dropped");
    }
}

/// What failed after the node's own code was dropped is in no report; nor is the failure of a scope that
/// nobody awaits and nobody owns.
fn trace_unheard(node: &Arc<dyn AnyNode>, children: Option<&Children>) {
    let late = children.into_iter().flat_map(|table| &table.ended);
    for end in late {
        if let StopReason::Failed(failure) = &end.reason
            && !is_contained(end.node.node())
        {
            tracing::error!(%failure, "beneath a node that was dropped");
        }
    }
    let node = node.node();
    let is_unheard = node.kind() == Kind::Scope
        && node.owner().is_none()
        && !node.signals.load().is_outcome_awaited();
    if is_unheard && let Some(StopReason::Failed(failure)) = node.reason() {
        tracing::error!(?failure, "a scope was dropped after a failure");
    }
}

/// The end that was told last is the owner's, too.
fn mark_last(above: &mut NodeState) {
    let ended = above.children.as_mut().map(|table| &mut table.ended);
    if let Some(last) = ended.and_then(|ended| ended.back_mut()) {
        last.ends_owner = true;
    }
}

/// Whether the end that a child came to by itself is the owner's, too.
fn is_over(above: &NodeState, node: &Arc<dyn AnyNode>) -> bool {
    if above.closed
        || above.phase >= Phase::Stopping
        || !node.signals.marks().has(Marks::SIGNIFICANT)
    {
        return false;
    }
    match above.auto_shutdown() {
        AutoShutdown::Never => false,
        AutoShutdown::Any => true,
        AutoShutdown::All => above
            .children
            .as_ref()
            .is_some_and(|table| table.significant() == 0),
    }
}

/// What this end lets the group go on with, if siblings are being started anew.
#[inline]
fn next_in_group(above: &mut NodeState) -> GroupStep {
    match &mut above.children {
        Some(table) if table.group.is_some() && !above.closed => table.advance(),
        _ => GroupStep::Wait,
    }
}

/// Whether this end is something for the owner to look at.
fn tells(
    owner: &Arc<dyn AnyNode>,
    above: &NodeState,
    node: &Arc<dyn AnyNode>,
    end: &StopReason,
) -> bool {
    // The outcome of a scope, and that of a start, is told to whoever awaits it.
    if node.signals.load().is_outcome_awaited() {
        return false;
    }
    match end {
        StopReason::Failed(_) if !is_contained(node.node()) => true,
        _ => {
            let is_scope = node.kind() == Kind::Scope;
            let has_room = above
                .children
                .as_ref()
                .is_some_and(|table| table.ended.len() < MOST_ENDS);
            !is_scope && has_room && owner.kind() == Kind::Actor && !above.closed
        }
    }
}

/// Whether a failure of this node's fails nobody.
pub(super) fn is_contained(node: &Node) -> bool {
    node.signals.marks().has(Marks::CONTAINED)
}

/// A cut beneath a node that is ending cuts its end short, whoever else is told of it, and whatever is
/// contained or tolerated (rule 7); so does one beneath a node under that. Before that it is for whoever had asked for
/// that child's end.
pub(in crate::tree) fn note_cuts(
    owner: &Arc<dyn AnyNode>,
    above: &mut NodeState,
    end: &StopReason,
) {
    let node = owner.node();
    let ending = above.phase >= Phase::Stopping
        || node.signals.load().is_joining()
        || node.has_owner(Snapshot::is_told_to_end);
    let Some(table) = above.children.as_mut().filter(|_| ending) else {
        return;
    };
    match end {
        StopReason::CutShort(cut) => table.cuts.push(cut.clone()),
        StopReason::Failed(failure) => table.cuts.extend(failure.all_cuts()),
        _ => {}
    }
}

/// Lists the end for the owner; says whether it has to be woken for that.
fn tell(
    owner: &Arc<dyn AnyNode>,
    above: &mut NodeState,
    node: &Arc<dyn AnyNode>,
    reason: StopReason,
) -> bool {
    if let Some(table) = &mut above.children {
        table.ended.push_back(Ended {
            node: Arc::clone(node),
            reason,
            ends_owner: false,
        });
    }
    !above.closed && owner.signals.add_child_exit()
}

/// Takes the node out of its owner's table; says whether its end is what the owner waits for.
fn detach(
    above: &mut NodeState,
    node: &Arc<dyn AnyNode>,
    name: Option<&str>,
) -> (Option<Arc<dyn AnyNode>>, bool) {
    let Some(table) = &mut above.children else {
        return (None, false);
    };
    let Some(key) = table.key_of(node.node()) else {
        return (None, false);
    };
    let entry = table.remove(key, name);
    (entry, table.was_awaited(key))
}
