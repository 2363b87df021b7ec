//! The waits of a node for others and of others for it. `waiting/wait_graph.rs` says how they are used.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use slab::Slab;
use tokio::time::Instant;

use super::any_node::AnyNode;
use super::node::Node;
use crate::mailbox::{Caller, Ticket};
use crate::sync::{lock, moment};

/// What a node waits for another to do.
#[derive(Clone)]
pub(crate) enum Request {
    /// To reply.
    Reply(Arc<dyn Caller>),
    /// To make room in its mailbox.
    Room(Ticket),
    /// To end.
    End,
    /// To be told to end: a node's own code waits for that.
    Order,
    /// To finish its start, which its caller awaits.
    Start,
    /// To end, so that its owner can go on.
    Join,
    /// To end its incarnation or to start the next one, in the restart of its group.
    Turn,
}

/// One node's wait for another.
pub(in crate::tree) struct Edge {
    pub(in crate::tree) from: Arc<dyn AnyNode>,
    pub(in crate::tree) target: Arc<dyn AnyNode>,
    pub(in crate::tree) request: Request,
    /// It ends by a time limit, or by something that cannot be seen here: it is not part of a cycle.
    pub(in crate::tree) limited: bool,
    /// The scope whose body waits, if the waiting code is a scope's.
    pub(in crate::tree) scope: Option<Arc<dyn AnyNode>>,
    /// Its keys in the lists of both nodes.
    pub(in crate::tree) keys: [AtomicUsize; 2],
    pub(in crate::tree) listed: AtomicBool,
    /// Since when it has stood, as a [`moment`]. Unless waits are timed, the first look sets this, so that the node
    /// that waits need not read the clock.
    pub(in crate::tree) seen: AtomicU64,
}

/// The two ends of an edge: the node that waits, and the one that it waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tree) enum EdgeEnd {
    From,
    Target,
}

/// The edges at a node, by whether the wait is limited, and by the [`EdgeEnd`] that the node is.
#[derive(Default)]
pub(in crate::tree) struct NodeEdges {
    pub(in crate::tree) unlimited: [Edges; 2],
    pub(in crate::tree) limited: [Edges; 2],
}

/// The waits that an owner has to look at because its tasks may wait for children that are told to end after them.
pub(in crate::tree) enum TaskWaits {
    /// These, which are waits of the tasks themselves.
    Begun(Vec<BegunWait>),
    /// All that can be reached from its tasks.
    All,
}

/// A weak reference to a wait, and where it was listed. An owner must not be the last holder, as a reply may be dropped
/// with it.
pub(in crate::tree) struct BegunWait {
    edge: Weak<Edge>,
    from: Weak<dyn AnyNode>,
    limited: bool,
    key: usize,
}

impl BegunWait {
    fn new(edge: &Arc<Edge>) -> Self {
        Self {
            edge: Arc::downgrade(edge),
            from: Arc::downgrade(&edge.from),
            limited: edge.limited,
            key: edge.keys[EdgeEnd::From as usize].load(Ordering::Relaxed),
        }
    }

    fn is_over(&self) -> bool {
        self.edge.strong_count() == 0
    }

    /// Looks at the wait, unless it is over.
    pub(in crate::tree) fn look<R>(&self, look: impl FnOnce(&Edge) -> R) -> Option<R> {
        let from = self.from.upgrade()?;
        let state = lock(&from.state);
        let edges = state.extras.as_ref()?.edges.as_ref()?;
        let edge = edges.all(self.limited)[EdgeEnd::From as usize].get(self.key)?;
        // Another edge may be in its place by now.
        std::ptr::eq(Arc::as_ptr(edge), self.edge.as_ptr()).then(|| look(edge))
    }
}

impl TaskWaits {
    /// Takes what there is to look at, if anything.
    pub(in crate::tree) fn take(&mut self) -> Option<Self> {
        match self {
            Self::Begun(waits) if waits.is_empty() => None,
            _ => Some(std::mem::take(self)),
        }
    }

