//! How a node leaves the tree: a [`Departure`] is built under the locks of its owner and its own, which is where all
//! changes in one step, and performed after that, when users' code may run again.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::error::{Kind, Phase, StopReason};
use crate::sync::{WakeList, lock, panic_message};
use crate::tree::node::signals::{Marks, Snapshot};
use crate::tree::node::{
    AnyNode, AutoShutdown, Children, EndedChild, GroupStep, Node, NodeState, OrderNote, Tokens,
    finish, note_end, wake_owner,
};

/// How many ends in good order an owner is shown that it has had no time to look at.
const MOST_ENDS: usize = 1_024;

/// What is left to do for a node that has left the tree. It is filled in where it stands, since each end of a node
/// comes through here.
#[must_use = "nobody has been told of the end"]
pub(super) struct Departure<'a> {
    node: &'a Arc<dyn AnyNode>,
    /// The owner is woken for a look.
    wakes_owner: bool,
    /// The owner's shell has gone before, and this was the last that it waited for.
    owner_leaves_too: bool,
    /// The end is the owner's, too.
    finishes_owner: bool,
    has_failed: bool,
    /// What siblings that are restarted go on with.
    step: GroupStep,
    /// They fire before anything else is done.
    tokens: Option<Tokens>,
    /// The failure, if it fails nobody.
    contained: Option<StopReason>,
    /// Who waits for the end.
    wakes: WakeList,
    garbage: Garbage,
}

/// What may run users' code when it is dropped.
#[derive(Default)]
struct Garbage {
    entry: Option<Arc<dyn AnyNode>>,
    children: Option<Box<Children>>,
    errors: Option<StopReason>,
    order: Option<Box<OrderNote>>,
}

impl<'a> Departure<'a> {
    #[inline]
    pub(super) fn new(node: &'a Arc<dyn AnyNode>) -> Self {
        Self {
            node,
            wakes_owner: false,
            owner_leaves_too: false,
            finishes_owner: false,
            has_failed: false,
            step: GroupStep::Wait,
            tokens: None,
            contained: None,
            wakes: WakeList::new(),
            garbage: Garbage::default(),
        }
    }

    /// Takes the node out of the tree if nothing of it is left; `false` if something is. With `ended`, its shell has
    /// ended just now, for that reason.
    #[inline]
    pub(super) fn take_out(&mut self, ended: Option<StopReason>) -> bool {
        // Showing an error is the user's code, and not for a lock.
        let text = match &ended {
            Some(failed @ StopReason::Failed(_)) => failed.as_text(),
            _ => None,
        };
        // Once: each look at a node of any kind is a call.
        let node = self.node.node();
        let mut above = node.owner().map(|owner| lock(&owner.state));
        let mut own = lock(&node.state);
        if let Some(reason) = ended {
            own.end_shell(reason, text);
        }
        if !own.shell_gone || own.phase == Phase::Stopped || own.has_children() {
            return false;
        }
        own.end_with_cuts();
        if let (Some(owner), Some(above)) = (node.owner(), above.as_deref_mut()) {
            self.leave_owner(node, owner, above, &own);
        }
        own.phase = Phase::Stopped;
        own.wake_waiters(&mut self.wakes);
        self.has_failed = own.has_failed();
        if self.has_failed && !self.node.is_awaited() {
            self.garbage.errors = own.forget_errors();
        }
        self.garbage.order = own.take_order();
        self.garbage.children = own.children.take();
        self.tokens = own.tokens(true);
        true
    }

    /// The node leaves its owner's table, with its name. The locks of both are held.
    #[inline]
    fn leave_owner(
        &mut self,
        node: &Node,
        owner: &Arc<dyn AnyNode>,
        above: &mut NodeState,
        own: &NodeState,
    ) {
        let mut reason = own.end();
        let by_itself = matches!(reason, StopReason::Finished | StopReason::Failed(_));
        if matches!(reason, StopReason::Failed(_)) && is_contained(node) {
            note_cuts(owner, above, &reason);
            // An error that panics when the owner drops it would fail the owner after all.
            self.contained = Some(std::mem::replace(&mut reason, own.end_as_text()));
        } else if matches!(reason, StopReason::CutShort(_)) {
            note_cuts(owner, above, &reason);
        }
        let is_shown = above.is_shown(owner, node, &reason);
        self.wakes_owner = is_shown && above.show(owner, self.node, reason);
        let (entry, was_awaited) = above.detach(node, own.name());
        self.garbage.entry = entry;
        self.wakes_owner |= was_awaited;
        self.owner_leaves_too = above.shell_gone && !above.has_children();
        let is_over = by_itself && above.ends_with(node);
        if is_over && is_shown {
            // It sees the end first, and may fail for it.
            above.mark_newest();
        }
        self.finishes_owner = is_over && !is_shown;
        self.step = above.next_in_group();
    }

    /// Tells whoever is to know. Gives the owner if it leaves in turn.
    #[inline]
    pub(super) fn notify(&mut self) -> Option<Arc<dyn AnyNode>> {
        if let Some(tokens) = self.tokens.take() {
            tokens.cancel();
        }
        // Once: each look at a node of any kind is a call.
        let node = self.node.node();
        if self.has_failed || node.shared.ends.is_heard() {
            note_end(self.node);
        }
        if self.garbage.children.is_some() || self.has_failed {
            trace_unheard(self.node, self.garbage.children.as_deref());
            drop_guarded(std::mem::take(&mut self.garbage));
        }
        let owner = node.owner();
        if let Some(owner) = owner {
            wake_owner(owner, self.wakes_owner);
        }
        std::mem::take(&mut self.wakes).wake();
        std::mem::take(&mut self.step).take();
        if let Some(owner) = owner.filter(|_| self.finishes_owner) {
            finish(owner);
        }
        if let Some(contained) = self.contained.take() {
            if let StopReason::Failed(failure) = &contained {
                tracing::warn!(name: "tenure.child_failed", %failure, "a contained child failed");
            }
            drop_guarded(contained);
        }
        owner.filter(|_| self.owner_leaves_too).cloned()
    }
}

