//! Which node waits for which (rule 16).
//!
//! A wait is an edge between two nodes and is listed at both, each under its own lock. A wait is listed first and then
//! looks whether it completes a cycle (`cycles.rs`). Of several waits that race to complete one, the one that was
//! listed last sees all others.
//!
//! An edge stands from a pending poll until the wait is over, its future is dropped, or the handler that polled it
//! ends. The next poll lists it again, for the node that polls then.
//!
//! Waits that may end by themselves are not part of a cycle: waits with a time limit, which are listed only for the
//! restart of a group (`turns.rs`), and waits of code that no node runs.
//!
//! Invariants:
//! 1. An edge that is `listed` is in the lists of both its nodes, except while it is being listed. The code that clears
//!    `listed` takes the edge out of both. The edges of joins and turns are read out of an owner's table, and are in no
//!    list.
//! 2. An edge that was taken out is never listed again. So an edge that is found listed twice stood all the time in
//!    between.
//! 3. No edge is dropped under a lock, nor cloned so that an owner may become its last holder: a reply may be dropped
//!    with it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use slab::Slab;
use tokio::time::Instant;

use super::cycles::{cycle, named};
use super::joins::{count_joined, joined, joiner, joins};
use super::task_waits::tell_owners;
use super::turns::{behind, break_at_turn, count_behind, look_for_turns, turn_ahead, waits_behind};
use crate::error::{Cycle, Kind};
use crate::sync::{lock, moment};
use crate::tree::node::signals::Marks;
use crate::tree::node::{AnyNode, Edge, EdgeEnd, Edges, NodeState, Request, beneath, with_carrier};

/// A wait, kept by its future, which lists it in each pending poll.
#[must_use = "the wait is over when this is dropped"]
pub(crate) struct Wait(Option<Arc<Edge>>);

/// The node that waits, and the scope whose body does, if any.
struct Waiter {
    node: Arc<dyn AnyNode>,
    scope: Option<Arc<dyn AnyNode>>,
}

impl Wait {
    pub(crate) const fn new() -> Self {
        Self(None)
    }

    /// Lists the wait for the node whose code runs here, if there is one, and looks whether it completes a cycle. Looks
    /// again if it was listed before, as an owner may have begun to wait meanwhile.
    ///
    /// # Errors
    ///
    /// The cycle that the wait would complete, unless it is `limited`.
    pub(crate) fn list_or_refuse(
        &mut self,
        limited: bool,
        wait: impl FnOnce() -> (Arc<dyn AnyNode>, Request),
    ) -> Result<(), Cycle> {
        self.list(limited, wait);
        self.check_cycle()
    }

    #[inline]
    pub(crate) fn is_listed(&self) -> bool {
        self.0.is_some()
    }

    /// Whether it is listed as a wait for the node with this number.
    pub(crate) fn is_for(&self, id: u64) -> bool {
        let edge = self.0.as_ref();
        edge.is_some_and(|edge| edge.target.id().get() == id)
    }

    /// As [`list_or_refuse`](Wait::list_or_refuse), for a wait that cannot be refused. If it completes a cycle, the
    /// other waiting nodes are woken, so that one of their waits is refused.
    pub(crate) fn list_and_tell(
        &mut self,
        limited: bool,
        wait: impl FnOnce() -> (Arc<dyn AnyNode>, Request),
    ) {
        if !self.list(limited, wait) {
            return;
        }
        let edges = self.0.as_ref().and_then(cycle);
        // The first is this wait, which must not wake itself.
        for edge in edges.iter().flatten().skip(1) {
            edge.from.wake();
        }
    }

    /// Lists the wait without a search. `false` if it was listed before, or no node waits here.
    fn list(&mut self, limited: bool, wait: impl FnOnce() -> (Arc<dyn AnyNode>, Request)) -> bool {
        let Some(waiter) = self.waiter(limited) else {
            return false;
        };
        self.add(waiter, wait(), limited);
        true
    }