    pub(in crate::tree) fn add(&mut self, edge: &Arc<Edge>) {
        let Self::Begun(waits) = self else { return };
        // If nobody polls an owner that is a scope, the list would only grow. Tidied when it is full, which is constant
        // amortised time.
        if waits.len() == waits.capacity() {
            waits.retain(|wait| !wait.is_over());
        }
        waits.push(BegunWait::new(edge));
    }
}

impl Default for TaskWaits {
    fn default() -> Self {
        Self::Begun(Vec::new())
    }
}

/// The edges that have a node at the same end.
pub(in crate::tree) type Edges = Slab<Arc<Edge>>;

/// A list that has been this long is given back when it is empty.
const SPARE: usize = 64;

impl Edge {
    /// Since when it is known to have stood.
    pub(in crate::tree) fn seen_since(&self, now: Instant) -> Instant {
        let fresh = moment::encode(Some(now));
        let known = self
            .seen
            .compare_exchange(0, fresh, Ordering::Relaxed, Ordering::Relaxed);
        known.err().and_then(moment::decode).unwrap_or(now)
    }
}

impl NodeEdges {
    /// The edges of waits that the node's own code has.
    pub(in crate::tree) fn of_code(&self) -> impl Iterator<Item = (usize, &Arc<Edge>)> {
        let both = [self.all(false), self.all(true)];
        both.into_iter()
            .flat_map(|both| &both[EdgeEnd::From as usize])
    }

    fn all(&self, limited: bool) -> &[Edges; 2] {
        if limited {
            &self.limited
        } else {
            &self.unlimited
        }
    }

    fn of(&mut self, edge: &Edge, end: EdgeEnd) -> &mut Edges {
        let both = if edge.limited {
            &mut self.limited
        } else {
            &mut self.unlimited
        };
        &mut both[end as usize]
    }
}

impl Node {
    /// Lists an edge at this node, which is its `end`. Says whether the node itself waits for anything.
    pub(in crate::tree) fn add_edge(&self, edge: &Arc<Edge>, end: EdgeEnd) -> bool {
        let mut state = lock(&self.state);
        let edges = state
            .extras
            .get_or_insert_default()
            .edges
            .get_or_insert_default();
        let key = edges.of(edge, end).insert(Arc::clone(edge));
        edge.keys[end as usize].store(key, Ordering::Relaxed);
        let from = EdgeEnd::From as usize;
        !edges.unlimited[from].is_empty() || !edges.limited[from].is_empty()
    }

    pub(in crate::tree) fn remove_edge(&self, edge: &Edge, end: EdgeEnd) -> Option<Arc<Edge>> {
        let mut state = lock(&self.state);
        let edges = state.extras.as_mut()?.edges.as_mut()?.of(edge, end);
        let key = edge.keys[end as usize].load(Ordering::Relaxed);
        // The list may have been replaced meanwhile.
        let found = edges
            .get(key)
            .is_some_and(|known| std::ptr::eq(&**known, edge));
        let left = found.then(|| edges.remove(key));
        if edges.is_empty() && edges.capacity() > SPARE {
            *edges = Edges::new();
        }
        left
    }

    /// Unlists all waits of the node, because its handler has ended.
    pub(in crate::tree) fn clear_edges(&self) {
        let all = {
            let mut state = lock(&self.state);
            let edges = state
                .extras
                .as_mut()
                .and_then(|extras| extras.edges.as_mut());
            edges.map(|edges| {
                [&mut edges.unlimited, &mut edges.limited]
                    .map(|both| std::mem::take(&mut both[EdgeEnd::From as usize]))
            })
        };
        for (_, edge) in all.into_iter().flatten().flatten() {
            if edge.listed.swap(false, Ordering::AcqRel) {
                drop(edge.target.remove_edge(&edge, EdgeEnd::Target));
            }
        }
    }
}
