use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Wake, Waker};

use crate::sync::lock;

/// It may still give something.
const ACTIVE: u8 = 0;
/// Its last message has been taken, or its actor has ended.
const DONE: u8 = 1;
/// Its handle has taken it back.
const CANCELLED: u8 = 2;

/// The sources that are to be polled, first come, first served.
///
/// Invariants:
/// 1. `waker` is the loop's while the loop may be asleep. It goes with the actor: kept longer it
///    would keep a dead actor's task in memory for as long as somebody has a handle.
/// 2. Once `closed`, the line is empty and stays so, which breaks the cycle between it and its
///    seats.
#[derive(Debug, Default)]
pub(super) struct Line(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    seats: VecDeque<Arc<Seat>>,
    waker: Option<Waker>,
    closed: bool,
    /// With more it is looked through for those that have been cancelled.
    crowded: usize,
}

impl Line {
    pub(super) fn len(&self) -> usize {
        lock(&self.0).seats.len()
    }

    pub(super) fn pop(&self) -> Option<Arc<Seat>> {
        let seat = lock(&self.0).seats.pop_front()?;
        // Before the poll, so that a wake in its middle counts.
        seat.queued.store(false, Ordering::SeqCst);
        Some(seat)
    }

    /// Takes those out that have been cancelled: the first ones, which is where a cancel puts them, and all of
    /// them whenever the line is twice as long as after the last time, since one that had stood in it already
    /// still does.
    pub(super) fn take_cancelled(&self) -> Vec<Arc<Seat>> {
        let mut taken = Vec::new();
        let mut state = lock(&self.0);
        let State { seats, crowded, .. } = &mut *state;
        while seats.front().is_some_and(|seat| !seat.is_active()) {
            taken.extend(seats.pop_front());
        }
        if seats.len() > *crowded {
            seats.retain(|seat| {
                let is_active = seat.is_active();
                if !is_active {
                    taken.push(Arc::clone(seat));
                }
                is_active
            });
            *crowded = 2 * seats.len();
        }
        taken
    }

    pub(super) fn set_waker(&self, waker: &Waker) {
        let mut state = lock(&self.0);
        let stale = match &mut state.waker {
            Some(known) if known.will_wake(waker) => None,
            known => known.replace(waker.clone()),
        };
        drop(state);
        drop(stale);
    }

    pub(super) fn close(&self) {
        let mut state = lock(&self.0);
        state.closed = true;
        let seats = std::mem::take(&mut state.seats);
        let waker = state.waker.take();
        drop(state);
        drop((seats, waker));
    }

    /// Puts the seat into the line, and wakes the loop.
    fn push(&self, seat: Arc<Seat>, first: bool) {
        let mut state = lock(&self.0);
        if state.closed {
            drop(state);
            drop(seat);
            return;
        }
        if first {
            state.seats.push_front(seat);
        } else {
            state.seats.push_back(seat);
        }
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// A source's place: what its handles and its waker share with the loop. It keeps neither the
/// source nor the actor alive.
#[derive(Debug)]
pub(super) struct Seat {
    state: AtomicU8,
    /// It stands in the line.
    queued: AtomicBool,
    key: usize,
    line: Arc<Line>,
}

impl Seat {
    pub(super) fn new(key: usize, line: &Arc<Line>) -> Arc<Self> {
        Arc::new(Self {
            state: AtomicU8::new(ACTIVE),
            queued: AtomicBool::new(false),
            key,
            line: Arc::clone(line),
        })
    }

    /// That of a source which was never taken in.
    pub(super) fn done() -> Arc<Self> {
        let seat = Self::new(usize::MAX, &Arc::default());
        seat.finish();
        seat
    }

    pub(super) fn key(&self) -> usize {
        self.key
    }

    pub(super) fn is_active(&self) -> bool {
        self.state.load(Ordering::SeqCst) == ACTIVE
    }

    /// It gives nothing more. Says whether it had been active until now: of this and a `cancel`,
    /// one comes first.
    pub(super) fn finish(&self) -> bool {
        self.leave(DONE)
    }

    pub(super) fn cancel(self: &Arc<Self>) {
        if self.leave(CANCELLED) {
            // The loop drops the source, and need not poll others before it does.
            self.queued.store(true, Ordering::SeqCst);
            self.line.push(Arc::clone(self), true);
        }
    }

    /// Has it polled.
    pub(super) fn call(self: &Arc<Self>) {
        if !self.queued.swap(true, Ordering::SeqCst) {
            self.line.push(Arc::clone(self), false);
        }
    }

    fn leave(&self, state: u8) -> bool {
        self.state
            .compare_exchange(ACTIVE, state, Ordering::SeqCst, Ordering::SeqCst)
            .is_ok()
    }
}

impl Wake for Seat {
    fn wake(self: Arc<Self>) {
        self.call();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.call();
    }
}
