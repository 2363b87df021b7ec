//! What a node keeps of its waits for others, and of those of others for it. How they are used is told in
//! `waiting/wait_graph.rs`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use slab::Slab;

use super::node::{AnyNode, Node};
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
    /// To be told to end: the wait of a node's own code for that.
    Order,
    /// To come to the end of its start, which is what its caller awaits.
    Start,
    /// To end, so that its owner can.
    Join,
    /// To have ended its incarnation, or started the next one, before its siblings are started anew.
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
}

/// From which of its ends an edge is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tree) enum End {
    From,
    Target,
}

/// The edges at a node: those with a limit, and those without.
#[derive(Default)]
pub(in crate::tree) struct Waits {
    pub(in crate::tree) free: [Edges; 2],
    pub(in crate::tree) limited: [Edges; 2],
}

/// Those of one [`End`].
pub(in crate::tree) type Edges = Slab<Arc<Edge>>;

/// A list that has been this long is given back when it is empty.
const SPARE: usize = 64;

impl Waits {
    fn of(&mut self, edge: &Edge, end: End) -> &mut Edges {
        let both = if edge.limited {
            &mut self.limited
        } else {
            &mut self.free
        };
        &mut both[end as usize]
    }
}

impl Node {
    /// Lists a wait at one of its ends. Says whether the node waits for anything by then.
    pub(in crate::tree) fn enter_wait(&self, edge: &Arc<Edge>, end: End) -> bool {
        let mut state = lock(&self.state);
        let waits = state
            .extras
            .get_or_insert_default()
            .waits
            .get_or_insert_default();
        let key = waits.of(edge, end).insert(Arc::clone(edge));
        edge.keys[end as usize].store(key, Ordering::Relaxed);
        let from = End::From as usize;
        !waits.free[from].is_empty() || !waits.limited[from].is_empty()
    }

    pub(in crate::tree) fn leave_wait(&self, edge: &Edge, end: End) -> Option<Arc<Edge>> {
        let mut state = lock(&self.state);
        let edges = state.extras.as_mut()?.waits.as_mut()?.of(edge, end);
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

    /// Its handler has ended, and with it whatever it waited for.
    pub(in crate::tree) fn clear_waits(&self) {
        let all = {
            let mut state = lock(&self.state);
            let waits = state
                .extras
                .as_mut()
                .and_then(|extras| extras.waits.as_mut());
            waits.map(|waits| {
                [&mut waits.free, &mut waits.limited]
                    .map(|both| std::mem::take(&mut both[End::From as usize]))
            })
        };
        for (_, edge) in all.into_iter().flatten().flatten() {
            if edge.listed.swap(false, Ordering::AcqRel) {
                drop(edge.target.leave_wait(&edge, End::Target));
            }
        }
    }
}
