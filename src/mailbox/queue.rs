use std::task::Waker;

use super::Mailbox;
use super::Overflow;
use super::caller::CallerTracking;
use super::counters::{ABANDONED, Counters, DISCARDED, WAITERS, WOKEN};
use super::origin::Sender;
use super::state::{Gate, State};
use crate::sync::explored::{Mutex, Ordering, fence};
use crate::sync::{Guard, WakeList, lock};

/// Why a message was not taken; it stays where it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    Closed,
    Full,
    /// It is full, and has a policy for that: [`Queue::push_over`] takes the message.
    Overflows,
}

/// The gate is not plainly open: more is to be looked at, or noted.
pub(crate) struct Gated;

/// The many-producer side of a mailbox, shared between the senders and the actor's loop.
///
/// The loop owns a [`Batch`] and swaps it, empty, for everything that is queued, so that it takes
/// the lock once a batch and not once a message.
///
/// Invariants:
/// 1. `pushed` counts the messages that were accepted, and its value at a push is that message's number.
///    Messages are handled in the order of their numbers, and `started` counts those that have left the mailbox.
/// 2. `pushed - started + reserved <= capacity`; with `ended` for `started`, where the capacity counts what is being
///    handled. A message that is put aside holds its room as a reservation, which may come one too late. What was reserved before a drain began is not counted
///    as reserved any more: those of its owners who may still send do so beyond the capacity. `pushed` and
///    `reserved` change under the lock; `started` is stored by the loop alone, so a sender may see too little
///    room, and never too much.
/// 3. Only if `attention` has `WAITERS` does anybody wait for room. A sender sets it under the
///    lock and then looks at `started` again, behind a fence; the loop stores `started` and looks
///    at `attention` at each message, and behind a fence before it suspends. One of the two sees
///    the other.
///    In a mailbox that drops the oldest, messages are missing that were dropped: there the loop takes one
///    message at a time, what is not started is in `messages`, and `pushed - started` is too large. What takes room there
///    is in `messages`, `reserved`, and perhaps being handled.
/// 4. `origins` has, in the order of their numbers, the callers of those of `messages` that are asks
///    with a time limit, or asks that were handed on. Of all other asks only those callers are known, in
///    `abandoned`, that have gone; for those that are queued `attention` has `ABANDONED`.
///    Where the origin of messages is noted, it has that of each.
/// 5. `asleep` is set only while the loop is suspended and waits for a message. `waker` is that of its task, from
///    its first sleep on, and not for longer than the loop lasts: it would keep a dead actor's task in
///    memory for as long as there are references. Whoever ends a sleep, with a message or by closing
///    for good, takes it and sets `WOKEN`: it is about to wake the loop, which puts it back before it is
///    suspended again, and looks after that at all else that it can be woken for. Senders never clone the waker,
///    which would touch the reference count of the task: only the loop does.
/// 6. `attention` is written under the lock.
#[repr(C)]
pub(crate) struct Queue<M> {
    pub(super) counters: Counters,
    pub(super) state: Mutex<State<M>>,
}

impl<M> Queue<M> {
    /// Where it `is_noted` where messages come from, each brings a [`Sender`] that says so.
    pub(crate) fn new(mailbox: Mailbox, is_noted: bool) -> Self {
        let gate = if is_noted { Gate::Noted } else { Gate::Open };
        Self {
            counters: Counters::new(mailbox.overflow() == Overflow::DropOldest),
            state: Mutex::new(State::new(mailbox, gate)),
        }
    }

    /// Whether each ask is to be pushed as one whose caller is known.
    #[inline]
    pub(crate) fn knows_callers(&self) -> bool {
        self.counters.knows_callers
    }

