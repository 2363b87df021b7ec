//! The turns of siblings that are restarted together, for the rest of the crate.
//!
//! A parked sibling waits for the one on which the group's cursor rests. This wait is an edge (rule 16), which is read
//! out of the owner's table. A cycle through it is broken where that costs least: if the sibling at the cursor is to
//! end its incarnation anyway, its code is dropped and it is restarted with the others; otherwise the wait that
//! completes the cycle is refused. Here waits with a limit count as well, because the whole group would wait for them.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::wait_graph::all_edges_from;
use crate::error::Phase;
use crate::sync::lock;
use crate::tree::node::signals::Marks;
use crate::tree::node::{AnyNode, Edge, GroupStep, Node, Order, Strategy, Turn, request};

impl Node {
    /// Called when the incarnation has ended. If siblings are to be restarted with it, parks it to wait for its turn
    /// and returns true.
    pub(crate) fn join_group(&self) -> bool {
        let Some(owner) = self.owner() else {
            return false;
        };
        let (step, next) = {
            let mut above = lock(&owner.state);
            let strategy = above.strategy();
            let closed = above.closed;
            let Some(table) = &mut above.children else {
                return false;
            };
            // A closed owner is about to stop this node.
            if strategy == Strategy::OneForOne || closed {
                if let Some(entry) = table.entry_of_mut(self) {
                    entry.turn = Turn::Live;
                }
                return false;
            }
            table.park(self, strategy);
            (
                table.advance(),
                table.next_in_turn().map(|(next, _)| Arc::clone(next)),
            )
        };
        step.take();
        // That one may be waiting for this node, which has parked just now.
        if let Some(next) = next {
            turn_has_come(&next);
        }
        true
    }

    /// Called when the node is running again, or goes on without waiting for its turn: the next one can follow.
    pub(crate) fn leave_group(&self) {
        let Some(owner) = self.owner() else { return };
        let step = {
            let mut above = lock(&owner.state);
            let closed = above.closed;
            let Some(table) = &mut above.children else {
                return;
            };
            match table.entry_of_mut(self) {
                Some(entry) if entry.turn != Turn::Live => entry.turn = Turn::Live,
                _ => return,
            }
            if closed {
                GroupStep::Wait
            } else {
                table.advance()
            }
        };
        step.take();
    }

    /// Where it is in the restart of its group.
    pub(crate) fn turn(&self) -> Turn {
        let above = self.owner().map(|owner| lock(&owner.state));
        above.map_or(Turn::Live, |above| above.turn_of(self))
    }

    /// Whether its incarnation is to end because siblings are restarted.
    pub(crate) fn is_told_to_restart(&self) -> bool {
        self.turn() == Turn::Told
    }
}

impl GroupStep {
    #[inline]
    pub(in crate::tree) fn take(self) {
        if !matches!(self, Self::Wait) {
            self.go();
        }
    }

    fn go(self) {
        match self {
            Self::Wait => {}
            Self::Tell(child) if child.signals.marks().has(Marks::RESTARTABLE) => {
                restart_with_group(&child)
            }
            Self::Tell(child) => request(&child, Order::Stop),
            Self::Release(child) => child.wake(),
        }
    }
}

/// Tells a node to end its incarnation because its siblings are restarted, unless it is to end for good or has ended it
/// already.
///
/// It finishes its current step, except a start, or code that waits for a sibling that waits for it.
pub(in crate::tree) fn restart_with_group(child: &Arc<dyn AnyNode>) {
    let node = child.node();
    let Some(owner) = node.owner() else { return };
    {
        let above = lock(&owner.state);
        let state = lock(&node.state);
        if above.turn_of(node) != Turn::Told || node.signals.load().ends_for_good() {
            return;
        }
        node.signals
            .restart_with_group(state.phase == Phase::Starting);
    }
    child.wake();
    turn_has_come(child);
}

/// Whether this node is parked, and `next` is the one whose turn it waits for.
pub(in crate::tree) fn waits_behind(parked: &Arc<dyn AnyNode>, next: &Arc<dyn AnyNode>) -> bool {
    turn_ahead(parked).is_some_and(|edge| edge.target.id() == next.id())
}

/// The wait of a node that has parked for its turn.
pub(in crate::tree) fn turn_ahead(node: &Arc<dyn AnyNode>) -> Option<Arc<Edge>> {
    // Only a node in a restart can be parked.
    if !node.signals.load().is_restarting() {
        return None;
    }
    let above = lock(&node.owner()?.state);
    if above.turn_of(node.node()) != Turn::Parked {
        return None;
    }
    let (next, _) = above.children.as_ref()?.next_in_turn()?;
    let next = Arc::clone(next);
    drop(above);
    Some(Edge::of_turn(Arc::clone(node), next))
}

