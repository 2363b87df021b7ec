//! Who is woken as a node begins to end, and when it has ended.

use std::sync::Arc;

use super::any_node::AnyNode;
use super::node::Node;
use super::signals::Snapshot;
use super::state::NodeState;
use crate::error::{Kind, Phase};
use crate::sync::WakeList;
use crate::sync::explored::{Ordering, fence};

/// The node has got these signals, which forbid restarts beneath it. Wakes the nodes beneath that wait for their next
/// incarnation. A node that had the signals before has done this for everything beneath it.
pub(in crate::tree) fn wake_restarting(node: &Node, signals: Snapshot) {
    fence(Ordering::SeqCst);
    if node.shared.restarting.load(Ordering::Relaxed) == 0 {
        return;
    }
    let has_all = |node: &Node| node.signals.load().includes(signals);
    if node.owner().is_some_and(|owner| has_all(owner.node())) {
        return;
    }
    // A list, because the tree may be deep (rule 15).
    let mut pending = node.children();
    while let Some(next) = pending.pop() {
        if next.signals.load().is_restarting() {
            next.wake();
        }
        if !has_all(next.node()) {
            pending.append(&mut next.children());
        }
    }
}

/// Wakes the owner if it waits for this end. If the owner is a scope that nobody polls, a node above the scope waits
/// instead. This need not be the next one, as that may be such a scope as well.
pub(in crate::tree) fn wake_owner(owner: &Arc<dyn AnyNode>, awaits: bool) {
    if awaits {
        owner.wake();
    }
    if !owner.signals.load().passes_wakes_on() {
        return;
    }
    let mut next = owner;
    while next.kind() == Kind::Scope
        && let Some(above) = next.owner()
    {
        above.wake();
        next = above;
    }
}

impl NodeState {
    /// Begins the end, and wakes those who wait for it: a system does not wait for ever for the end of its root.
    #[inline]
    pub(in crate::tree) fn begin_stopping(&mut self, wakes: &mut WakeList) {
        if self.phase < Phase::Stopping {
            self.phase = Phase::Stopping;
            self.wake_waiters(wakes);
        }
    }

    /// The wakers of all who wait for the end.
    pub(in crate::tree) fn watchers(&mut self) -> WakeList {
        let mut watchers = WakeList::new();
        self.wake_waiters(&mut watchers);
        watchers
    }

    /// Adds the wakers of all who wait for the end.
    #[inline]
    pub(in crate::tree) fn wake_waiters(&mut self, wakes: &mut WakeList) {
        if let Some(extras) = &mut self.extras {
            extras.waiters.wake_all(wakes);
        }
    }
}