    /// Pushes what `message` has without waiting, if the gate is plainly [open](Gate::Open); gives the message's number.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) fn try_push(
        &self,
        message: &mut Option<M>,
        asker: CallerTracking<'_>,
    ) -> Result<Result<u64, Refusal>, Gated> {
        match asker {
            // A message that nobody waits for pays for no more than itself.
            CallerTracking::Nobody => self.try_push_with(message, |_| ()),
            asker => self.try_push_with(message, |state| state.add(asker)),
        }
    }

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn try_push_with(
        &self,
        message: &mut Option<M>,
        prepare: impl FnOnce(&mut State<M>),
    ) -> Result<Result<u64, Refusal>, Gated> {
        let state = lock(&self.state);
        if state.gate != Gate::Open {
            return Err(Gated);
        }
        Ok(self.push_into_place(state, message, prepare))
    }

    /// As [`try_push`](Queue::try_push), however the gate stands. `from_beneath` says whether the sender
    /// is the mailbox's actor itself or a node beneath it: those may still send while it drains (rule 4).
    #[cold]
    pub(crate) fn try_push_gated(
        &self,
        message: &mut Option<M>,
        sender: Sender<'_>,
        from_beneath: impl FnOnce() -> bool,
    ) -> Result<u64, Refusal> {
        let state = lock(&self.state);
        if !state.admits(from_beneath) {
            return Err(Refusal::Closed);
        }
        self.push_into_place(state, message, |state| state.add_sender(sender))
    }

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn push_into_place(
        &self,
        mut state: Guard<'_, State<M>>,
        message: &mut Option<M>,
        prepare: impl FnOnce(&mut State<M>),
    ) -> Result<u64, Refusal> {
        if !state.has_place(&self.counters) {
            let refusal = state.no_place();
            // Before the sender, in which there is something of the user's.
            drop(state);
            return Err(refusal);
        }
        // Its sender has one to send.
        let message = message.take().expect("there is a message");
        prepare(&mut state);
        let (number, waker) = state.push(message, &self.counters.attention);
        drop(state);
        wake(waker);
        Ok(number)
    }

    /// The code of a handler waits for the next message no longer. What had waited may have been in a future of its own,
    /// with another waker than the loop's, which puts its own back when it is suspended.
    pub(crate) fn end_wait(&self) {
        let mut state = lock(&self.state);
        state.asleep = false;
        self.counters.attention.fetch_or(WOKEN, Ordering::Relaxed);
    }

    /// Moves the gate towards closed, never back, and wakes the loop. Nobody is left waiting for
    /// room who may no longer send.
    pub(crate) fn close(&self, gate: Gate) {
        let mut wakes = WakeList::new();
        let mut state = lock(&self.state);
        state.narrow(gate, &self.counters, &mut wakes);
        // A loop that finds the gate closed does not sleep again; one that drains does.
        let sleeper = match gate {
            Gate::Closed => state.end_sleep(&self.counters.attention),
            Gate::Open | Gate::Noted | Gate::Draining => None,
        };
        let waker = sleeper.or_else(|| state.waker.clone());
        drop(state);
        wake(waker);
        wakes.wake();
    }

    /// The shell is about to wait for something else than a message: no sender is to take the waker,
    /// even if the loop had been asleep when it was told to end.
    pub(crate) fn set_waker(&self, waker: &Waker) {
        let mut state = lock(&self.state);
        state.asleep = false;
        let stale = state.set_waker(waker, &self.counters.attention);
        drop(state);
        drop(stale);
    }

    pub(crate) fn clear_waker(&self) {
        let waker = lock(&self.state).waker.take();
        drop(waker);
    }

    /// Wakes the loop, whatever it waits for.
    pub(crate) fn wake(&self) {
        let waker = lock(&self.state).waker.clone();
        wake(waker);
    }

    /// Closes for good if nothing is queued: the end of a drain. What is reserved or waited for was
    /// not accepted, and goes back. The wakes are for those who wait.
    pub(crate) fn close_if_empty(&self, wakes: &mut WakeList) -> bool {
        let mut state = lock(&self.state);
        let empty = state.messages.is_empty();
        if empty {
            state.narrow(Gate::Closed, &self.counters, wakes);
        }
        empty
    }

    /// How many messages were accepted and are not started.
    pub(crate) fn len(&self) -> u64 {
        let state = lock(&self.state);
        if self.knows_callers() {
            // Some were dropped in between, and those that are left are here.
            return state.messages.len() as u64;
        }
        state.pushed - self.counters.started.load(Ordering::Relaxed)
    }

    /// How many messages were accepted and are not done with.
    pub(crate) fn in_hand(&self) -> u64 {
        let state = lock(&self.state);
        let ended = self.counters.ended.load(Ordering::Relaxed);
        if self.knows_callers() {
            let is_busy = ended != self.counters.started.load(Ordering::Relaxed);
            return state.messages.len() as u64 + u64::from(is_busy);
        }
        state.pushed - ended
    }

    /// Whether the loop is asleep, waiting for a message.
    pub(crate) fn is_asleep(&self) -> bool {
        lock(&self.state).asleep
    }

    pub(super) fn is_discarded(&self) -> bool {
        self.counters.attention.load(Ordering::Relaxed) & DISCARDED != 0
    }

    /// The lock is held by whoever changes `attention`.
    pub(super) fn mark_discarded(&self, _: &Guard<'_, State<M>>) {
        self.counters.attention.store(DISCARDED, Ordering::Relaxed);
    }

    /// How many messages have been started since the actor was spawned.
    pub(crate) fn started(&self) -> u64 {
        self.counters.started.load(Ordering::Relaxed)
    }

    /// The loop is suspended. If that is in the middle of a message, grants room to whoever waits
    /// for it.
    #[inline]
    pub(crate) fn suspend(&self, waker: &Waker) -> bool {
        if self.counters.attention.load(Ordering::Relaxed) & WOKEN != 0 {
            self.set_waker(waker);
        }
        let started = self.counters.started.load(Ordering::Relaxed);
        let in_message = started != self.counters.ended.load(Ordering::Relaxed);
        if in_message {
            // Invariant 3: `started` was stored before, `attention` is read after.
            fence(Ordering::SeqCst);
            self.grant_if_waited_for();
        }
        in_message
    }

    /// Whether a message from there would be taken now, if there were room.
    pub(crate) fn admits(&self, from_beneath: impl FnOnce() -> bool) -> bool {
        lock(&self.state).admits(from_beneath)
    }

    /// Whether the message with this number is queued, or in the current handler.
    pub(crate) fn is_in_hand(&self, number: u64) -> bool {
        self.counters.ended.load(Ordering::Relaxed) <= number
    }

    /// Whether the message with this number, which has just been taken, is to be handled. Grants the room that it has
    /// left to those who wait for it.
    #[inline]
    pub(super) fn should_handle(&self, number: u64) -> bool {
        let attention = self.counters.attention.load(Ordering::Relaxed);
        attention == 0 || self.look_at(number, attention)
    }

    #[cold]
    fn look_at(&self, number: u64, attention: u8) -> bool {
        if attention & WAITERS != 0 {
            self.grant();
        }
        attention & ABANDONED == 0 || !self.take_abandoned(number)
    }
}

#[inline]
pub(super) fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// Every idle actor keeps one.
#[cfg(all(target_pointer_width = "64", not(tenure_loom)))]
const _: () = assert!(size_of::<Queue<()>>() <= 104);
