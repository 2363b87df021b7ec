//! Which node waits for which (rule 16).
//!
//! Each node lists its own waits under its own lock. Whoever is about to wait lists that first,
//! and then looks whether it has completed a cycle: of several that race to complete one, whoever
//! listed its wait last sees those of all the others. A walk takes one lock at a time, so it may
//! put together waits that never stood at once; a cycle therefore counts only if each of its waits
//! is looked at again, and still stands. A wait that has ended never begins anew, so that all of
//! them stood at the moment between.
//!
//! What may end by itself is no part of a cycle: waits with a time limit, which are listed for the
//! restart of a group alone; those of code that no node runs; and the wait of a scope for what is in
//! it, which has its graces.

use std::collections::HashSet;
use std::sync::Arc;

use super::current::{beneath, with_carrier};
use super::links::Links;
use super::signals::{ABANDON, ANEW, EXITS, KILL, PARKED, REGROUP, STOP};
use super::{AnyNode, Node, NodeId};
use crate::error::{Cycle, Kind};
use crate::mailbox::{Caller, Ticket};
use crate::sync::lock;

/// What a node waits for another to do.
#[derive(Clone)]
pub(crate) enum Request {
    /// To reply.
    Reply(Arc<dyn Caller>),
    /// To make room in its mailbox.
    Room(Ticket),
    /// To end.
    End,
}

/// A node's list of its waits.
#[derive(Default)]
pub(super) struct Waits {
    edges: Vec<Edge>,
    last: u64,
}

#[derive(Clone)]
struct Edge {
    number: u64,
    target: Arc<dyn AnyNode>,
    request: Request,
    /// It ends by itself, or by something that cannot be seen here: no part of a cycle.
    limited: bool,
    /// The scope within the waiting node whose body waits.
    scope: Option<Arc<dyn AnyNode>>,
}

/// A wait that is listed for as long as this is kept, and no longer than the handler runs.
#[must_use = "the wait is over when this is dropped"]
pub(crate) struct Wait {
    node: Arc<dyn AnyNode>,
    number: u64,
}

impl Wait {
    /// Lists a wait of the node whose code runs here, if it is one's at all.
    ///
    /// # Errors
    ///
    /// The cycle that it would have completed, unless it is `limited`.
    pub(crate) fn begin(
        limited: bool,
        wait: impl FnOnce() -> (Arc<dyn AnyNode>, Request),
    ) -> Result<Option<Self>, Cycle> {
        let Some((node, scope)) = with_carrier(|node, here| {
            let scope = (here.node().kind() == Kind::Scope).then(|| Arc::clone(here));
            (Arc::clone(node), scope)
        }) else {
            return Ok(None);
        };
        let (target, request) = wait();
        let mut edge = Edge {
            number: 0,
            target,
            request,
            limited,
            scope,
        };
        let target = Arc::clone(&edge.target);
        edge.number = node.node().list_wait(&edge);
        let wait = Self {
            number: edge.number,
            node,
        };
        let in_vain = waits_for_its_turn(&wait.node, &target);
        if limited {
            if in_vain && wait.node.node().signals.has(REGROUP) {
                // It would only hold its group up: see `Node::regroup`.
                wait.node.node().signals.set(ABANDON);
            }
            return Ok(Some(wait));
        }
        if in_vain {
            let ends = [&wait.node, &target];
            let paths = ends.map(|end| end.node().path(end.type_name()));
            return Err(Cycle::new(paths.to_vec()));
        }
        // Nearly always the target waits for nobody.
        if target.node().id() != wait.node.node().id() && !target.node().has_waits() {
            return Ok(Some(wait));
        }
        match cycle(&wait.node, edge) {
            Some(cycle) => Err(cycle),
            None => Ok(Some(wait)),
        }
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        drop(self.node.node().unlist_wait(self.number));
    }
}

impl Node {
    fn list_wait(&self, edge: &Edge) -> u64 {
        let mut links = lock(&self.links);
        let waits = &mut links.rare.get_or_insert_default().waits;
        waits.last += 1;
        let number = waits.last;
        waits.edges.push(Edge {
            number,
            ..edge.clone()
        });
        self.note_waits();
        number
    }

