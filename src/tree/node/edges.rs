//! What a node keeps of its waits for others, and of those of others for it. How they are used is told in
//! `waiting/wait_graph.rs`.

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
    /// To be told to end: the wait of a node's own code for that.
    Order,
    /// To come to the end of its start, which is what its caller awaits.
    Start,
    /// To end, so that its owner can.
    Join,
    /// To have ended its incarnation, or started the next one, before its siblings are restarted.
    Turn,
}

/// One node's wait for another.
pub(in crate::tree) struct Edge {
    pub(in crate::tree) from: Arc<dyn AnyNode>,
    pub(in crate::tree) target: Arc<dyn AnyNode>,
    pub(in crate::tree) request: Request,
    /// It ends by itself, or by something that cannot be seen here: no part of a cycle.
    pub(in crate::tree) limited: bool,
    /// The scope within the waiting node whose body waits.
    pub(in crate::tree) scope: Option<Arc<dyn AnyNode>>,
    /// Its places in the lists of both.
    pub(in crate::tree) keys: [AtomicUsize; 2],
    pub(in crate::tree) listed: AtomicBool,
    /// Since when it has been looked at, as a [`moment`]: whoever waits does not read the clock for that.
    pub(in crate::tree) seen: AtomicU64,
}

/// The two ends of an edge: the node that waits, and the one that it waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tree) enum EdgeEnd {
    From,
    Target,
}

/// The edges at a node, by whether their waits have a time limit, and by the end at which the node is: see [`EdgeEnd`].
#[derive(Default)]
pub(in crate::tree) struct NodeEdges {
    pub(in crate::tree) unlimited: [Edges; 2],
    pub(in crate::tree) limited: [Edges; 2],
}

/// The waits that an owner of tasks has to look at, as its tasks may wait by them for what it has yet to tell to end.
pub(in crate::tree) enum TaskWaits {
    /// These, which are the tasks' own.
    Begun(Vec<BegunWait>),
    /// All that lead on from its tasks.
    All,
}

/// A wait, and where it was listed. An owner does not hold it: with its last holder may go a reply.
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
        // Another may be in its place by now.
        std::ptr::eq(Arc::as_ptr(edge), self.edge.as_ptr()).then(|| look(edge))
    }
}

impl TaskWaits {
    /// What there is to look at, if there is anything.
    pub(in crate::tree) fn take(&mut self) -> Option<Self> {
        match self {
            Self::Begun(waits) if waits.is_empty() => None,
            _ => Some(std::mem::take(self)),
        }
    }

    pub(in crate::tree) fn add(&mut self, edge: &Arc<Edge>) {
        let Self::Begun(waits) = self else { return };
        // Nobody may poll an owner that is a scope. Looked for before the list grows, so that it takes a constant time
        // for each.
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

/// The edges of which a node is at the same end.
pub(in crate::tree) type Edges = Slab<Arc<Edge>>;

/// A list that has been this long is given back when it is empty.
const SPARE: usize = 64;

impl Edge {
    /// Since when it has stood, as far as anybody knows who has looked.
    pub(in crate::tree) fn seen_since(&self, now: Instant) -> Instant {
        let fresh = moment::encode(Some(now));
        let known = self
            .seen
            .compare_exchange(0, fresh, Ordering::Relaxed, Ordering::Relaxed);
        known.err().and_then(moment::decode).unwrap_or(now)
    }
}

impl NodeEdges {
    /// Those of the node whose code waits.
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
    /// Lists an edge at this node, which is that end of it. Says whether the node itself waits for anything.
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
        // The list may have been taken meanwhile, and be another.
        let found = edges
            .get(key)
            .is_some_and(|known| std::ptr::eq(&**known, edge));
        let left = found.then(|| edges.remove(key));
        if edges.is_empty() && edges.capacity() > SPARE {
            *edges = Edges::new();
        }
        left
    }

    /// The node's handler has ended, and with it whatever it waited for.
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
