//! The search for a cycle of waits (rule 16).
//!
//! It starts from both ends of the wait that may complete a cycle: forward from the node that is waited for, and
//! backward from the node that waits. The side that has less to look at takes the next step. So a target that waits for
//! nobody, or a node for which nobody waits, costs one look, however many waits the other side has.
//!
//! It takes one lock at a time, so it may combine waits that never stood at the same time. A cycle therefore counts
//! only if each of its waits still stands at a second look. An edge that was taken out is never listed again, so all of
//! them stood at the moment between the two looks. If one does not stand, something has changed, and the search starts
//! again.
//!
//! An owner that begins to wait for many children searches once for all of them, since a search for each alone might
//! look at the waits of all others (rule 15).

use std::collections::HashMap;
use std::sync::Arc;

use super::wait_graph::{count_unlimited, unlimited_edges};
use crate::error::Cycle;
use crate::tree::node::{AnyNode, Edge, EdgeEnd, NodeId};

/// The waits of the cycle through this one, if there is one.
pub(in crate::tree) fn cycle(first: &Arc<Edge>) -> Option<Vec<Arc<Edge>>> {
    let is_own = first.from.id() == first.target.id();
    // Nearly always the target waits for nobody, or nobody waits for the waiting node.
    if !is_own
        && (count_unlimited(&first.target, EdgeEnd::From) == 0
            || count_unlimited(&first.from, EdgeEnd::Target) == 0)
    {
        return None;
    }
    while first.stands() {
        let edges = if is_own {
            vec![Arc::clone(first)]
        } else {
            search(first)?
        };
        if edges.iter().all(|edge| edge.stands()) {
            return Some(edges);
        }
    }
    None
}

/// The cycle of these waits, with the paths of the waiting nodes.
pub(in crate::tree) fn named(edges: &[Arc<Edge>]) -> Cycle {
    let path = |edge: &Arc<Edge>| edge.from.path(edge.from.type_name());
    Cycle::new(edges.iter().map(path).collect())
}

/// All nodes on a way of waits from these children back to their owner, which waits for them from now on. Some of their
/// waits cannot be refused, so each node on the way has to look.
pub(in crate::tree) fn on_the_way(
    mut children: Vec<Arc<dyn AnyNode>>,
    owner: &Arc<dyn AnyNode>,
) -> Vec<Arc<dyn AnyNode>> {
    children.retain(|child| count_unlimited(child, EdgeEnd::From) > 0);
    let owners = std::slice::from_ref(owner);
    let mut there = Side::new(&children, EdgeEnd::From);
    let mut back = Side::new(owners, EdgeEnd::Target);
    // There is hardly ever such a way.
    if meet(&mut there, &mut back).is_none() {
        return Vec::new();
    }
    let there = Side::whole(&children, EdgeEnd::From);
    let back = Side::whole(owners, EdgeEnd::Target);
    let reached = there.reached.into_iter().map(|(node, _)| node);
    let is_between =
        |node: &Arc<dyn AnyNode>| node.id() != owner.id() && back.places.contains_key(&node.id());
    reached.filter(is_between).collect()
}

/// The cycle that begins with this wait, if there is one.
fn search(first: &Arc<Edge>) -> Option<Vec<Arc<Edge>>> {
    let mut there = Side::new(std::slice::from_ref(&first.target), EdgeEnd::From);
    let mut back = Side::new(std::slice::from_ref(&first.from), EdgeEnd::Target);
    let edge = meet(&mut there, &mut back)?;
    let mut edges = vec![Arc::clone(first)];
    let mut before = there.way_to(&edge.from);
    before.reverse();
    edges.append(&mut before);
    let target = Arc::clone(&edge.target);
    edges.push(edge);
    edges.append(&mut back.way_to(&target));
    Some(edges)
}

/// A wait that connects the two sides, if there is one.
fn meet(there: &mut Side, back: &mut Side) -> Option<Arc<Edge>> {
    loop {
        // If one side has nothing left to look at, the two do not meet.
        let (on, from_behind) = (there.cost()?, back.cost()?);
        let met = if on <= from_behind {
            there.step(back)
        } else {
            back.step(there)
        };
        if met.is_some() {
            return met;
        }
    }
}

/// What has been reached from one end of the search. A list, so that the search does not recurse (rule 15).
struct Side {
    /// The end of the edges at which the reached nodes are.
    end: EdgeEnd,
    /// The reached nodes, each with the edge by which it was reached, and the place of the node before it.
    reached: Vec<(Arc<dyn AnyNode>, Option<By>)>,
    places: HashMap<NodeId, usize>,
    next: usize,
    /// How many edges have been looked at.
    looked: usize,
}

type By = (Arc<Edge>, usize);

impl Side {
    fn new(starts: &[Arc<dyn AnyNode>], end: EdgeEnd) -> Self {
        let ids = starts.iter().map(|start| start.id());
        Self {
            end,
            reached: starts
                .iter()
                .map(|start| (Arc::clone(start), None))
                .collect(),
            places: ids.zip(0..).collect(),
            next: 0,
            looked: 0,
        }
    }

    /// A side that has gone as far as it can.
    fn whole(starts: &[Arc<dyn AnyNode>], end: EdgeEnd) -> Self {
        let mut side = Self::new(starts, end);
        let nobody = Self::new(&[], end);
        while side.cost().is_some() {
            side.step(&nobody);
        }
        side
    }

    /// How many edges it will have looked at after the next step; `None` if there is no next step.
    fn cost(&self) -> Option<usize> {
        let (node, _) = self.reached.get(self.next)?;
        Some(self.looked + count_unlimited(node, self.end))
    }

    /// Looks at the edges of the next node. Returns an edge that leads to a node of the other side.
    fn step(&mut self, other: &Self) -> Option<Arc<Edge>> {
        let (node, _) = self.reached.get(self.next)?;
        let edges = unlimited_edges(node, self.end);
        self.looked += edges.len();
        for edge in edges {
            let far = match self.end {
                EdgeEnd::From => &edge.target,
                EdgeEnd::Target => &edge.from,
            };
            let id = far.id();
            if self.places.contains_key(&id) || !edge.stands() {
                continue;
            }
            if other.places.contains_key(&id) {
                return Some(edge);
            }
            self.places.insert(id, self.reached.len());
            let far = Arc::clone(far);
            self.reached.push((far, Some((edge, self.next))));
        }
        self.next += 1;
        None
    }

    /// The edges from a node back to where this side began.
    fn way_to(&self, node: &Arc<dyn AnyNode>) -> Vec<Arc<Edge>> {
        let mut edges = Vec::new();
        let mut place = self.places.get(&node.id()).copied();
        while let Some((_, Some((edge, before)))) = place.and_then(|place| self.reached.get(place))
        {
            edges.push(Arc::clone(edge));
            place = Some(*before);
        }
        edges
    }
}
