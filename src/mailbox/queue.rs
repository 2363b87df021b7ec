use std::task::Waker;

use super::Mailbox;
use super::Overflow;
use super::attention::Flags;
use super::caller::CallerTracking;
use super::counters::Counters;
use super::gate::{Gate, Refusal};
use super::origin::Sender;
use super::state::State;
use crate::sync::explored::{Mutex, Ordering, fence};
use crate::sync::{Guard, WakeList, lock};

/// The gate is not [`Gate::Open`], so the slow path is needed.
pub(crate) struct Gated;

/// The many-producer side of a mailbox, shared between the senders and the actor's loop.
///
/// The loop owns a [`Batch`](super::Batch). When that is empty, it is swapped with everything that is queued, so the
/// lock is taken once for each batch and not for each message.
///
/// Invariants:
/// 1. `pushed` counts the messages that were accepted, and its value at a push is that message's number.
///    Messages are handled in the order of their numbers, and `started` counts those that have left the mailbox.
/// 2. `pushed - started + reserved <= capacity`, with `ended` in place of `started` if the capacity counts the current
///    message. A message that is put aside keeps its room as a reservation, which may exceed the capacity by one.
///    Reservations from before a drain are no longer counted: their holders that may still send do so beyond the
///    capacity. `pushed` and `reserved` change under the lock. Only the loop stores `started`, so a sender may see too
///    little room, but never too much.
/// 3. If anybody waits for room, `attention` says so. A sender notes that under the lock and then, after a fence, looks
///    at `started` again. The loop stores `started` and then looks at `attention`: at each message, and after a fence
///    before it is suspended. One of the two sees the other. In a mailbox that drops the oldest message, `pushed -
///    started` is too large, because it counts dropped messages. There the loop takes one message at a time, so all
///    that are not started are in `messages`, and the room is taken by those, by `reserved`, and perhaps by the current
///    message.
/// 4. `origins` has, in the order of their numbers, the callers of those `messages` that are asks with a time limit, or
///    asks that were handed on. Of all other asks only the callers that have gone are known, in `abandoned`; if such an
///    ask is queued, `attention` says so. If origins are noted, it has the origin of every message.
/// 5. `asleep` is set only while the loop is suspended and waits for a message. `waker` is that of the loop's task,
///    from its first sleep until the loop ends: a waker that is kept longer would keep the memory of a dead actor's
///    task for as long as there are references. The code that ends a sleep, with a message or by closing, takes the
///    waker, notes that in `attention` and wakes the loop. The loop puts the waker back before it is suspended again,
///    and only then looks at everything else that can wake it. Senders never clone the waker, which would touch the
///    task's reference count; only the loop does.
/// 6. `attention` is only written under the lock.
#[repr(C)]
pub(crate) struct Queue<M> {
    pub(super) counters: Counters,
    pub(super) state: Mutex<State<M>>,
}

impl<M> Queue<M> {
    /// With `is_noted`, each message has to bring a [`Sender`] that says where it comes from.
    pub(crate) fn new(mailbox: Mailbox, is_noted: bool) -> Self {
        let gate = if is_noted { Gate::Noted } else { Gate::Open };
        Self {
            counters: Counters::new(mailbox.overflow() == Overflow::DropOldest),
            state: Mutex::new(State::new(mailbox, gate)),
        }
    }

    /// Whether the callers of all asks have to be listed.
    #[inline]
    pub(crate) fn knows_callers(&self) -> bool {
        self.counters.knows_callers
    }

