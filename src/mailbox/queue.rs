use std::task::{Poll, Waker};

use super::Mailbox;
use super::Overflow;
use super::caller::CallerTracking;
use super::counters::{ABANDONED, Counters, DISCARDED, WAITERS, WOKEN};
use super::origin::Sender;
use super::state::{Gate, State};
use super::waiters::{Reserved, Ticket};
use crate::sync::explored::{Mutex, Ordering, fence};
use crate::sync::{Guard, KeptWaker, WakeList, WakerKey, lock};

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

    /// Takes a slot, or a place in the line for one. `Err` if the gate is closed.
    pub(crate) fn poll_reserve(
        &self,
        ticket: &mut Option<Ticket>,
        waker: &Waker,
        from_beneath: &dyn Fn() -> bool,
    ) -> Poll<Result<Reserved, ()>> {
        let mut wakes = WakeList::new();
        let mut spare = None;
        let outcome = loop {
            let wakers = (waker, &mut spare);
            let tried = lock(&self.state).try_reserve(
                ticket,
                wakers,
                &self.counters,
                &mut wakes,
                from_beneath,
            );
            match tried {
                Some(outcome) => break outcome,
                None => spare = Some(KeptWaker::clone_of(waker)),
            }
        };
        drop(spare);
        wakes.wake();
        outcome
    }

    /// Takes a slot, if there is one.
    pub(crate) fn try_reserve(&self, from_beneath: impl Fn() -> bool) -> Result<Reserved, Refusal> {
        let mut state = lock(&self.state);
        if !state.admits(&from_beneath) {
            Err(Refusal::Closed)
        } else {
            state
                .reserve(&self.counters, from_beneath())
                .ok_or(Refusal::Full)
        }
    }

    /// Pushes into a slot that was reserved before; gives the message's number.
    pub(crate) fn push_reserved(
        &self,
        message: M,
        reserved: Reserved,
        sender: Sender<'_>,
        from_beneath: impl FnOnce() -> bool,
    ) -> Result<u64, M> {
        let mut wakes = WakeList::new();
        let mut state = lock(&self.state);
        let has_claim = state.use_up(&reserved);
        let pushed = if has_claim && state.admits(from_beneath) {
            state.add_sender(sender);
            Ok(state.push(message, &self.counters.attention))
        } else {
            state.grant(&self.counters, &mut wakes);
            Err(message)
        };
        state.look_again(&mut wakes);
        drop(state);
        wakes.wake();
        pushed.map(|(number, waker)| {
            wake(waker);
            number
        })
    }

    /// Nobody waits for the reply to this ask any more, which had no time limit: it is skipped if it
    /// is still queued.
    #[cold]
    pub(crate) fn abandon(&self, number: u64) {
        let mut wakes = WakeList::new();
        let mut state = lock(&self.state);
        let started = self.counters.started.load(Ordering::Relaxed);
        // Nobody begins to wait for the caller of one before the last, also if their handler has not ended.
        let over = self
            .counters
            .ended
            .load(Ordering::Relaxed)
            .max(started.saturating_sub(1));
        state.extras().abandoned.add(number, over, &mut wakes);
        if number >= started {
            self.counters
                .attention
                .fetch_or(ABANDONED, Ordering::Relaxed);
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

    /// Whether that caller has gone, for whom somebody waits.
    pub(crate) fn has_caller_gone(&self, number: u64) -> bool {
        let state = lock(&self.state);
        let extras = state.extras.as_ref();
        extras.is_some_and(|extras| extras.abandoned.has_gone(number))
    }

    /// One of several wakes is not wanted any more.
    pub(crate) fn leave_caller(&self, number: u64, key: &mut WakerKey) {
        let mut state = lock(&self.state);
        let extras = state.extras.as_mut();
        let left = extras.and_then(|extras| extras.abandoned.leave(number, key));
        drop(state);
        drop(left);
    }

    /// One who had waited for that does so no longer.
    pub(crate) fn unwatch_caller(&self, number: u64, key: &mut WakerKey) {
        let mut state = lock(&self.state);
        let extras = state.extras.as_mut();
        let left = extras.and_then(|extras| extras.abandoned.unwatch(number, key));
        drop(state);
        drop(left);
    }

    /// A message that was taken is put aside, and keeps its room.
    pub(crate) fn hold_room(&self) -> Reserved {
        lock(&self.state).hold_room()
    }

    /// The code of a handler waits for the next message no longer. What had waited may have been in a future of its own,
    /// with another waker than the loop's, which puts its own back when it is suspended.
    pub(crate) fn end_wait(&self) {
        let mut state = lock(&self.state);
        state.asleep = false;
        self.counters.attention.fetch_or(WOKEN, Ordering::Relaxed);
    }

    /// Gives a reserved slot back, and with it the turn.
    pub(crate) fn release(&self, reserved: Reserved) {
        let mut wakes = WakeList::new();
        lock(&self.state).give_back(reserved, &self.counters, &mut wakes);
        wakes.wake();
    }

    /// Leaves the line, and passes a turn that had been granted on.
    pub(crate) fn leave(&self, ticket: &mut Option<Ticket>) {
        let mut wakes = WakeList::new();
        let stale = lock(&self.state).leave(ticket, &self.counters, &mut wakes);
        drop(stale);
        wakes.wake();
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

    /// Whether the sender with this ticket waits for the loop to make room. Reserved room may come
    /// free without that; once none is reserved, the sender is woken for another look.
    pub(crate) fn waits_for_loop(
        &self,
        ticket: Ticket,
        from_beneath: impl FnOnce() -> bool,
    ) -> bool {
        let mut state = lock(&self.state);
        if !state.admits(from_beneath) {
            return false;
        }
        let Some(extras) = &mut state.extras else {
            return false;
        };
        let may_come_free = extras.reserved > 0;
        extras.waiters.is_waiting(ticket, may_come_free) && !may_come_free
    }

    /// Whether the message with this number is queued, or in the current handler.
    pub(crate) fn is_in_hand(&self, number: u64) -> bool {
        self.counters.ended.load(Ordering::Relaxed) <= number
    }

    /// Grants the room that the loop has made to those who wait for it.
    #[inline]
    fn grant_if_waited_for(&self) {
        if self.counters.attention.load(Ordering::Relaxed) & WAITERS != 0 {
            self.grant();
        }
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
        if attention & ABANDONED == 0 {
            return true;
        }
        let mut state = lock(&self.state);
        let Some(extras) = &mut state.extras else {
            return true;
        };
        let gone = extras.abandoned.take(number);
        if !extras.abandoned.has_from(number) {
            self.counters
                .attention
                .fetch_and(!ABANDONED, Ordering::Relaxed);
        }
        !gone
    }

    #[cold]
    fn grant(&self) {
        let mut wakes = WakeList::new();
        lock(&self.state).grant(&self.counters, &mut wakes);
        wakes.wake();
    }
}

#[inline]
fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// Every idle actor keeps one.
#[cfg(all(target_pointer_width = "64", not(tenure_loom)))]
const _: () = assert!(size_of::<Queue<()>>() <= 104);
