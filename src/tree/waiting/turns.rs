//! The turns of siblings that are restarted together, as the rest of the crate sees them.
//!
//! One that has parked waits for the sibling that the cursor of the group rests on, which is an edge (rule 16)
//! that is read out of the owner's table. A cycle through it is broken where that costs least: if that sibling is
//! to end its incarnation anyway, its code is dropped, and it is restarted with the others; if not, the wait
//! that completes the cycle is refused. Here a wait with a limit counts, too: the whole group would wait for it.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::wait_graph::all_edges_from;
use crate::error::Phase;
use crate::sync::lock;
use crate::tree::node::signals::Marks;
use crate::tree::node::{AnyNode, Edge, GroupStep, Node, Order, Strategy, Turn, request};

impl Node {
    /// The incarnation has ended: if its siblings are to be restarted with it, it waits for its turn. Says
    /// whether they are.
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
            // An owner that takes no more children is about to stop this one.
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
        // It may wait for what has parked just now.
        if let Some(next) = next {
            turn_has_come(&next);
        }
        true
    }

    /// The node is running again, or begins to without waiting for its turn: the next can follow.
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

/// Tells a node to end its incarnation, because its siblings are restarted, unless it is to end for good,
/// or has ended it already.
///
/// It finishes what it is doing; but not a start, nor what waits for a sibling that waits for it.
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
    // Only one in a restart has parked.
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

/// How many siblings may be parked and wait for this node: at most so many.
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

/// Breaks a cycle that leads through a turn, if the one whose turn it is has code that is to end anyway.
pub(in crate::tree) fn break_at_turn(edges: &[Arc<Edge>]) -> bool {
    let mut turns = edges.iter().filter(|edge| edge.is_turn());
    turns.any(|edge| let_go(&edge.target))
}

/// A wait for this node has been listed: those whose turn it is, somewhere on the way, may be waiting for one
/// that waits for them.
pub(in crate::tree) fn look_for_turns(target: &Arc<dyn AnyNode>) {
    if target.shared.group_restarts.load(Ordering::Relaxed) == 0 {
        return;
    }
    let turns = reach(target, |_| false);
    for edge in turns.iter().filter(|edge| edge.is_turn()) {
        drop(look_at_turn(&edge.target));
    }
}

/// It is this one's turn to end, or one more waits for that.
fn turn_has_come(next: &Arc<dyn AnyNode>) {
    // If what it waits for is beneath it, those who wait there look again. A wait that is looked at must not
    // do so: it would wake itself.
    look_at_turn(next).iter().for_each(|edge| edge.from.wake());
}

/// Lets the one go whose turn it is to end, if it waits for a sibling that waits for it. Gives the waits on the
/// way if it has no code to be dropped.
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

/// Drops the code of a node that is told to end its incarnation. `false` if it has none, or is not: one that
/// drains is told no more, and its next incarnation would be dropped again and again.
fn let_go(next: &Arc<dyn AnyNode>) -> bool {
    let node = next.node();
    let signals = node.signals.load();
    let is_told = node.turn() == Turn::Told && signals.is_restarting();
    if !is_told || signals.is_past_its_code() {
        return false;
    }
    if node.signals.drop_code() {
        next.wake();
    }
    true
}

/// The waits that lead on from a node, up to and with the first that is `wanted`.
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
