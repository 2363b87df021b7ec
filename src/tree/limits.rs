//! The deadlines that a node's further asks inherit (rule 10).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::time::Instant;

use super::Node;
use super::current::with_carrier;
use crate::mailbox::{Caller, DropReason};
use crate::sync::{after, lock, moment};

/// The node has listed a wait since its last message.
const WAITS: u64 = 1;
/// Its system limits the asks that nothing else limits.
const DEFAULT: u64 = 2;
/// The node's code has dropped replies unsent, and they are not settled.
const REPLIES: u64 = 4;

/// What a node's asks and the end of a handler have to look at, in one word. Only the node's own code
/// writes it, between and in its polls, and only if a message has a deadline, or a handler waits or
/// drops a reply.
#[derive(Debug)]
pub(super) struct Notes(AtomicU64);

impl Notes {
    pub(super) fn new(has_default: bool) -> Self {
        Self(AtomicU64::new(if has_default { DEFAULT } else { 0 }))
    }

    fn load(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn add(&self, notes: u64) {
        self.0.fetch_or(notes, Ordering::Relaxed);
    }

    fn remove(&self, notes: u64) {
        self.0.fetch_and(!notes, Ordering::Relaxed);
    }
}

impl Node {
    /// The deadline of all that it does from now on.
    pub(crate) fn set_deadline(&self, deadline: Option<Instant>) {
        self.set_limit(moment::encode(deadline));
    }

    fn set_limit(&self, limit: u64) {
        self.notes.remove(u64::MAX << moment::SPARE_BITS);
        self.notes.add(limit << moment::SPARE_BITS);
    }

    /// A message that this caller waits for has been taken: its deadline is that of what the node
    /// does, until the reply is sent.
    #[inline]
    pub(crate) fn set_caller(&self, caller: Option<&Arc<dyn Caller>>) {
        let limit = caller.map_or(0, |caller| caller.limit());
        if limit != 0 || self.notes.load() >> moment::SPARE_BITS != 0 {
            self.change_caller(caller.filter(|_| limit != 0), limit);
        }
    }

    /// A handler or hook has ended, and with it its deadline and its waits. The replies that it dropped
    /// are settled for this reason.
    #[inline]
    pub(crate) fn end_handler(&self, reason: DropReason) {
        let notes = self.notes.load();
        if notes & !DEFAULT != 0 {
            self.clear_notes(notes, reason);
        }
    }

    #[cold]
    fn clear_notes(&self, notes: u64, reason: DropReason) {
        self.settle_replies(reason);
        if notes & WAITS != 0 {
            self.notes.remove(WAITS);
            self.clear_waits();
        }
        if notes >> moment::SPARE_BITS != 0 {
            self.change_caller(None, 0);
        }
    }

    #[cold]
    fn change_caller(&self, caller: Option<&Arc<dyn Caller>>, limit: u64) {
        self.set_limit(limit);
        let stale = {
            let mut links = lock(&self.links);
            let rare = links.rare.get_or_insert_default();
            std::mem::replace(&mut rare.caller, caller.cloned())
        };
        drop(stale);
    }

    pub(super) fn note_waits(&self) {
        self.notes.add(WAITS);
    }

    pub(super) fn note_replies(&self) {
        self.notes.add(REPLIES);
    }

    /// The lock of the list is held.
    pub(super) fn clear_replies(&self) {
        self.notes.remove(REPLIES);
    }

    #[inline]
    pub(super) fn has_replies(&self) -> bool {
        self.notes.load() & REPLIES != 0
    }

    fn deadline(&self) -> Option<Instant> {
        let deadline = moment::decode(self.notes.load() >> moment::SPARE_BITS)?;
        let links = lock(&self.links);
        let caller = links.rare.as_ref().and_then(|rare| rare.caller.as_ref());
        caller
            .is_none_or(|caller| caller.is_waiting())
            .then_some(deadline)
    }

    fn default_limit(&self) -> Option<Instant> {
        if self.notes.load() & DEFAULT == 0 {
            return None;
        }
        self.shared.ask_timeout.map(after)
    }
}

/// The deadline of what the code that is being polled here does.
pub(crate) fn inherited() -> Option<Instant> {
    with_carrier(|node, _| node.node().deadline()).flatten()
}

/// When an ask that is made here is to end at the latest: by what it inherits or, with
/// `or_default`, by its system's default.
pub(crate) fn inherited_or_default(or_default: bool) -> Option<Instant> {
    with_carrier(|node, _| {
        let inherited = node.node().deadline();
        inherited.or_else(|| or_default.then(|| node.node().default_limit()).flatten())
    })
    .flatten()
}
