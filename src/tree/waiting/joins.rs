//! The waits of owners for the ends of their children, which are edges too (rule 16).
//!
//! They are not listed: the owner's table says whom it waits for. The wait of an owner cannot be refused, so one of the
//! other waits in the cycle has to be. A child that was told just now looks again at its own waits. If the owner waits
//! for a child that it does not tell, or that was told before, all nodes on the way of waits from that child to the
//! owner are woken to look again.

use std::sync::Arc;

use crate::error::{Kind, Phase};
use crate::sync::lock;
use crate::tree::node::{AnyNode, Awaited, Children, Edge, Node, NodeState};

impl Node {
    /// Whether it only waits for its children. A draining actor handles messages meanwhile, so it does not count.
    pub(in crate::tree) fn is_joining(&self) -> bool {
        let signals = self.signals.load();
        let handles_mail = self.kind() == Kind::Actor && signals.handles_late_mail();
        signals.is_joining() && !handles_mail
    }
}

impl NodeState {
    pub(in crate::tree) fn awaited(&self, node: &Node) -> Option<&Children> {
        let table = self.children.as_deref()?;
        node.is_joining().then_some(table)
    }
}

/// Whether this owner waits for the end of this child.
pub(in crate::tree) fn joins(owner: &Arc<dyn AnyNode>, child: &Arc<dyn AnyNode>) -> bool {
    let state = lock(&owner.state);
    let awaits = |table: &Children| table.awaits(child.node());
    let awaited = state.awaited(owner.node()).is_some_and(awaits);
    drop(state);
    awaited && child.phase() != Phase::Stopped
}

/// How many children this owner waits for.
pub(in crate::tree) fn count_joined(owner: &Node, state: &NodeState) -> usize {
    state.awaited(owner).map_or(0, |table| match table.awaited {
        Awaited::Nobody => 0,
        Awaited::One(key) => usize::from(table.contains(key)),
        Awaited::Tasks => table.tasks(),
        Awaited::All => table.table.len(),
    })
}

/// The waits of this owner for its children.
pub(in crate::tree) fn joined(owner: &Arc<dyn AnyNode>) -> Vec<Arc<Edge>> {
    let children: Vec<_> = {
        let state = lock(&owner.state);
        let table = state.awaited(owner.node()).into_iter();
        let awaited = table.flat_map(|table| match table.awaited {
            Awaited::One(key) => table.get(key).into_iter().collect(),
            _ => table.all(),
        });
        awaited.collect()
    };
    let awaited = children.into_iter().filter(|child| joins(owner, child));
    awaited.map(|child| Edge::of_join(owner, child)).collect()
}

/// The wait of the owner for this child, if there is one.
pub(in crate::tree) fn joiner(child: &Arc<dyn AnyNode>) -> Option<Arc<Edge>> {
    let owner = child.owner()?;
    joins(owner, child).then(|| Edge::of_join(owner, Arc::clone(child)))
}