    /// Who waits here; `None` if no node does, or it is listed for that one already. A listing for another node is
    /// ended.
    fn waiter(&mut self, limited: bool) -> Option<Waiter> {
        let here = with_carrier(|node, here| {
            let scope = (here.kind() == Kind::Scope).then_some(here);
            let edge = self.0.as_ref();
            (!edge.is_some_and(|edge| edge.is_of(node, scope, limited))).then(|| Waiter {
                node: Arc::clone(node),
                scope: scope.cloned(),
            })
        });
        if here.as_ref().is_none_or(Option::is_some) {
            self.end();
        }
        here.flatten()
    }

    fn add(
        &mut self,
        waiter: Waiter,
        (target, request): (Arc<dyn AnyNode>, Request),
        limited: bool,
    ) {
        let Waiter { node, scope } = waiter;
        let edge = Edge::new(node, target, request, limited, scope);
        edge.list();
        self.0 = Some(edge);
    }

    fn check_cycle(&mut self) -> Result<(), Cycle> {
        let found = self.0.as_ref().map_or(Ok(()), Edge::check_cycle);
        if found.is_err() {
            self.end();
        }
        found
    }

    /// It waits for nothing any more.
    #[inline]
    pub(crate) fn end(&mut self) {
        if self.0.is_some() {
            self.unlist();
        }
    }

    #[cold]
    fn unlist(&mut self) {
        if let Some(edge) = self.0.take() {
            edge.unlist();
        }
    }
}

impl Default for Wait {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Wait {
    #[inline]
    fn drop(&mut self) {
        self.end();
    }
}

impl Edge {
    fn new(
        from: Arc<dyn AnyNode>,
        target: Arc<dyn AnyNode>,
        request: Request,
        limited: bool,
        scope: Option<Arc<dyn AnyNode>>,
    ) -> Arc<Self> {
        let since = from.shared.times.is_some().then(Instant::now);
        let since = moment::encode(since);
        Arc::new(Self {
            from,
            target,
            request,
            limited,
            scope,
            keys: [AtomicUsize::new(0), AtomicUsize::new(0)],
            listed: AtomicBool::new(true),
            seen: AtomicU64::new(since),
        })
    }

    /// An owner's wait for a child, which is in no list.
    pub(in crate::tree) fn of_join(owner: &Arc<dyn AnyNode>, child: Arc<dyn AnyNode>) -> Arc<Self> {
        Self::new(Arc::clone(owner), child, Request::Join, false, None)
    }

    /// The wait of a child for its turn behind a sibling, which is in no list.
    pub(in crate::tree) fn of_turn(parked: Arc<dyn AnyNode>, next: Arc<dyn AnyNode>) -> Arc<Self> {
        Self::new(parked, next, Request::Turn, false, None)
    }

    pub(in crate::tree) fn is_turn(&self) -> bool {
        matches!(self.request, Request::Turn)
    }

    fn is_of(
        &self,
        node: &Arc<dyn AnyNode>,
        scope: Option<&Arc<dyn AnyNode>>,
        limited: bool,
    ) -> bool {
        let same = |one: &Arc<dyn AnyNode>, other: &Arc<dyn AnyNode>| {
            std::ptr::addr_eq(Arc::as_ptr(one), Arc::as_ptr(other))
        };
        self.limited == limited
            && self.listed.load(Ordering::Relaxed)
            && same(&self.from, node)
            && match (&self.scope, scope) {
                (Some(one), Some(other)) => same(one, other),
                (None, None) => true,
                _ => false,
            }
    }

    fn list(self: &Arc<Self>) {
        let target_waits = self.target.add_edge(self, EdgeEnd::Target);
        self.from.add_edge(self, EdgeEnd::From);
        self.from.note_edges();
        if target_waits || matches!(self.request, Request::End | Request::Order) {
            // Only an order may end it, or a wait that it leads to.
            tell_owners(self);
        }
    }

    fn unlist(&self) {
        if self.listed.swap(false, Ordering::AcqRel) {
            drop(self.from.remove_edge(self, EdgeEnd::From));
            drop(self.target.remove_edge(self, EdgeEnd::Target));
        }
    }

