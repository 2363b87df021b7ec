use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::any_node::AnyNode;
use super::children::StopOrder;
use super::deadlines::Notes;
use super::edges::Request;
use super::id::NodeId;
use super::label::Label;
use super::own_time::{OwnTime, millis};
use super::polls::{Polls, PollsLook};
use super::shared::Shared;
use super::signals::{Marks, Signals};
use super::slot::{NodeSlot, Settings};
use super::state::{Extras, NodeState, cancel};
use crate::error::{Blocker, Kind, Phase, StopReason};
use crate::sync::explored::Mutex;
use crate::sync::lock;

/// The part that all nodes have in common.
///
/// Invariants:
/// 1. `owner` and `index` never change; while `state.phase` is not `Stopped`, the owner's table
///    holds this node under `index`, and the owner is not `Stopped` either.
/// 2. `state.closed` and the table of children change under one lock, so that a child is either
///    registered before its owner closes, and joined by it, or refused (rule 2).
/// 3. Locks are taken from the owner to the child, and no user code runs under one.
/// 4. `state.phase` becomes `Stopped` in the same step in which the node leaves its owner's table,
///    once its shell and all its children are gone.
///
/// The node is the first part of an actor's cell. The fields that the loop reads for each message come last.
#[repr(C)]
pub(crate) struct Node {
    pub(crate) shared: Arc<Shared>,
    owner: Option<Arc<dyn AnyNode>>,
    site: &'static Location<'static>,
    pub(in crate::tree) state: Mutex<NodeState>,
    id: NodeId,
    pub(crate) signals: Signals,
    /// Its place in the owner's table.
    pub(in crate::tree) index: u32,
    pub(in crate::tree) notes: Notes,
    label: AtomicU32,
    grace: u32,
    pub(in crate::tree) polls: Polls,
}

impl Node {
    pub(crate) fn new(
        place: NodeSlot,
        kind: Kind,
        site: &'static Location<'static>,
        settings: Settings,
    ) -> Self {
        let grace = settings.grace.unwrap_or(place.shared.grace);
        let mut marks = settings.marks;
        marks.set(Marks::NOTED, place.shared.is_noted());
        let signals = Signals::new(kind, marks);
        if settings.is_outcome_awaited {
            signals.await_outcome();
        }
        let notes = Notes::new(place.shared.ask_timeout.is_some());
        if place.shared.times.is_some() {
            notes.born(Instant::now());
        }
        let extras = (!settings.is_default()).then(|| {
            Box::new(Extras {
                settings,
                ..Extras::default()
            })
        });
        Self {
            id: NodeId::next(),
            signals,
            label: AtomicU32::new(0),
            grace: millis(grace),
            polls: Polls::default(),
            notes,
            shared: place.shared,
            owner: place.owner,
            index: place.index,
            site,
            state: Mutex::new(NodeState::new(extras)),
        }
    }

    /// Whether its system has asked for timings or spans.
    #[inline]
    pub(crate) fn is_noted(&self) -> bool {
        self.signals.marks().has(Marks::NOTED)
    }

    #[inline]
    pub(crate) fn id(&self) -> NodeId {
        self.id
    }

    pub(crate) fn kind(&self) -> Kind {
        self.signals.kind()
    }

    pub(crate) fn site(&self) -> &'static Location<'static> {
        self.site
    }

    /// When it was spawned, if that is timed; otherwise when somebody first looked.
    pub(crate) fn born(&self, now: Instant) -> Instant {
        self.notes.born(now)
    }

    pub(crate) fn owner(&self) -> Option<&Arc<dyn AnyNode>> {
        self.owner.as_ref()
    }

    pub(crate) fn phase(&self) -> Phase {
        lock(&self.state).phase
    }

    pub(crate) fn name(&self) -> Option<String> {
        let state = lock(&self.state);
        let name = state.extras.as_ref()?.settings.name.as_deref()?;
        Some(name.to_owned())
    }

    /// How it ended; `None` while it lives.
    pub(crate) fn reason(&self) -> Option<StopReason> {
        lock(&self.state).outcome()
    }

    /// Drops the errors of its end, if nobody waits for them any more.
    pub(crate) fn forget_errors(&self) {
        let errors = lock(&self.state).forget_errors();
        drop(errors);
    }

    pub(crate) fn set_label(&self, label: Label) {
        self.label.store(label.raw(), Ordering::Relaxed);
    }

    /// Called when no message is being handled.
    pub(crate) fn clear_label(&self) {
        self.label.store(0, Ordering::Relaxed);
    }