    /// Pushes the message in `message` if there is room now and the gate is [`Gate::Open`]. Returns the message's
    /// number.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) fn try_push(
        &self,
        message: &mut Option<M>,
        tracking: CallerTracking<'_>,
    ) -> Result<Result<u64, Refusal>, Gated> {
        match tracking {
            // A plain message must not pay for asks.
            CallerTracking::Nobody => self.try_push_with(message, |_| ()),
            tracking => self.try_push_with(message, |state| state.add(tracking)),
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

    /// As [`try_push`](Queue::try_push), whatever the gate. `from_beneath` says whether the sender is the actor itself
    /// or a node beneath it, which may still send while it drains (rule 4).
    #[cold]
    pub(crate) fn try_push_gated(
        &self,
        message: &mut Option<M>,
        sender: Sender<'_>,
        from_beneath: impl FnOnce() -> bool,
    ) -> Result<u64, Refusal> {
        let state = lock(&self.state);
        if !state.accepts(from_beneath) {
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
            // Released before the sender is dropped, which may run user code.
            drop(state);
            return Err(refusal);
        }
        // The sender always passes a message.
        let message = message.take().expect("there is a message");
        prepare(&mut state);
        let (number, waker) = state.push(message, &self.counters.attention);
        drop(state);
        wake(waker);
        Ok(number)
    }

    /// Called when a handler no longer waits for the next message. The wait may have used another waker than the
    /// loop's, which the loop replaces when it is suspended.
    pub(crate) fn end_wait(&self) {
        let mut state = lock(&self.state);
        state.asleep = false;
        self.counters.attention.set_woken();
    }

    /// Moves the gate towards closed, never back, and wakes the loop. Senders in the line that may no longer send are
    /// sent away.
    pub(crate) fn close(&self, gate: Gate) {
        let mut wakes = WakeList::new();
        let mut state = lock(&self.state);
        state.narrow(gate, &self.counters, &mut wakes);
        // A loop that finds the gate closed does not sleep again; a draining one does.
        let sleeper = match gate {
            Gate::Closed => state.end_sleep(&self.counters.attention),
            Gate::Open | Gate::Noted | Gate::Draining => None,
        };
        let waker = sleeper.or_else(|| state.waker.clone());
        drop(state);
        wake(waker);
        wakes.wake();
    }

    /// Called when the shell is about to wait for something other than a message. No sender may take the waker then,
    /// even if the loop was asleep when it was told to end.
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

    /// Closes the mailbox if nothing is queued: the end of a drain. Messages for which room is reserved or waited for
    /// were not accepted, and go back to their senders. Adds the wakes of waiting senders.
    pub(crate) fn close_if_empty(&self, wakes: &mut WakeList) -> bool {
        let mut state = lock(&self.state);
        let empty = state.messages.is_empty();
        if empty {
            state.narrow(Gate::Closed, &self.counters, wakes);
        }
        empty
    }

    /// How many accepted messages are not started.
    pub(crate) fn len(&self) -> u64 {
        let state = lock(&self.state);
        if self.knows_callers() {
            // Some were dropped in between, so the numbers do not tell; all that are left are in `messages`.
            return state.messages.len() as u64;
        }
        state.pushed - self.counters.started.load(Ordering::Relaxed)
    }

    /// How many accepted messages are not done with.
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
        self.counters.attention.load().is_discarded()
    }

    /// Takes the guard because `attention` is only written under the lock.
    pub(super) fn mark_discarded(&self, _: &Guard<'_, State<M>>) {
        self.counters.attention.set_discarded();
    }

    /// How many messages have left the mailbox since the actor was spawned, whether or not they were started.
    pub(crate) fn started(&self) -> u64 {
        self.counters.started.load(Ordering::Relaxed)
    }

    /// Called when the loop is suspended. Says whether that is in the middle of a message, and grants room to waiting
    /// senders then.
    #[inline]
    pub(crate) fn suspend(&self, waker: &Waker) -> bool {
        if self.counters.attention.load().is_woken() {
            self.set_waker(waker);
        }
        let started = self.counters.started.load(Ordering::Relaxed);
        let in_message = started != self.counters.ended.load(Ordering::Relaxed);
        if in_message {
            // Invariant 3: `started` was stored before the fence, `attention` is read after it.
            fence(Ordering::SeqCst);
            self.grant_if_waited_for();
        }
        in_message
    }

    /// Whether a message from this sender would be taken if there were room.
    pub(crate) fn accepts(&self, from_beneath: impl FnOnce() -> bool) -> bool {
        lock(&self.state).accepts(from_beneath)
    }

    /// Whether the message with this number is queued or being handled.
    pub(crate) fn is_in_hand(&self, number: u64) -> bool {
        self.counters.ended.load(Ordering::Relaxed) <= number
    }

    /// Whether the message with this number, which has just been taken, is to be handled. Grants its room to waiting
    /// senders.
    #[inline]
    pub(super) fn should_handle(&self, number: u64) -> bool {
        let flags = self.counters.attention.load();
        flags.is_empty() || self.look_at(number, flags)
    }

    #[cold]
    fn look_at(&self, number: u64, flags: Flags) -> bool {
        if flags.has_waiters() {
            self.grant();
        }
        !flags.has_abandoned() || !self.take_abandoned(number)
    }
}

#[inline]
pub(super) fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// Every idle actor has one.
#[cfg(all(target_pointer_width = "64", not(tenure_loom)))]
const _: () = assert!(size_of::<Queue<()>>() <= 104);
