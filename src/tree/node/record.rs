//! What a node records for observers: who told it to end, how often it was restarted and why, and what it waits for
//! besides messages.

use std::collections::HashMap;
use std::panic::Location;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::Instant;

use super::any_node::AnyNode;
use super::current_node::current;
use super::node::Node;
use super::order::{Order, request, request_with};
use super::state::NodeState;
use crate::error::{Kind, Phase};
use crate::sync::{lock, moment};

/// Who has told a node to end, unless it was an owner that ends itself.
#[derive(Clone)]
pub(crate) enum Requester {
    /// Code of this node.
    Node(Arc<dyn AnyNode>),
    /// The node's own code, by a reference to itself.
    Itself,
    /// Code that no node runs.
    Outside,
    /// A signal to the process.
    Signal,
}

/// The order that a node was given last, and by whom.
#[derive(Clone)]
pub(crate) struct OrderNote {
    pub(crate) by: Requester,
    /// Where in the code it was given.
    pub(crate) site: Option<&'static Location<'static>>,
    /// When it was given, as a [`moment`]; none for an actor whose shell looks at once anyway.
    at: u64,
}

impl OrderNote {
    pub(crate) fn at(&self) -> Option<Instant> {
        moment::decode(self.at)
    }
}

/// As [`request`](super::order::request), but the node remembers who gave the order.
pub(crate) fn request_from(
    target: &Arc<dyn AnyNode>,
    order: Order,
    site: &'static Location<'static>,
) {
    request_as(target, order, Requester::of(target), Some(site));
}

/// As [`request_from`], for a caller that waits for the end. Most ends are over at once, and nobody asks who wanted
/// them. If this may be one of those, it is left to the wait to [note](note_requester) the caller, and what to note is
/// returned.
#[inline]
pub(crate) fn request_and_wait(
    target: &Arc<dyn AnyNode>,
    order: Order,
    site: &'static Location<'static>,
) -> Option<&'static Location<'static>> {
    let node = target.node();
    let is_busy = node.kind() != Kind::Actor || node.polls.look().is_busy();
    if is_busy || node.signals.load().had_children() {
        request_from(target, order, site);
        return None;
    }
    request(target, order);
    Some(site)
}

/// Notes the requester of an end that lasts, or that nobody waits for any more.
#[cold]
pub(in crate::tree) fn note_requester(target: &Arc<dyn AnyNode>, site: &'static Location<'static>) {
    let note = Box::new(OrderNote {
        by: Requester::of(target),
        site: Some(site),
        at: 0,
    });
    let spare = {
        let mut state = lock(&target.state);
        if state.phase == Phase::Stopped {
            Some(note)
        } else {
            let order = &mut state.extras.get_or_insert_default().order;
            match order {
                // Somebody else may have given another order meanwhile.
                Some(_) => Some(note),
                None => order.replace(note),
            }
        }
    };
    // A note may hold the last reference to a node, and with it values of users.
    drop(spare);
}

impl Requester {
    /// Whose code runs here.
    fn of(target: &Node) -> Self {
        match current() {
            None => Self::Outside,
            Some(node) if node.id() == target.id() => Self::Itself,
            Some(node) => Self::Node(node),
        }
    }
}

/// As [`request_from`], for a signal.
pub(crate) fn request_for_signal(target: &Arc<dyn AnyNode>, order: Order) {
    request_as(target, order, Requester::Signal, None);
}

fn request_as(
    target: &Arc<dyn AnyNode>,
    order: Order,
    by: Requester,
    site: Option<&'static Location<'static>>,
) {
    let now = target.may_last().then(Instant::now);
    let note = Box::new(OrderNote {
        by,
        site,
        at: moment::encode(now),
    });
    let mut stale = None;
    request_with(target, order, |state| {
        let order = &mut state.extras.get_or_insert_default().order;
        stale = order.replace(note);
    });
    // A note may hold the last reference to a node, and with it values of users.
    drop(stale);
}

impl Node {
    /// Whether an order may take long enough that the time at which it was given matters. The shell of an actor that is
    /// not being polled looks at once, and its own time begins then. So for most orders the clock need not be read.
    fn may_last(&self) -> bool {
        self.kind() != Kind::Actor
            || self.polls().is_in_poll()
            || self.signals.load().had_children()
    }
}

/// The restarts of an actor.
#[derive(Debug, Clone)]
pub(crate) struct RestartNote {
    /// How many restarts there have been within the window.
    pub(crate) recent: u32,
    pub(crate) limit: u32,
    pub(crate) window: Duration,
    /// The end of the backoff, after which the next incarnation may start.
    pub(crate) due: Instant,
    pub(crate) last_failure: Option<Box<str>>,
}

impl Node {
    /// Notes that another incarnation is to follow.
    pub(crate) fn note_restart(&self, mut note: RestartNote) {
        self.shared.restarts.fetch_add(1, Ordering::Relaxed);
        let mut state = lock(&self.state);
        let known = &mut state.extras.get_or_insert_default().restarts;
        note.last_failure = known.take().and_then(|known| known.last_failure);
        *known = Some(Box::new(note));
    }

    /// Notes what went wrong in the last incarnation.
    pub(crate) fn note_failure(&self, text: String) {
        let mut state = lock(&self.state);
        let extras = state.extras.as_mut();
        if let Some(note) = extras.and_then(|extras| extras.restarts.as_mut()) {
            note.last_failure = Some(text.into());
        }
    }

    /// Sets the board that shows the node's sources, or removes it.
    pub(crate) fn set_sources(&self, board: Option<Arc<SourceBoard>>) {
        let mut state = lock(&self.state);
        state.extras.get_or_insert_default().around().sources = board;
    }
}

impl NodeState {
    /// Takes the note, to be dropped after the lock is released.
    pub(in crate::tree) fn take_order(&mut self) -> Option<Box<OrderNote>> {
        self.extras.as_mut()?.order.take()
    }
}

/// What an actor waits for besides its mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SourceKind {
    Timer,
    Stream,
    Watch,
}

/// Shows an actor's sources to others. The sources themselves belong to its shell alone.
#[derive(Debug, Default)]
pub(crate) struct SourceBoard(Mutex<Posted>);

#[derive(Debug, Default)]
struct Posted {
    counts: [usize; 3],
    /// When the timers are due, by their keys.
    due: HashMap<usize, Instant>,
}

/// What a board shows.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SourceCounts {
    pub(crate) timers: usize,
    pub(crate) streams: usize,
    pub(crate) watches: usize,
    pub(crate) next_due: Option<Instant>,
}

impl SourceBoard {
    pub(crate) fn add(&self, key: usize, kind: SourceKind, due: Option<Instant>) {
        let mut posted = lock(&self.0);
        posted.counts[kind as usize] += 1;
        posted.due.extend(due.map(|due| (key, due)));
    }

    pub(crate) fn set_due(&self, key: usize, due: Instant) {
        lock(&self.0).due.insert(key, due);
    }

    pub(crate) fn remove(&self, key: usize, kind: SourceKind) {
        let mut posted = lock(&self.0);
        posted.counts[kind as usize] -= 1;
        posted.due.remove(&key);
    }

    pub(crate) fn counts(&self) -> SourceCounts {
        let posted = lock(&self.0);
        let [timers, streams, watches] = posted.counts;
        SourceCounts {
            timers,
            streams,
            watches,
            next_due: posted.due.values().min().copied(),
        }
    }
}
