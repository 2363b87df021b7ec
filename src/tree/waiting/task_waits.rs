//! For whom the tasks of an owner wait.
//!
//! An owner that ends its children waits for its tasks before it tells the others (rule 4). A task may wait for what is to
//! be told first, or for somebody who does. Such a child is told at once.
//!
//! What a task waits for is followed from its own code, and from all beneath it but what is another actor's: that is the
//! task's side of the tree. Those beyond it are reached by waits alone.
//!
//! An order comes to what is beneath a node only once the code of that has ended. So it is of no use to what this code waits
//! for: an actor that a task has asked, and whose handler awaits a scope or a task of its own, is let be.
//!
//! An owner looks at all of its tasks once, and from then on at each wait as it is listed: many waits would else take
//! time that is quadratic in their number (rule 15). Only a wait of somebody beyond the tasks makes it look at all
//! again, as it may have been waited for before.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use crate::error::Kind;
use crate::sync::lock;
use crate::tree::node::{
    AnyNode, Awaited, Children, Edge, Node, NodeId, Request, TaskWaits, wake_owner,
};

/// The wait has been listed. Owners above that wait for their tasks are to look whether one of their other children has
/// to be told now.
#[cold]
pub(super) fn tell_owners(edge: &Arc<Edge>) {
    if leads_beneath(edge) {
        return;
    }
    // Hardly ever is there such an owner.
    let mut sides = None;
    for place in places(&edge.from) {
        let owner = place.owner;
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
        // It is not beneath this owner, or is followed in any case.
        if sides.get(&owner.id()).is_none_or(|is_of_task| *is_of_task) {
            continue;
        }
        if let Some(table) = &mut lock(&owner.state).children {
            match place.is_of_task {
                true => table.task_waits.add(edge),
                false => table.task_waits = TaskWaits::All,
            }
        }
        wake_owner(owner, true);
    }
}

/// Whether it is a wait of a task for what is followed with that anyway: for a scope of its own, or a task in that. There
/// may be one for each level of a deep tree, which is not to climb through all of it (rule 15).
fn leads_beneath(edge: &Edge) -> bool {
    if edge.from.kind() == Kind::Actor {
        return false;
    }
    let mut next = edge.target.owner();
    while let Some(owner) = next {
        if owner.id() == edge.from.id() {
            return true;
        }
        // What is beneath that is followed by waits alone.
        next = owner.owner().filter(|_| owner.kind() != Kind::Actor);
    }
    false
}

/// The children of this owner, other than tasks, that its tasks wait for until they are told to end, directly or not.
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

/// Where a node is that has been reached, and how that was.
#[derive(Clone)]
struct Reached {
    /// The child of the owner that it is, or is beneath.
    child: Arc<dyn AnyNode>,
    /// One above it, beneath that child or it, whose code waits for it or for somebody who does.
    waiting: Option<Arc<dyn AnyNode>>,
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
                waiting: None,
            };
            self.reach(&task, reached);
        }
    }

    fn run(mut self) -> Vec<Arc<dyn AnyNode>> {
        while let Some(next) = self.pending.pop() {
            let Some(reached) = self.reached.get(&next.id()).cloned() else {
                continue;
            };
            // An actor that is waited for has code of its own that may wait; a task may have other tasks.
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

    /// Follows a wait, of this node unless it is a task's.
    fn follow(
        &mut self,
        from: Option<(&Arc<dyn AnyNode>, &Reached)>,
        target: &Arc<dyn AnyNode>,
        by_order: bool,
    ) {
        let child = match self.reached.get(&target.id()) {
            Some(reached) => Arc::clone(&reached.child),
            None => match places(target).find(|place| place.owner.id() == self.owner.id()) {
                Some(place) if !place.is_of_task => Arc::clone(place.child),
                _ => return,
            },
        };
        let waiting = from.and_then(|(from, reached)| reached.waiting_for(from, target, &child));
        if by_order && waiting.is_none() && !is_task(&child) {
            self.found.push(Arc::clone(&child));
        }
        self.reach(target, Reached { child, waiting });
    }
}

impl Reached {
    /// The same of a node that this one waits for, which is `child` or beneath it.
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
        let outermost = self.waiting.as_ref();
        if is_within(target, node, child) {
            return Some(Arc::clone(outermost.unwrap_or(node)));
        }
        outermost
            .filter(|above| is_within(target, above, child))
            .cloned()
    }
}

/// Whether a node is beneath `above`. Both are `highest`, or beneath it.
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

/// Whom a node waits for, and whether that is until it is told to end.
type Awaits = (Arc<dyn AnyNode>, bool);

/// Those for which the code of this node waits, with a limit or without.
fn awaited_nodes(node: &Node) -> Vec<Awaits> {
    let state = lock(&node.state);
    let extras = state.extras.as_ref();
    let edges = extras.and_then(|extras| extras.edges.as_ref());
    let edges = edges.into_iter().flat_map(|edges| edges.of_code());
    edges.map(|(_, edge)| awaits(edge)).collect()
}

/// With the last holder of an edge may go a reply, so that an owner holds none.
fn awaits(edge: &Edge) -> Awaits {
    (Arc::clone(&edge.target), is_by_order(edge))
}

fn is_by_order(edge: &Edge) -> bool {
    matches!(edge.request, Request::End | Request::Order)
}

/// Where a node is beneath one of its owners.
struct Place<'a> {
    owner: &'a Arc<dyn AnyNode>,
    /// The child of the owner that it is, or is beneath.
    child: &'a Arc<dyn AnyNode>,
    /// It is on a task's side: the child is a task, and no actor is between.
    is_of_task: bool,
}

/// The owners above a node, from its own on.
fn places(node: &Arc<dyn AnyNode>) -> impl Iterator<Item = Place<'_>> {
    let mut child = node;
    let mut is_of_actor = false;
    std::iter::from_fn(move || {
        let owner = child.owner()?;
        let place = Place {
            owner,
            child,
            is_of_task: is_task(child) && !is_of_actor,
        };
        is_of_actor |= owner.kind() == Kind::Actor;
        child = owner;
        Some(place)
    })
}

/// The owners above a node, and whether it is on the side of one of their tasks.
fn sides_of(node: &Arc<dyn AnyNode>) -> HashMap<NodeId, bool> {
    let sides = places(node).map(|place| (place.owner.id(), place.is_of_task));
    sides.collect()
}

fn is_task(node: &Arc<dyn AnyNode>) -> bool {
    matches!(node.kind(), Kind::Task | Kind::Blocking)
}