    fn unlist_wait(&self, number: u64) -> Option<Edge> {
        let mut links = lock(&self.links);
        let edges = &mut links.rare.as_mut()?.waits.edges;
        let index = edges.iter().position(|edge| edge.number == number)?;
        Some(edges.swap_remove(index))
    }

    /// Its handler has ended, and with it whatever it waited for.
    pub(super) fn clear_waits(&self) {
        let edges = {
            let mut links = lock(&self.links);
            links
                .rare
                .as_mut()
                .map(|rare| std::mem::take(&mut rare.waits.edges))
        };
        drop(edges);
    }

    fn has_waits(&self) -> bool {
        let links = lock(&self.links);
        links
            .rare
            .as_ref()
            .is_some_and(|rare| rare.waits.edges.iter().any(|edge| !edge.limited))
    }

    fn waits(&self) -> Vec<Edge> {
        let links = lock(&self.links);
        let rare = links.rare.as_ref();
        let all = rare.iter().flat_map(|rare| &rare.waits.edges);
        all.filter(|edge| !edge.limited).cloned().collect()
    }

    fn lists(&self, number: u64) -> bool {
        let links = lock(&self.links);
        let mut edges = links.rare.iter().flat_map(|rare| &rare.waits.edges);
        edges.any(|edge| edge.number == number)
    }
}

impl Links {
    /// Whether its code waits for a node that waits, in turn, for its siblings to end.
    pub(super) fn waits_for_parked(&self) -> bool {
        let mut edges = self.rare.iter().flat_map(|rare| &rare.waits.edges);
        edges.any(|edge| edge.target.node().signals.has(PARKED))
    }
}

impl Edge {
    /// Whether the wait lasts until the target does something about it.
    fn stands(&self, from: &Arc<dyn AnyNode>) -> bool {
        let dropped_at = match from.node().kind() {
            // It may be one that is dropped at its next await.
            Kind::Task => KILL | STOP,
            _ => KILL,
        };
        let scope = self.scope.as_ref();
        !from.node().signals.has(dropped_at)
            && !scope.is_some_and(|scope| scope.node().signals.has(KILL | STOP | EXITS))
            && !self.target.node().signals.has(KILL)
            && self
                .target
                .holds_up(&self.request, &|| beneath(from, self.target.node()))
    }
}

/// Whether the target waits, in a restart of both, for this node to have ended or started.
fn waits_for_its_turn(node: &Arc<dyn AnyNode>, target: &Arc<dyn AnyNode>) -> bool {
    let owner = |of: &Arc<dyn AnyNode>| of.node().owner().map(|owner| owner.node().id());
    node.node().signals.has(ANEW | REGROUP)
        && target.node().signals.has(PARKED)
        && owner(node) == owner(target)
}

/// One wait on the way from the node where the walk began.
struct Step {
    from: Arc<dyn AnyNode>,
    edge: Edge,
    /// The step before it.
    before: Option<usize>,
}

/// The cycle through this wait, if there is one. The walk keeps a list, and does not recurse
/// (rule 15).
fn cycle(start: &Arc<dyn AnyNode>, first: Edge) -> Option<Cycle> {
    let home = start.node().id();
    let mut seen: HashSet<NodeId> = HashSet::new();
    let mut steps = vec![Step {
        from: Arc::clone(start),
        edge: first,
        before: None,
    }];
    let mut next = 0;
    while let Some(step) = steps.get(next) {
        let target = Arc::clone(&step.edge.target);
        let id = target.node().id();
        if step.edge.stands(&step.from) {
            if id == home {
                if let Some(cycle) = confirmed(&steps, next) {
                    return Some(cycle);
                }
            } else if seen.insert(id) {
                steps.extend(target.node().waits().into_iter().map(|edge| Step {
                    from: Arc::clone(&target),
                    edge,
                    before: Some(next),
                }));
            }
        }
        next += 1;
    }
    None
}

/// The cycle that this step completes, if all its waits still stand.
fn confirmed(steps: &[Step], last: usize) -> Option<Cycle> {
    let mut paths = Vec::new();
    let mut next = Some(last);
    while let Some(index) = next {
        let Step { from, edge, before } = steps.get(index)?;
        if !from.node().lists(edge.number) || !edge.stands(from) {
            return None;
        }
        paths.push(from.node().path(from.type_name()));
        next = *before;
    }
    paths.reverse();
    Some(Cycle::new(paths))
}