    /// Looks whether the listed edge completes a cycle. A cycle through a turn may be broken in another way.
    fn check_cycle(self: &Arc<Self>) -> Result<(), Cycle> {
        let found = if self.limited { None } else { cycle(self) };
        match found {
            Some(edges) if !break_at_turn(&edges) => Err(named(&edges)),
            Some(_) => Ok(()),
            None => {
                look_for_turns(&self.target);
                Ok(())
            }
        }
    }

    /// Whether the wait lasts until the target does something.
    pub(in crate::tree) fn stands(&self) -> bool {
        match self.request {
            Request::Join => return joins(&self.from, &self.target),
            Request::Turn => return waits_behind(&self.from, &self.target),
            _ => {}
        }
        let signals = self.from.signals.load();
        // A stop drops a plain task at this very wait.
        let is_plain_task = self.from.signals.marks().has(Marks::TOKENLESS);
        let is_dropped = match is_plain_task {
            true => signals.drops_task(),
            false => signals.is_killed(),
        };
        let drops_body = |scope: &Arc<dyn AnyNode>| scope.signals.load().drops_scope_body();
        self.listed.load(Ordering::Acquire)
            && !is_dropped
            && !self.scope.as_ref().is_some_and(drops_body)
            && !self.target.signals.load().is_killed()
            && self
                .target
                .holds_up(&self.request, &|| beneath(&self.from, self.target.node()))
    }
}

/// How many waits without a limit there are at this end of a node.
pub(in crate::tree) fn count_unlimited(node: &Arc<dyn AnyNode>, end: EdgeEnd) -> usize {
    let state = lock(&node.state);
    let listed = state.unlimited_edges(end).map_or(0, Slab::len);
    match end {
        EdgeEnd::From => {
            let joined = count_joined(node.node(), &state);
            drop(state);
            listed + joined + usize::from(turn_ahead(node).is_some())
        }
        EdgeEnd::Target => {
            drop(state);
            listed + usize::from(joiner(node).is_some()) + count_behind(node)
        }
    }
}

/// The waits without a limit at this end of a node.
pub(in crate::tree) fn unlimited_edges(node: &Arc<dyn AnyNode>, end: EdgeEnd) -> Vec<Arc<Edge>> {
    let mut waits: Vec<_> = {
        let state = lock(&node.state);
        let edges = state.unlimited_edges(end).into_iter().flatten();
        edges.map(|(_, edge)| Arc::clone(edge)).collect()
    };
    match end {
        EdgeEnd::From => {
            waits.append(&mut joined(node));
            waits.extend(turn_ahead(node));
        }
        EdgeEnd::Target => {
            waits.extend(joiner(node));
            waits.append(&mut behind(node));
        }
    }
    waits
}

/// All that a node waits for, with a limit or without.
pub(in crate::tree) fn all_edges_from(node: &Arc<dyn AnyNode>) -> Vec<Arc<Edge>> {
    let mut all = unlimited_edges(node, EdgeEnd::From);
    let state = lock(&node.state);
    let edges = state
        .extras
        .as_ref()
        .and_then(|extras| extras.edges.as_ref());
    let limited = edges
        .into_iter()
        .flat_map(|edges| &edges.limited[EdgeEnd::From as usize]);
    all.extend(limited.map(|(_, edge)| Arc::clone(edge)));
    all
}

impl NodeState {
    fn unlimited_edges(&self, end: EdgeEnd) -> Option<&Edges> {
        let edges = self.extras.as_ref()?.edges.as_ref()?;
        Some(&edges.unlimited[end as usize])
    }
}

/// What a node waits for, in words, and from whom.
#[cfg(feature = "simulation")]
pub(crate) fn waits_in_words(node: &Arc<dyn AnyNode>) -> Vec<(&'static str, Arc<dyn AnyNode>)> {
    let in_words = |edge: Arc<Edge>| {
        let what = match edge.request {
            Request::Reply(_) => "a reply of",
            Request::Room(_) => "room in",
            Request::End => "the end of",
            Request::Order => "an order to",
            Request::Start => "the start of",
            Request::Join => "its child",
            Request::Turn => "its turn behind",
        };
        (what, Arc::clone(&edge.target))
    };
    all_edges_from(node).into_iter().map(in_words).collect()
}
