//! What the tasks of an owner wait for.
//!
//! An owner that ends its children waits for its tasks before it tells the other children (rule 4). A task may wait for
//! a child that ends only once it is told, directly or through others. Such a child is told at once.
//!
//! The search follows the waits of the task itself and of everything beneath it, except what is beneath an actor: this
//! is the task's side of the tree. Nodes beyond it are reached only through waits.
//!
//! An order reaches what is beneath a node only once the node's code has ended. So an order does not help if that code
//! itself waits for something beneath: an actor that a task has asked, and whose handler awaits a scope or a task of
//! its own, is not told.
//!
//! An owner looks at all of its tasks once, and after that at each wait when it is listed. Otherwise many waits would
//! take quadratic time (rule 15). Only a wait of a node that is not on a task's side makes it look at all again, as
//! tasks may be waiting for that node already.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use crate::error::Kind;
use crate::sync::lock;
use crate::tree::node::{
    AnyNode, Awaited, Children, Edge, Node, NodeId, Request, TaskWaits, wake_owner,
};

/// Called when a wait is listed. Has the owners above that wait for their tasks look whether another child has to be
/// told now.
#[cold]
pub(super) fn tell_owners(edge: &Arc<Edge>) {
    if leads_beneath(edge) {
        return;
    }
    // There is hardly ever such an owner.
    let mut sides = None;
    for above in owners_above(&edge.from) {
        let owner = above.owner;
        if !owner.signals.load().is_joining() {
            continue;
        }
        let waits_for_tasks =
            |table: &Children| table.awaited == Awaited::Tasks && table.has_others();
        if !lock(&owner.state)
            .children
            .as_deref()
            .is_some_and(waits_for_tasks)
        {
            continue;
        }
        let sides = sides.get_or_insert_with(|| sides_of(&edge.target));
        // The target is not beneath this owner, or is on a task's side and followed anyway.
        if sides.get(&owner.id()).is_none_or(|is_of_task| *is_of_task) {
            continue;
        }
        if let Some(table) = &mut lock(&owner.state).children {
            match above.is_of_task {
                true => table.task_waits.add(edge),
                false => table.task_waits = TaskWaits::All,
            }
        }
        wake_owner(owner, true);
    }
}

/// Whether a task waits for something on its own side, such as its own scope or a task in that, which is followed
/// anyway. A deep tree may have such a wait at each level, and none of them should walk up the whole tree (rule 15).
fn leads_beneath(edge: &Edge) -> bool {
    if edge.from.kind() == Kind::Actor {
        return false;
    }
    let mut next = edge.target.owner();
    while let Some(owner) = next {
        if owner.id() == edge.from.id() {
            return true;
        }
        // What is beneath an actor is followed only through waits.
        next = owner.owner().filter(|_| owner.kind() != Kind::Actor);
    }
    false
}

/// The children of this owner, other than tasks, for which its tasks wait, directly or not, until they are told to end.
pub(in crate::tree) fn awaited_children(
    owner: &Arc<dyn AnyNode>,
    waits: TaskWaits,
) -> Vec<Arc<dyn AnyNode>> {
    let mut search = Search {
        owner,
        reached: HashMap::new(),
        pending: Vec::new(),
        found: Vec::new(),
    };
    match waits {
        TaskWaits::Begun(waits) => {
            for (target, by_order) in waits.iter().filter_map(|wait| wait.look(awaits)) {
                search.follow(None, &target, by_order);
            }
        }
        TaskWaits::All => search.begin_at_tasks(),
    }
    search.run()
}

struct Search<'a> {
    owner: &'a Arc<dyn AnyNode>,
    reached: HashMap<NodeId, Reached>,
    pending: Vec<Arc<dyn AnyNode>>,
    found: Vec<Arc<dyn AnyNode>>,
}

/// Where a reached node is in the tree, and how it was reached.
#[derive(Clone)]
struct Reached {
    /// The child of the owner at or beneath which it is.
    child: Arc<dyn AnyNode>,
    /// A node above it, at or beneath that child, whose code waits for it, directly or not.
    waiting_above: Option<Arc<dyn AnyNode>>,
}

