//! How a node leaves the tree. A [`Departure`] is built under the locks of the owner and of the node, so that
//! everything changes in one step. It is performed after the locks are released, when users' code may run.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::error::{Kind, Phase, StopReason};
use crate::sync::{WakeList, lock, panic_message};
use crate::tree::node::signals::{Marks, Snapshot};
use crate::tree::node::{
    AnyNode, AutoShutdown, Children, EndedChild, GroupStep, Node, NodeState, OrderNote, Tokens,
    finish, note_end, wake_owner,
};

/// How many normal ends of children are kept for an owner that has not looked at them yet.
const MOST_ENDS: usize = 1_024;

/// What is left to do for a node that has left the tree. It is filled in place and not moved, because every end of a
/// node is on this path.
#[must_use = "nobody has been told of the end"]
pub(super) struct Departure<'a> {
    node: &'a Arc<dyn AnyNode>,
    /// The owner's shell is to be woken.
    wakes_owner: bool,
    /// The owner's shell ended earlier, and this was the last child.
    owner_leaves_too: bool,
    /// The owner ends with this child ([`AutoShutdown`]).
    finishes_owner: bool,
    has_failed: bool,
    /// The next step in the restart of the node's group.
    step: GroupStep,
    /// The tokens to fire, before anything else is done.
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

    /// Takes the node out of the tree, unless its shell or a child is left, which gives `false`. With `ended`, its
    /// shell has ended just now, for that reason.
    #[inline]
    pub(super) fn take_out(&mut self, ended: Option<StopReason>) -> bool {
        // Formatting an error runs users' code, so it is done before a lock is taken.
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

    /// Takes the node and its name out of its owner's table. The locks of both are held.
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
            // The owner gets text: an error that panics when it is dropped would fail the owner after all.
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
            // The owner looks at the end of the child first, which may fail it.
            above.mark_newest();
        }
        self.finishes_owner = is_over && !is_shown;
        self.step = above.next_in_group();
    }

    /// Fires the tokens and wakes all who wait for this end. Returns the owner if it leaves in turn.
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

/// Drops errors of users, which may panic: a panic must not keep the owner in the tree.
#[cold]
fn drop_guarded<T>(garbage: T) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(garbage))) {
        let panic = panic_message(panic);
        tracing::warn!(name: "tenure.panic", panic, "an error panicked when it was dropped");
    }
}

/// Traces failures that are in no report: those of children after the node's own code was dropped, and that of a scope
/// that nobody awaits and nobody owns.
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

/// How an owner keeps the ends of its children.
impl NodeState {
    /// Whether the owner has to look at this end.
    fn is_shown(&self, owner: &Node, child: &Node, end: &StopReason) -> bool {
        // The code that awaits the scope or the start gets the outcome.
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

    /// Lists the end for the owner. `true` if the owner has to be woken for it.
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

    /// Marks the end that was listed last as one with which the owner ends.
    fn mark_newest(&mut self) {
        let ended = self.children.as_mut().map(|table| &mut table.ended);
        if let Some(last) = ended.and_then(|ended| ended.back_mut()) {
            last.ends_owner = true;
        }
    }

    /// Takes a child out of the table. The flag says whether the owner waits for this end.
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

    /// Whether the owner ends with this child, which has ended by itself.
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

    /// The next step that this end makes possible in the restart of the group, if there is one.
    #[inline]
    fn next_in_group(&mut self) -> GroupStep {
        match &mut self.children {
            Some(table) if table.group.is_some() && !self.closed => table.advance(),
            _ => GroupStep::Wait,
        }
    }
}

/// Whether a failure of this node fails nobody else.
pub(super) fn is_contained(node: &Node) -> bool {
    node.signals.marks().has(Marks::FAILURE_CONTAINED)
}

/// Notes cuts for an owner that is ending, or that is beneath a node that is: its own end is then cut short as well,
/// even if the failure is contained or tolerated (rule 7). If the owner is not ending, a cut concerns only the
/// requester of the child's end.
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

/// A restart settles the failures of the last incarnation, but not its cuts: if the node or one above it has been told
/// to end, that end was cut short (rule 7).
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
