//! The ends of nodes, as a system reports them: each one to listeners, and counts of what went wrong.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::any_node::AnyNode;
use crate::error::{Blocker, Cause, StopReason};
use crate::sync::lock;

/// Somebody who listens to ends.
pub(crate) trait EndListener: Send + Sync {
    /// A node has ended or, if it `goes_on`, one of its incarnations has. Called before those who wait for this end are
    /// woken, and without a lock.
    fn hear(&self, node: &Arc<dyn AnyNode>, reason: &StopReason, goes_on: bool);
}

/// The ends of a system. While nobody listens, a normal end costs one load of an atomic.
#[derive(Default)]
pub(crate) struct EndLog {
    listening: AtomicUsize,
    listeners: Mutex<Vec<Arc<dyn EndListener>>>,
    tallies: Mutex<BTreeMap<&'static str, EndTally>>,
}

/// How often things have gone wrong with nodes of one type.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct EndTally {
    /// They failed themselves, not because of a child.
    pub(crate) failures: u64,
    /// Another incarnation followed.
    pub(crate) restarts: u64,
    /// Their time to end was up.
    pub(crate) cut_short: u64,
    /// A caller that waited was told that they do not yield.
    pub(crate) unjoined: u64,
}

/// Notes that the node has ended.
#[cold]
pub(in crate::tree) fn note_end(node: &Arc<dyn AnyNode>) {
    // As text, since an error may hold anything.
    let reason = lock(&node.state).end_as_text();
    node.shared.ends.note(node, &reason, false);
}

impl EndLog {
    pub(crate) fn listen(&self, listener: Arc<dyn EndListener>) {
        lock(&self.listeners).push(listener);
        self.listening.fetch_add(1, Ordering::Relaxed);
    }

    /// Removes a listener.
    pub(crate) fn leave(&self, listener: &Arc<dyn EndListener>) {
        let mut listeners = lock(&self.listeners);
        let place = listeners
            .iter()
            .position(|known| Arc::ptr_eq(known, listener));
        let left = place.map(|place| listeners.swap_remove(place));
        drop(listeners);
        if left.is_some() {
            self.listening.fetch_sub(1, Ordering::Relaxed);
        }
    }

    #[inline]
    pub(in crate::tree) fn is_heard(&self) -> bool {
        self.listening.load(Ordering::Relaxed) > 0
    }

    /// A node has ended or, if it `goes_on`, one of its incarnations has.
    pub(crate) fn note(&self, node: &Arc<dyn AnyNode>, reason: &StopReason, goes_on: bool) {
        // A node that fails because of a child is not counted again.
        let has_failed = matches!(reason, StopReason::Failed(failure) if !matches!(failure.cause(), Cause::Beneath));
        let tally = EndTally {
            failures: u64::from(has_failed),
            restarts: u64::from(goes_on),
            cut_short: u64::from(node.signals.load().is_cut()),
            unjoined: 0,
        };
        self.count(node.type_name(), tally);
        if self.is_heard() {
            let listeners = lock(&self.listeners).clone();
            for listener in listeners {
                listener.hear(node, reason, goes_on);
            }
        }
    }

    /// Counts that a caller was told that these do not yield. They are sorted, the deepest first.
    #[cold]
    pub(crate) fn count_unjoined(&self, blockers: &[Blocker]) {
        if let Some(deepest) = blockers.first() {
            let tally = EndTally {
                unjoined: 1,
                ..EndTally::default()
            };
            self.count(deepest.type_name, tally);
        }
    }

    fn count(&self, type_name: &'static str, more: EndTally) {
        if more != EndTally::default() {
            lock(&self.tallies).entry(type_name).or_default().add(more);
        }
    }

    /// By type; types with which nothing went wrong are absent.
    pub(crate) fn tallies(&self) -> Vec<(&'static str, EndTally)> {
        let tallies = lock(&self.tallies);
        tallies
            .iter()
            .map(|(name, tally)| (*name, *tally))
            .collect()
    }
}

impl EndTally {
    fn add(&mut self, more: Self) {
        self.failures += more.failures;
        self.restarts += more.restarts;
        self.cut_short += more.cut_short;
        self.unjoined += more.unjoined;
    }
}

impl std::fmt::Debug for EndLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EndLog").finish_non_exhaustive()
    }
}