impl Search<'_> {
    fn begin_at_tasks(&mut self) {
        let state = lock(&self.owner.state);
        let table = state.children.as_ref();
        let tasks = table.map_or_else(Vec::new, |table| table.all_tasks());
        drop(state);
        for task in tasks {
            let reached = Reached {
                child: Arc::clone(&task),
                waiting_above: None,
            };
            self.reach(&task, reached);
        }
    }

    fn run(mut self) -> Vec<Arc<dyn AnyNode>> {
        while let Some(next) = self.pending.pop() {
            let Some(reached) = self.reached.get(&next.id()).cloned() else {
                continue;
            };
            // Of an actor only its own code is followed; a task may also wait through tasks of its own.
            if next.kind() != Kind::Actor {
                for child in next.children() {
                    self.reach(&child, reached.clone());
                }
            }
            for (target, by_order) in awaited_nodes(next.node()) {
                self.follow(Some((&next, &reached)), &target, by_order);
            }
        }
        self.found
    }

    fn reach(&mut self, node: &Arc<dyn AnyNode>, reached: Reached) {
        if let Entry::Vacant(entry) = self.reached.entry(node.id()) {
            entry.insert(reached);
            self.pending.push(Arc::clone(node));
        }
    }

    /// Follows a wait of the node `from`; `None` for a wait that a task began.
    fn follow(
        &mut self,
        from: Option<(&Arc<dyn AnyNode>, &Reached)>,
        target: &Arc<dyn AnyNode>,
        by_order: bool,
    ) {
        let child = match self.reached.get(&target.id()) {
            Some(reached) => Arc::clone(&reached.child),
            None => match owners_above(target).find(|above| above.owner.id() == self.owner.id()) {
                Some(above) if !above.is_of_task => Arc::clone(above.child),
                _ => return,
            },
        };
        let waiting_above =
            from.and_then(|(from, reached)| reached.waiting_for(from, target, &child));
        if by_order && waiting_above.is_none() && !is_task(&child) {
            self.found.push(Arc::clone(&child));
        }
        self.reach(
            target,
            Reached {
                child,
                waiting_above,
            },
        );
    }
}

impl Reached {
    /// The `waiting_above` of a node that this one waits for. It is at or beneath `child`.
    fn waiting_for(
        &self,
        node: &Arc<dyn AnyNode>,
        target: &Arc<dyn AnyNode>,
        child: &Arc<dyn AnyNode>,
    ) -> Option<Arc<dyn AnyNode>> {
        // No task is told before its siblings.
        if child.id() != self.child.id() || is_task(child) {
            return None;
        }
        let outermost = self.waiting_above.as_ref();
        if is_within(target, node, child) {
            return Some(Arc::clone(outermost.unwrap_or(node)));
        }
        outermost
            .filter(|above| is_within(target, above, child))
            .cloned()
    }
}

/// Whether a node is beneath `above`. Both are at or beneath `highest`.
fn is_within(
    node: &Arc<dyn AnyNode>,
    above: &Arc<dyn AnyNode>,
    highest: &Arc<dyn AnyNode>,
) -> bool {
    let mut next = node;
    while next.id() != highest.id()
        && let Some(owner) = next.owner()
    {
        if owner.id() == above.id() {
            return true;
        }
        next = owner;
    }
    false
}

/// The node that is waited for, and whether the wait lasts until it is told to end.
type Awaits = (Arc<dyn AnyNode>, bool);

/// The nodes for which the code of this node waits, with a limit or without.
fn awaited_nodes(node: &Node) -> Vec<Awaits> {
    let state = lock(&node.state);
    let extras = state.extras.as_ref();
    let edges = extras.and_then(|extras| extras.edges.as_ref());
    let edges = edges.into_iter().flat_map(|edges| edges.of_code());
    edges.map(|(_, edge)| awaits(edge)).collect()
}

/// Gives no edge: an owner must not be the last holder of one, as a reply may be dropped with it.
fn awaits(edge: &Edge) -> Awaits {
    (Arc::clone(&edge.target), is_by_order(edge))
}

fn is_by_order(edge: &Edge) -> bool {
    matches!(edge.request, Request::End | Request::Order)
}

/// An owner above a node, and where beneath it the node is.
struct OwnerAbove<'a> {
    owner: &'a Arc<dyn AnyNode>,
    /// The child of the owner at or beneath which it is.
    child: &'a Arc<dyn AnyNode>,
    /// It is on a task's side: the child is a task, and no actor is in between.
    is_of_task: bool,
}

/// The owners above a node, the nearest first.
fn owners_above(node: &Arc<dyn AnyNode>) -> impl Iterator<Item = OwnerAbove<'_>> {
    let mut child = node;
    let mut is_of_actor = false;
    std::iter::from_fn(move || {
        let owner = child.owner()?;
        let above = OwnerAbove {
            owner,
            child,
            is_of_task: is_task(child) && !is_of_actor,
        };
        is_of_actor |= owner.kind() == Kind::Actor;
        child = owner;
        Some(above)
    })
}

/// The owners above a node, and whether it is on the side of one of their tasks.
fn sides_of(node: &Arc<dyn AnyNode>) -> HashMap<NodeId, bool> {
    let sides = owners_above(node).map(|above| (above.owner.id(), above.is_of_task));
    sides.collect()
}

fn is_task(node: &Arc<dyn AnyNode>) -> bool {
    matches!(node.kind(), Kind::Task | Kind::Blocking)
}