/// The errors in it are the user's, and may panic when they are dropped: nothing of that is to keep an owner in
/// the tree.
#[cold]
fn drop_guarded<T>(garbage: T) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(garbage))) {
        let panic = panic_message(panic);
        tracing::warn!(name: "tenure.panic", panic, "an error panicked when it was dropped");
    }
}

/// What failed after the node's own code was dropped is in no report; nor is the failure of a scope that
/// nobody awaits and nobody owns.
fn trace_unheard(node: &Arc<dyn AnyNode>, children: Option<&Children>) {
    let late = children.into_iter().flat_map(|table| &table.ended);
    for end in late {
        if let StopReason::Failed(failure) = &end.reason
            && !is_contained(&end.node)
        {
            tracing::error!(name: "tenure.failure", %failure, "beneath a node that was dropped");
        }
    }
    let node = node.node();
    let is_unheard = node.kind() == Kind::Scope
        && node.owner().is_none()
        && !node.signals.load().is_outcome_awaited();
    if is_unheard && let Some(StopReason::Failed(failure)) = node.reason() {
        tracing::error!(name: "tenure.failure", ?failure, "a scope was dropped after a failure");
    }
}

/// What an owner keeps of the ends of its children.
impl NodeState {
    /// Whether this end is something for the owner to look at.
    fn is_shown(&self, owner: &Node, child: &Node, end: &StopReason) -> bool {
        // The outcome of a scope, and that of a start, is told to whoever awaits it.
        if child.signals.load().is_outcome_awaited() {
            return false;
        }
        match end {
            StopReason::Failed(_) if !is_contained(child) => true,
            _ => {
                let table = self.children.as_ref();
                let has_room = table.is_some_and(|table| table.ended.len() < MOST_ENDS);
                let is_scope = child.kind() == Kind::Scope;
                !is_scope && has_room && owner.kind() == Kind::Actor && !self.closed
            }
        }
    }

    /// Lists the end for the owner; says whether it has to be woken for that.
    fn show(
        &mut self,
        owner: &Arc<dyn AnyNode>,
        child: &Arc<dyn AnyNode>,
        reason: StopReason,
    ) -> bool {
        if let Some(table) = &mut self.children {
            table.ended.push_back(EndedChild {
                node: Arc::clone(child),
                reason,
                ends_owner: false,
            });
        }
        !self.closed && owner.signals.add_child_exit()
    }

    /// The end that was listed last is the owner's, too.
    fn mark_newest(&mut self) {
        let ended = self.children.as_mut().map(|table| &mut table.ended);
        if let Some(last) = ended.and_then(|ended| ended.back_mut()) {
            last.ends_owner = true;
        }
    }

    /// Takes a child out of the table; says whether its end is what the owner waits for.
    fn detach(&mut self, child: &Node, name: Option<&str>) -> (Option<Arc<dyn AnyNode>>, bool) {
        let Some(table) = &mut self.children else {
            return (None, false);
        };
        let Some(key) = table.key_of(child) else {
            return (None, false);
        };
        let entry = table.remove(key, name);
        (entry, table.was_awaited(key))
    }

    /// Whether the end that a child came to by itself is the owner's, too.
    fn ends_with(&self, child: &Node) -> bool {
        let is_significant = child.signals.marks().has(Marks::SIGNIFICANT);
        if self.closed || self.phase >= Phase::Stopping || !is_significant {
            return false;
        }
        match self.auto_shutdown() {
            AutoShutdown::Never => false,
            AutoShutdown::Any => true,
            AutoShutdown::All => {
                let table = self.children.as_ref();
                table.is_some_and(|table| table.significant() == 0)
            }
        }
    }

    /// What this end lets the group go on with, if siblings are being restarted.
    #[inline]
    fn next_in_group(&mut self) -> GroupStep {
        match &mut self.children {
            Some(table) if table.group.is_some() && !self.closed => table.advance(),
            _ => GroupStep::Wait,
        }
    }
}

/// Whether a failure of this node's fails nobody.
pub(super) fn is_contained(node: &Node) -> bool {
    node.signals.marks().has(Marks::FAILURE_CONTAINED)
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
    if let Some(table) = above.children.as_mut().filter(|_| ending) {
        table.note_cuts(end);
    }
}

/// A restart settles what went wrong in the last incarnation, but no cut: if the node, or one above it, has been told to
/// end meanwhile, that end was cut short (rule 7).
pub(crate) fn keep_cuts(node: &Arc<dyn AnyNode>, end: &StopReason) {
    let is_told = node.signals.load().is_told_to_end() || node.has_owner(Snapshot::is_told_to_end);
    if is_told && let Some(table) = &mut lock(&node.state).children {
        table.note_cuts(end);
    }
}

impl Children {
    fn note_cuts(&mut self, end: &StopReason) {
        match end {
            StopReason::CutShort(cut) => self.cuts.push(cut.clone()),
            StopReason::Failed(failure) => self.cuts.extend(failure.all_cuts()),
            _ => {}
        }
    }
}
