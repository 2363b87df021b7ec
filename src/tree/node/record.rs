//! What a node keeps of its life for whoever looks at it: who told it to end, how often it was restarted and why,
//! and what it waits for besides its mail.

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

/// Who has told a node to end, other than its owner in its own end.
#[derive(Clone)]
pub(crate) enum Asker {
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
    pub(crate) by: Asker,
    /// Where in the code.
    pub(crate) site: Option<&'static Location<'static>>,
    /// When, as a [`moment`]; none for an actor whose shell was about to look at it.
    at: u64,
}

impl OrderNote {
    pub(crate) fn at(&self) -> Option<Instant> {
        moment::decode(self.at)
    }
}

/// As [`request`](super::order::request), and the node remembers who told it.
pub(crate) fn request_from(
    target: &Arc<dyn AnyNode>,
    order: Order,
    site: &'static Location<'static>,
) {
    request_as(target, order, Asker::of(target), Some(site));
}

/// As [`request_from`], for one who waits for the end. Most ends are over at once, and need not remember who asked for
/// them: if this may be one of those, it is left to the wait to [note](note_asker) it. Gives what that is to note.
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

/// The end lasts that was asked for there, or nobody waits for it any more.
#[cold]
pub(in crate::tree) fn note_asker(target: &Arc<dyn AnyNode>, site: &'static Location<'static>) {
    let note = Box::new(OrderNote {
        by: Asker::of(target),
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
                // Somebody else may have told it more meanwhile.
                Some(_) => Some(note),
                None => order.replace(note),
            }
        }
    };
    // With a node may go what is a user's.
    drop(spare);
}

impl Asker {
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
    request_as(target, order, Asker::Signal, None);
}

fn request_as(
    target: &Arc<dyn AnyNode>,
    order: Order,
    by: Asker,
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
    // With a node may go what is a user's.
    drop(stale);
}

impl Node {
    /// Whether an order may take so long that it matters when it was given. The shell of an actor that is not in
    /// the middle of a poll looks at once, and its own time begins then: so the clock need not be read for most.
    fn may_last(&self) -> bool {
        self.kind() != Kind::Actor
            || self.polls().is_in_poll()
            || self.signals.load().had_children()
    }
}

/// How an actor has fared that was restarted.
#[derive(Debug, Clone)]
pub(crate) struct RestartNote {
    /// How many restarts there have been within the window.
    pub(crate) recent: u32,
    pub(crate) limit: u32,
    pub(crate) window: Duration,
    /// When the next incarnation may start, or might.
    pub(crate) due: Instant,
    pub(crate) last_failure: Option<Box<str>>,
}

impl Node {
    /// Another incarnation is to follow.
    pub(crate) fn note_restart(&self, mut note: RestartNote) {
        self.shared.restarts.fetch_add(1, Ordering::Relaxed);
        let mut state = lock(&self.state);
        let known = &mut state.extras.get_or_insert_default().restarts;
        note.last_failure = known.take().and_then(|known| known.last_failure);
        *known = Some(Box::new(note));
    }

    /// What went wrong in the incarnation before.
    pub(crate) fn note_failure(&self, text: String) {
        let mut state = lock(&self.state);
        let extras = state.extras.as_mut();
        if let Some(note) = extras.and_then(|extras| extras.restarts.as_mut()) {
            note.last_failure = Some(text.into());
        }
    }

    /// What the node waits for besides its mail stands there; or it has nothing of that any more.
    pub(crate) fn set_sources(&self, board: Option<Arc<SourceBoard>>) {
        let mut state = lock(&self.state);
        state.extras.get_or_insert_default().around().sources = board;
    }
}

impl NodeState {
    /// Gives what is to be dropped without the lock.
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

/// The sources of an actor, for whoever looks: they themselves are its shell's alone.
#[derive(Debug, Default)]
pub(crate) struct SourceBoard(Mutex<Posted>);

#[derive(Debug, Default)]
struct Posted {
    counts: [usize; 3],
    /// When the timers are due, by their places.
    due: HashMap<usize, Instant>,
}

/// What stands on a board.
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