    pub(crate) fn label(&self) -> Option<&'static str> {
        Label::from_raw(self.label.load(Ordering::Relaxed)).map(Label::text)
    }

    /// Called when the start has returned.
    pub(crate) fn set_running(&self) {
        let mut state = lock(&self.state);
        state.phase = state.phase.max(Phase::Running);
        if self.signals.load().is_outcome_awaited() {
            self.signals.end_awaiting_outcome();
            let wakes = state.watchers();
            drop(state);
            wakes.wake();
        } else {
            drop(state);
        }
        if self.signals.marks().has(Marks::RESTARTABLE) {
            self.leave_group();
        }
    }

    /// How its code has been polled.
    pub(crate) fn polls(&self) -> PollsLook {
        self.polls.look()
    }

    /// How much own time it has in a stop or drain.
    pub(crate) fn grace(&self) -> Duration {
        Duration::from_millis(u64::from(self.grace))
    }

    pub(in crate::tree) fn own_time(&self) -> Option<OwnTime> {
        lock(&self.state).own_time(self)
    }

    /// When its end becomes a kill, as things stand: when its own time is up, or at the bound of its order.
    pub(in crate::tree) fn time_limit(&self) -> Option<Instant> {
        let mut state = lock(&self.state);
        let own = state.own_time(self).map(|own| own.until);
        let bound = state.bound().filter(|_| !self.signals.load().is_killed());
        own.into_iter().chain(bound).min()
    }

    /// Pauses its own time, because it waits for others.
    pub(crate) fn pause_own_time(&self) {
        lock(&self.state).pause_own_time(self);
    }

    /// Whether it is a scope that was told to end and has nothing left beneath it.
    pub(in crate::tree) fn is_gone_through(&self) -> bool {
        self.kind() == Kind::Scope
            && self.signals.load().is_told_gently()
            && !self.signals.load().is_killed()
            && lock(&self.state).is_quiet()
    }

    /// Closes the node to children if it is quiet.
    pub(crate) fn close_if_quiet(&self) -> bool {
        let mut state = lock(&self.state);
        let quiet = state.is_quiet();
        state.closed |= quiet;
        quiet
    }

    /// Closes the node to children if it has none.
    pub(crate) fn close_if_childless(&self) -> bool {
        let mut state = lock(&self.state);
        let childless = !state.has_children();
        state.closed |= childless;
        childless
    }

    pub(crate) fn stop_order(&self) -> StopOrder {
        if self.signals.marks().has(Marks::STOPS_CONCURRENTLY) {
            StopOrder::Concurrent
        } else {
            StopOrder::Reverse
        }
    }

    /// The token that fires when the node is to end, made when it is first asked for. In a drain, that of an actor
    /// fires once the accepted mail is handled.
    pub(crate) fn token(&self) -> CancellationToken {
        let mut state = lock(&self.state);
        let over = state.phase == Phase::Stopped || self.signals.load().has_token_fired();
        let tokens = &mut state.extras.get_or_insert_default().tokens;
        let token = tokens.ending.get_or_insert_default().clone();
        drop(state);
        if over {
            cancel(&token);
        }
        token
    }

    /// As [`token`](Node::token), but in a drain it fires only when the node closes: for handlers, so that late mail is
    /// not handled as cancelled.
    pub(crate) fn stop_token(&self) -> CancellationToken {
        let mut state = lock(&self.state);
        // A stop or kill closes the node in the same step.
        let over = state.phase == Phase::Stopped || state.closed;
        let tokens = &mut state.extras.get_or_insert_default().tokens;
        let token = tokens.stopping.get_or_insert_default().clone();
        drop(state);
        if over {
            cancel(&token);
        }
        token
    }

    /// Whether it has any children now. Takes no lock if it never had any.
    #[inline]
    pub(crate) fn has_children(&self) -> bool {
        self.signals.load().had_children() && self.still_has_children()
    }

    fn still_has_children(&self) -> bool {
        lock(&self.state).has_children()
    }

    /// Whether what was requested (its end, or the end of its start) has not happened yet.
    pub(crate) fn holds_up(&self, request: &Request) -> bool {
        let is_start = matches!(request, Request::Start);
        self.phase() != Phase::Stopped && (!is_start || self.signals.load().is_outcome_awaited())
    }

    /// The live children, in start order.
    pub(crate) fn children(&self) -> Vec<Arc<dyn AnyNode>> {
        let state = lock(&self.state);
        state
            .children
            .as_ref()
            .map_or_else(Vec::new, |table| table.all())
    }

    pub(crate) fn child(&self, name: &str) -> Option<Arc<dyn AnyNode>> {
        let state = lock(&self.state);
        state.children.as_ref()?.named(name)
    }

    /// Whether this node or one above it is ending or restarting.
    pub(crate) fn is_in_stopping_tree(&self) -> bool {
        let mut next = Some(self);
        while let Some(node) = next {
            if matches!(
                node.phase(),
                Phase::Restarting | Phase::Stopping | Phase::Stopped
            ) {
                return true;
            }
            next = node.owner.as_ref().map(|owner| owner.node());
        }
        false
    }

    pub(crate) fn blocker(&self, any: &dyn AnyNode, held_for: Duration) -> Blocker {
        let (_, busy) = any.progress();
        let phase = match self.phase() {
            // It was waiting for its next incarnation when it was told to end.
            Phase::Stopping if self.signals.load().is_restarting() => Phase::Restarting,
            phase => phase,
        };
        Blocker {
            path: self.path(any.type_name()),
            kind: self.kind(),
            type_name: any.type_name(),
            site: self.site,
            phase,
            label: self.label().filter(|_| busy),
            held_for,
        }
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("id", &self.id)
            .field("kind", &self.kind())
            .field("phase", &self.phase())
            .finish_non_exhaustive()
    }
}

// Frees a chain of owners that only this node kept alive, without recursion (rule 15).
impl Drop for Node {
    fn drop(&mut self) {
        let mut next = self.owner.take();
        while let Some(mut owner) = next {
            // Nearly every owner is also held by others, and the count shows that without a lock.
            if Arc::strong_count(&owner) > 1 {
                return;
            }
            next = Arc::get_mut(&mut owner).and_then(|owner| owner.node_mut().owner.take());
        }
    }
}

/// Every idle actor has one. If you make it larger, say in DESIGN.md why.
#[cfg(all(target_pointer_width = "64", not(tenure_loom)))]
const _: () = assert!(size_of::<Node>() <= 104);