/// An upper bound of how many parked siblings wait for this node.
pub(in crate::tree) fn count_behind(next: &Arc<dyn AnyNode>) -> usize {
    if next.shared.group_restarts.load(Ordering::Relaxed) == 0 {
        return 0;
    }
    let Some(owner) = next.owner() else {
        return 0;
    };
    let above = lock(&owner.state);
    let table = above.children.as_ref();
    let is_next = |node: &Arc<dyn AnyNode>| node.id() == next.id();
    table
        .filter(|table| table.next_in_turn().is_some_and(|(node, _)| is_next(node)))
        .map_or(0, |table| table.table.len())
}

/// The waits of the siblings that are parked and wait for this node.
pub(in crate::tree) fn behind(next: &Arc<dyn AnyNode>) -> Vec<Arc<Edge>> {
    let Some(owner) = next.owner().filter(|_| count_behind(next) > 0) else {
        return Vec::new();
    };
    let parked: Vec<_> = {
        let above = lock(&owner.state);
        let entries = above.children.iter().flat_map(|table| table.walk());
        let parked = entries.filter(|(_, entry)| entry.turn == Turn::Parked);
        parked.map(|(_, entry)| Arc::clone(&entry.node)).collect()
    };
    let edge = |parked| Edge::of_turn(parked, Arc::clone(next));
    parked.into_iter().map(edge).collect()
}

/// Breaks a cycle that leads through a turn, if the node whose turn it is has code that is to end anyway.
pub(in crate::tree) fn break_at_turn(edges: &[Arc<Edge>]) -> bool {
    let mut turns = edges.iter().filter(|edge| edge.is_turn());
    turns.any(|edge| let_go(&edge.target))
}

/// Called when a wait for this node is listed. A node whose turn it is, further along the waits, may now be waiting for
/// a sibling that waits for it.
pub(in crate::tree) fn look_for_turns(target: &Arc<dyn AnyNode>) {
    if target.shared.group_restarts.load(Ordering::Relaxed) == 0 {
        return;
    }
    let turns = reach(target, |_| false);
    for edge in turns.iter().filter(|edge| edge.is_turn()) {
        drop(look_at_turn(&edge.target));
    }
}

/// Called when it is this node's turn to end, or when one more sibling waits for it.
fn turn_has_come(next: &Arc<dyn AnyNode>) {
    // If it cannot be let go, it waits for nodes beneath it, which are woken to look again at their waits. A wait that
    // is being listed does not do this, as it would wake itself.
    look_at_turn(next).iter().for_each(|edge| edge.from.wake());
}

/// Drops the code of the node whose turn it is to end, if it waits for a sibling that waits for it. Returns the waits
/// on the way if it has no code to drop.
fn look_at_turn(next: &Arc<dyn AnyNode>) -> Vec<Arc<Edge>> {
    if next.turn() != Turn::Told {
        return Vec::new();
    }
    let is_behind = |edge: &Edge| waits_behind(&edge.target, next);
    let way = reach(next, is_behind);
    let in_vain = way.last().is_some_and(|edge| is_behind(edge));
    if in_vain && !let_go(next) {
        way
    } else {
        Vec::new()
    }
}

/// Drops the code of a node that is told to end its incarnation. `false` if it has no code left, or is not told: the
/// next incarnation of a draining node is not told, as it would be dropped again and again.
fn let_go(next: &Arc<dyn AnyNode>) -> bool {
    let signals = next.signals.load();
    if !signals.is_restarting() || signals.is_past_its_code() {
        return false;
    }
    if next.signals.drop_code() {
        next.wake();
    }
    true
}

/// The waits that can be reached from a node, up to and including the first that is `wanted`.
fn reach(start: &Arc<dyn AnyNode>, wanted: impl Fn(&Edge) -> bool) -> Vec<Arc<Edge>> {
    let mut seen = HashSet::from([start.id()]);
    let mut reached = Vec::new();
    let mut pending = vec![Arc::clone(start)];
    while let Some(node) = pending.pop() {
        for edge in all_edges_from(&node) {
            if !edge.stands() {
                continue;
            }
            let is_new = seen.insert(edge.target.id());
            if is_new {
                pending.push(Arc::clone(&edge.target));
            }
            let is_last = wanted(&edge);
            reached.push(edge);
            if is_last {
                return reached;
            }
        }
    }
    reached
}
