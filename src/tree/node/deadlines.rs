//! The deadlines that a node's further asks inherit (rule 10).

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::time::Instant;

use super::any_node::AnyNode;
use super::current_node::with_here;
use super::id::NodeId;
use super::node::Node;
use crate::error::Kind;
use crate::mailbox::{Caller, DropReason};
use crate::sync::{limit_after, lock, moment, stamp};

/// The node has listed a wait since its last message.
const WAITS: u32 = 1;
/// Its system has a default limit for asks.
const DEFAULT: u32 = 2;
/// The node's code has dropped replies unsent that are not settled yet.
const REPLIES: u32 = 4;
/// The node is handling an ask with a time limit.
const LIMITED: u32 = 8;
/// The notes that the end of a handler has to look at.
const TO_CLEAR: u32 = WAITS | REPLIES | LIMITED;
/// The bits from here on hold when the node was first known to exist, once that was noted. They do not change after
/// that.
const BORN_SHIFT: u32 = u32::BITS - stamp::BITS;

/// What a node's asks and the end of a handler have to look at, in one word. Only the node's own code writes the flags,
/// and only if a message has a deadline, or a handler waits or drops a reply. The time of birth may be written by the
/// first look.
#[derive(Debug)]
pub(in crate::tree) struct Notes(AtomicU32);

impl Notes {
    pub(in crate::tree) fn new(has_default: bool) -> Self {
        Self(AtomicU32::new(if has_default { DEFAULT } else { 0 }))
    }

    /// Since when the node has been known to exist: since now, if nobody has noted it before.
    pub(in crate::tree) fn born(&self, now: Instant) -> Instant {
        let stamp = stamp::encode(now).max(1);
        let set = |notes| (notes >> BORN_SHIFT == 0).then_some(notes | stamp << BORN_SHIFT);
        let known = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, set);
        known.map_or_else(|known| stamp::decode(known >> BORN_SHIFT), |_| now)
    }

    #[inline]
    fn load(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    fn add(&self, notes: u32) {
        self.0.fetch_or(notes, Ordering::Relaxed);
    }

    fn remove(&self, notes: u32) {
        self.0.fetch_and(!notes, Ordering::Relaxed);
    }
}

impl Node {
    /// From now on the node works for this caller: further asks inherit the caller's time limit until its reply is sent
    /// or dropped, wherever that happens.
    #[inline]
    pub(crate) fn set_caller(&self, caller: Option<&Arc<dyn Caller>>) {
        let caller = caller.filter(|caller| caller.limit() != 0);
        if caller.is_some() || self.notes.load() & LIMITED != 0 {
            self.change_caller(caller);
        }
    }

    /// Ends a handler or hook, and with it its deadline and its waits. The replies that it dropped are settled for this
    /// reason.
    #[inline]
    pub(crate) fn end_handler(&self, reason: DropReason) {
        let notes = self.notes.load();
        if notes & TO_CLEAR != 0 {
            self.clear_notes(notes, reason);
        }
    }

    #[cold]
    fn clear_notes(&self, notes: u32, reason: DropReason) {
        self.settle_replies(reason);
        if notes & WAITS != 0 {
            self.notes.remove(WAITS);
            self.clear_edges();
        }
        if notes & LIMITED != 0 {
            self.change_caller(None);
        }
    }

    #[cold]
    fn change_caller(&self, caller: Option<&Arc<dyn Caller>>) {
        match caller {
            Some(_) => self.notes.add(LIMITED),
            None => self.notes.remove(LIMITED),
        }
        let stale = {
            let mut state = lock(&self.state);
            let extras = state.extras.get_or_insert_default();
            std::mem::replace(&mut extras.caller, caller.cloned())
        };
        drop(stale);
    }

    pub(in crate::tree) fn note_edges(&self) {
        self.notes.add(WAITS);
    }

    pub(in crate::tree) fn note_replies(&self) {
        self.notes.add(REPLIES);
    }

    /// Called with the node's lock held, which guards the list.
    pub(in crate::tree) fn clear_replies(&self) {
        self.notes.remove(REPLIES);
    }

    #[inline]
    pub(in crate::tree) fn has_replies(&self) -> bool {
        self.notes.load() & REPLIES != 0
    }

    /// The caller whose time limit applies here, unless its reply was sent or dropped.
    fn limiting_caller(&self) -> Option<Arc<dyn Caller>> {
        if self.notes.load() & LIMITED == 0 {
            return None;
        }
        let state = lock(&self.state);
        let caller = state.extras.as_ref()?.caller.as_ref()?;
        caller.is_open().then(|| Arc::clone(caller))
    }

    /// When the time of the caller is up for whom the node works.
    #[cfg(feature = "simulation")]
    pub(crate) fn deadline(&self) -> Option<Instant> {
        moment::decode(self.limiting_caller()?.limit())
    }

    fn default_limit(&self) -> Option<Instant> {
        if self.notes.load() & DEFAULT == 0 {
            return None;
        }
        self.shared.ask_timeout.and_then(limit_after)
    }
}

/// The caller with a time limit for whom the code here works. What this code starts inherits it.
pub(crate) fn inherited_caller() -> Option<Arc<dyn Caller>> {
    with_here(|carrier, here| limiting_caller(carrier, here, None)).flatten()
}

/// As [`inherited_caller`], for this node, which does not inherit from itself.
pub(crate) fn inherited_beside(node: &Node) -> Option<Arc<dyn Caller>> {
    with_here(|carrier, here| limiting_caller(carrier, here, Some(node.id()))).flatten()
}

/// The caller of the innermost scope around the code here that has a limit, otherwise that of the carrier. The scope
/// `but` is left out.
fn limiting_caller(
    carrier: Option<&Arc<dyn AnyNode>>,
    here: &Arc<dyn AnyNode>,
    but: Option<NodeId>,
) -> Option<Arc<dyn Caller>> {
    let mut next = Some(here);
    while let Some(scope) = next.filter(|here| here.kind() == Kind::Scope) {
        if but != Some(scope.id()) {
            let caller = scope.limiting_caller();
            if caller.is_some() {
                return caller;
            }
        }
        next = scope.owner();
    }
    carrier?.limiting_caller()
}

/// The deadline of an ask that is made here: inherited or, with `or_default`, from the default of its system. The flag
/// says whether it is inherited.
pub(crate) fn inherited_or_default(or_default: bool) -> Option<(Instant, bool)> {
    with_here(|carrier, here| {
        let caller = limiting_caller(carrier, here, None);
        let inherited = caller.and_then(|caller| moment::decode(caller.limit()));
        let default = || carrier.filter(|_| or_default)?.default_limit();
        let inherited = inherited.map(|limit| (limit, true));
        inherited.or_else(|| default().map(|limit| (limit, false)))
    })
    .flatten()
}
