use std::collections::{BTreeMap, BTreeSet};
use std::task::Waker;

use super::queue::Queue;
use crate::sync::explored::Ordering;
use crate::sync::{KeptWaker, WakeList, WakerKey, WakerSet, lock};

/// The asks in a mailbox whose callers have gone, by message number.
///
/// Only asks without a time limit are here. Most of them are answered, so the mailbox does not list their callers; a
/// caller that goes reports here.
///
/// Invariants:
/// 1. `numbers` are of messages that are queued, or that a handler took last.
/// 2. `watched` has an entry for as long as somebody waits for the caller of that message to go.
#[derive(Debug, Default)]
pub(super) struct Abandoned {
    numbers: BTreeSet<u64>,
    watched: BTreeMap<u64, WatchedCaller>,
}

#[derive(Debug, Default)]
struct WatchedCaller {
    gone: bool,
    /// How many wait for the caller to go.
    count: usize,
    wakers: WakerSet,
}

impl Abandoned {
    /// Notes that the caller of this message has gone. Numbers below `over` are forgotten: waits for those callers are
    /// in `watched`.
    pub(super) fn add(&mut self, number: u64, over: u64, wakes: &mut WakeList) {
        self.numbers = self.numbers.split_off(&over);
        if number >= over {
            self.numbers.insert(number);
        }
        if let Some(watched) = self.watched.get_mut(&number) {
            watched.gone = true;
            watched.wakers.wake_all(wakes);
        }
    }

    /// Whether the caller of this message, which is about to be started, has gone. Removes the number.
    pub(super) fn take(&mut self, number: u64) -> bool {
        self.numbers.remove(&number)
    }

    /// Removes all numbers from this one on, whose messages will not be started.
    pub(super) fn take_from(&mut self, number: u64) -> Vec<u64> {
        self.numbers.split_off(&number).into_iter().collect()
    }

    /// Whether there is a number from this one on.
    pub(super) fn has_from(&self, number: u64) -> bool {
        self.numbers.range(number..).next().is_some()
    }

    /// Somebody begins to wait for the caller of this message to go.
    pub(super) fn watch(&mut self, number: u64) {
        let gone = self.numbers.contains(&number);
        let watched = self.watched.entry(number).or_default();
        watched.gone |= gone;
        watched.count += 1;
    }

    /// Whether that caller has gone; if not, `waker` is woken when it does. `None` if this needs a clone of the waker
    /// in `spare`.
    pub(super) fn poll(
        &mut self,
        number: u64,
        key: &mut WakerKey,
        waker: &Waker,
        spare: &mut Option<KeptWaker>,
    ) -> Option<bool> {
        let Some(watched) = self.watched.get_mut(&number) else {
            return Some(false);
        };
        let entered = watched.gone || watched.wakers.enter(key, waker, spare);
        entered.then_some(watched.gone)
    }

    /// Whether that caller has gone. Known only while somebody waits for it.
    pub(super) fn has_gone(&self, number: u64) -> bool {
        self.watched
            .get(&number)
            .is_some_and(|watched| watched.gone)
    }

    /// Cancels one wake. Returns the waker, to be dropped after the lock is released.
    pub(super) fn leave(&mut self, number: u64, key: &mut WakerKey) -> Option<KeptWaker> {
        self.watched.get_mut(&number)?.wakers.leave(key)
    }

    /// Ends one wait for that caller. Returns the waker, to be dropped after the lock is released.
    pub(super) fn unwatch(&mut self, number: u64, key: &mut WakerKey) -> Option<KeptWaker> {
        let watched = self.watched.get_mut(&number)?;
        let mine = watched.wakers.leave(key);
        watched.count -= 1;
        if watched.count == 0 {
            self.watched.remove(&number);
        }
        mine
    }
}

impl<M> Queue<M> {
    /// The caller of this ask, which had no time limit, has gone: the ask is skipped if it is still queued.
    #[cold]
    pub(crate) fn abandon(&self, number: u64) {
        let mut wakes = WakeList::new();
        let mut state = lock(&self.state);
        let started = self.counters.started.load(Ordering::Relaxed);
        // Nobody starts to wait for the caller of a message before the last one taken, even if its handler has not
        // ended.
        let over = self
            .counters
            .ended
            .load(Ordering::Relaxed)
            .max(started.saturating_sub(1));
        state.extras().abandoned.add(number, over, &mut wakes);
        if number >= started {
            self.counters.attention.add_abandoned();
        }
        drop(state);
        wakes.wake();
    }

    /// Begins to wait for the caller of this message to go.
    pub(crate) fn watch_caller(&self, number: u64) {
        let mut state = lock(&self.state);
        state.extras().abandoned.watch(number);
    }

    /// Whether that caller has gone; if not, `waker` is woken when it does.
    pub(crate) fn poll_caller_gone(&self, number: u64, key: &mut WakerKey, waker: &Waker) -> bool {
        let mut spare = None;
        loop {
            let mut state = lock(&self.state);
            let abandoned = &mut state.extras().abandoned;
            let gone = abandoned.poll(number, key, waker, &mut spare);
            drop(state);
            match gone {
                Some(gone) => return gone,
                None => spare = Some(KeptWaker::clone_of(waker)),
            }
        }
    }

    /// Whether that caller has gone. Known only while somebody waits for it.
    pub(crate) fn has_caller_gone(&self, number: u64) -> bool {
        let state = lock(&self.state);
        let extras = state.extras.as_ref();
        extras.is_some_and(|extras| extras.abandoned.has_gone(number))
    }

    /// Cancels one wake.
    pub(crate) fn leave_caller(&self, number: u64, key: &mut WakerKey) {
        let mut state = lock(&self.state);
        let extras = state.extras.as_mut();
        let left = extras.and_then(|extras| extras.abandoned.leave(number, key));
        drop(state);
        drop(left);
    }

    /// Ends one wait for that caller.
    pub(crate) fn unwatch_caller(&self, number: u64, key: &mut WakerKey) {
        let mut state = lock(&self.state);
        let extras = state.extras.as_mut();
        let left = extras.and_then(|extras| extras.abandoned.unwatch(number, key));
        drop(state);
        drop(left);
    }

    /// Whether the caller of this message, which is about to be started, has reported that it has gone.
    pub(super) fn take_abandoned(&self, number: u64) -> bool {
        let mut state = lock(&self.state);
        let Some(extras) = &mut state.extras else {
            return false;
        };
        let gone = extras.abandoned.take(number);
        if !extras.abandoned.has_from(number) {
            self.counters.attention.clear_abandoned();
        }
        gone
    }
}
