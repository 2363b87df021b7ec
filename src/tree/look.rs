//! One look at a node, for snapshots: everything under its lock is read at once, and nothing is changed.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::error::Phase;
use crate::sync::lock;
use crate::tree::node::signals::Snapshot;
use crate::tree::node::{
    AnyNode, Awaited, Edge, Node, NodeState, OrderNote, OwnTime, Request, RestartNote, SourceCounts,
};
use crate::tree::waiting::turn_ahead;

/// How many waits of one node are looked at, at most.
const MOST_WAITS: usize = 64;

/// How many children are taken out of a table before its lock is released.
const AT_ONCE: usize = 256;

/// What a node was at one moment.
pub(crate) struct Look {
    pub(crate) phase: Phase,
    pub(crate) signals: Snapshot,
    pub(crate) name: Option<Box<str>>,
    pub(crate) children: usize,
    pub(crate) order: Option<OrderNote>,
    /// Its own time to end, if it is using it now.
    pub(crate) own_time: Option<OwnTime>,
    /// How much of its grace it has used, if it is not using it now.
    pub(crate) used: Duration,
    /// When the end of it and of everything beneath becomes a kill.
    pub(crate) bound: Option<Instant>,
    pub(crate) restarts: Option<Box<RestartNote>>,
    pub(crate) sources: Option<SourceCounts>,
    /// Which of its children it waits for.
    pub(crate) joined: Joined,
    pub(crate) waits: Vec<WaitLook>,
    /// How many further waits were not looked at.
    pub(crate) more_waits: usize,
}

/// The children whose ends a node waits for.
pub(crate) enum Joined {
    Nobody,
    One(Arc<dyn AnyNode>),
    /// The number of tasks and jobs, and one of them.
    Tasks(usize, Arc<dyn AnyNode>),
    /// The number of children, and one of them.
    All(usize, Arc<dyn AnyNode>),
}

/// What a node waits for another to do.
pub(crate) struct WaitLook {
    pub(crate) what: Awaiting,
    pub(crate) target: Arc<dyn AnyNode>,
    /// Since when, at least.
    pub(crate) since: Instant,
    /// It has a time limit, or is made with `even_if_cyclic`.
    pub(crate) limited: bool,
}

/// What is waited for, without the details.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Awaiting {
    Reply,
    Room,
    End,
    Order,
    Start,
    Turn,
}

/// Looks at a node; `None` if it has ended. Takes one lock at a time.
pub(crate) fn look(node: &Arc<dyn AnyNode>, now: Instant) -> Option<Look> {
    let (mut look, edges, sources) = {
        let state = lock(&node.state);
        if state.phase == Phase::Stopped {
            return None;
        }
        let sources = state
            .extras
            .as_ref()
            .and_then(|extras| extras.around.as_ref()?.sources.clone());
        (Look::of(node, &state, now), state.waits_for(), sources)
    };
    look.sources = sources.map(|board| board.counts());
    let (edges, more_waits) = edges;
    look.more_waits = more_waits;
    let turn = turn_ahead(node);
    let edges = edges.into_iter().chain(turn);
    look.waits = edges.filter_map(|edge| WaitLook::of(&edge, now)).collect();
    Some(look)
}

impl Look {
    fn of(node: &Node, state: &NodeState, now: Instant) -> Self {
        let extras = state.extras.as_deref();
        Self {
            phase: state.phase,
            signals: node.signals.load(),
            name: state.name().map(Box::from),
            children: state.children.as_ref().map_or(0, |table| table.table.len()),
            order: extras.and_then(|extras| extras.order.as_deref().cloned()),
            own_time: state.own_time_at(now, node),
            used: state.used_time(node),
            bound: state.bound(),
            restarts: extras.and_then(|extras| extras.restarts.clone()),
            sources: None,
            joined: Joined::of(node, state),
            waits: Vec::new(),
            more_waits: 0,
        }
    }
}

impl Joined {
    fn of(node: &Node, state: &NodeState) -> Self {
        let Some(table) = state.awaited(node) else {
            return Self::Nobody;
        };
        let first = |is_it: &dyn Fn(&Node) -> bool| {
            let mut nodes = table.walk().map(|(_, entry)| &entry.node).take(AT_ONCE);
            nodes.find(|node| is_it(node)).cloned()
        };
        match table.awaited {
            Awaited::Nobody => Self::Nobody,
            Awaited::One(key) => table.get(key).map_or(Self::Nobody, Self::One),
            Awaited::Tasks => {
                let task = first(&|node| table.awaits(node));
                task.map_or(Self::Nobody, |task| Self::Tasks(table.tasks(), task))
            }
            Awaited::All => {
                first(&|_| true).map_or(Self::Nobody, |child| Self::All(table.table.len(), child))
            }
        }
    }
}

impl NodeState {
    /// The listed waits of the node's own code, and how many more there are.
    fn waits_for(&self) -> (Vec<Arc<Edge>>, usize) {
        let waits = self
            .extras
            .as_ref()
            .and_then(|extras| extras.edges.as_ref());
        let mut edges = waits.into_iter().flat_map(|waits| waits.of_code());
        let first = edges.by_ref().take(MOST_WAITS);
        let taken: Vec<_> = first.map(|(_, edge)| Arc::clone(edge)).collect();
        (taken, edges.count())
    }
}

impl WaitLook {
    /// `None` if the wait no longer stands.
    fn of(edge: &Edge, now: Instant) -> Option<Self> {
        let what = match edge.request {
            Request::Reply(_) => Awaiting::Reply,
            Request::Room(_) => Awaiting::Room,
            Request::End | Request::Join => Awaiting::End,
            Request::Order => Awaiting::Order,
            Request::Start => Awaiting::Start,
            Request::Turn => Awaiting::Turn,
        };
        edge.stands().then(|| Self {
            what,
            target: Arc::clone(&edge.target),
            since: edge.seen_since(now),
            limited: edge.limited,
        })
    }
}

/// Goes through the children of a node in any order, some at a time, so that its lock is never held for long.
pub(crate) struct ChildrenLook {
    index: usize,
}

impl ChildrenLook {
    pub(crate) fn new() -> Self {
        Self { index: 0 }
    }

    /// Adds some more children, each with the number that gives their start order; `false` at the end. Children that
    /// come or go meanwhile may be left out.
    pub(crate) fn next(
        &mut self,
        owner: &Arc<dyn AnyNode>,
        found: &mut Vec<(u32, Arc<dyn AnyNode>)>,
    ) -> bool {
        found.reserve(AT_ONCE);
        let state = lock(&owner.state);
        let Some(table) = state.children.as_deref() else {
            return false;
        };
        let end = table.table.capacity();
        let last = self.index.saturating_add(AT_ONCE).min(end);
        for index in self.index..last {
            let entry = table.table.get(index);
            found.extend(entry.map(|entry| (entry.generation, Arc::clone(&entry.node))));
        }
        self.index = last;
        last < end
    }
}

impl Node {
    /// How many live children it has.
    pub(crate) fn count_children(&self) -> usize {
        if !self.signals.load().had_children() {
            return 0;
        }
        let state = lock(&self.state);
        state.children.as_ref().map_or(0, |table| table.table.len())
    }
}
