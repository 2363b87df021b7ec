use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering, fence};
use std::sync::{Mutex, MutexGuard};
use std::task::{Poll, Waker};

use super::Mailbox;
use super::waiters::{Ticket, Waiters};
use crate::sync::{WakeList, lock};

/// A buffer that has held a burst is given back once it is this much larger than a batch needs.
const SPARE_CAPACITY: usize = 1_024;

/// Somebody waits for room.
const WAITERS: u8 = 1;
/// Some queued asks have been given up by their callers.
const ABANDONED: u8 = 2;

/// Who may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gate {
    /// Anyone.
    Open,
    /// Only the node's own pipes, and the nodes beneath it (rule 4).
    Draining,
    /// Nobody.
    Closed,
}

/// Why a message was not taken; it comes back.
#[derive(Debug)]
pub(crate) enum Refusal<M> {
    Closed(M),
    Full(M),
}

/// The many-producer side of a mailbox, shared between the senders and the actor's loop.
///
/// The loop owns a [`Batch`] and swaps it, empty, for everything that is queued, so that it takes
/// the lock once a batch and not once a message.
///
/// Invariants:
/// 1. A message's number is the value of `accepted` when it was pushed; numbers are handled in
///    order, and `started` counts those that have left the mailbox.
/// 2. `accepted - started + reserved <= capacity`. `accepted` and `reserved` change under the
///    lock; `started` is stored by the loop alone, so a sender may see too little room, and never
///    too much.
/// 3. Only if `attention` has `WAITERS` does anybody wait for room. A sender sets it under the
///    lock and then looks at `started` again, behind a fence; the loop stores `started` and looks
///    at `attention` at each message, and behind a fence before it suspends. One of the two sees
///    the other.
/// 4. An ask with a time limit has to know for certain whether it was started. For a batch that holds
///    one the loop has a fence between the same store and load, and the asker one between its mark
///    in `abandoned` and its look at `started`. One of the two sees the other.
/// 5. `parked` is the loop's waker while the loop sleeps, and `None` at all other times: kept
///    longer it would keep a dead actor's task in memory for as long as there are references.
#[derive(Debug)]
pub(crate) struct Queue<M> {
    started: AtomicU64,
    attention: AtomicU8,
    state: Mutex<State<M>>,
}

#[derive(Debug)]
struct State<M> {
    messages: VecDeque<M>,
    parked: Option<Waker>,
    capacity: u64,
    accepted: u64,
    reserved: u64,
    gate: Gate,
    /// Whether any of `messages` is an ask with a time limit.
    limited: bool,
    rare: Option<Box<Rare>>,
}

/// What most mailboxes never need.
#[derive(Debug, Default)]
struct Rare {
    waiters: Waiters,
    /// The numbers of queued asks whose callers have gone.
    abandoned: BTreeSet<u64>,
}

/// The loop's side of a mailbox.
///
/// It ends with its queue, but is not part of it: it is the loop's alone and needs no lock.
#[derive(Debug)]
pub(crate) struct Batch<M> {
    messages: VecDeque<M>,
    started: u64,
    limited: bool,
    /// Nothing more comes.
    discarded: bool,
}

impl<M> Queue<M> {
    pub(crate) fn new(mailbox: Mailbox) -> Self {
        Self {
            started: AtomicU64::new(0),
            attention: AtomicU8::new(0),
            state: Mutex::new(State {
                messages: VecDeque::new(),
                parked: None,
                capacity: mailbox.capacity().map_or(u64::MAX, |n| n as u64),
                accepted: 0,
                reserved: 0,
                gate: Gate::Open,
                limited: false,
                rare: None,
            }),
        }
    }

    /// Pushes without waiting; gives the message's number. `limited` says whether it is an ask with
    /// a time limit, and `inside` whether the sender is one that a draining owner still listens to.
    pub(crate) fn try_push(
        &self,
        message: M,
        limited: bool,
        inside: impl FnOnce() -> bool,
    ) -> Result<u64, Refusal<M>> {
        let mut state = lock(&self.state);
        if !state.admits(inside) {
            return Err(Refusal::Closed(message));
        }
        if state.room(self) == 0 || state.has_waiting() {
            return Err(Refusal::Full(message));
        }
        let (number, waker) = state.push(message, limited);
        drop(state);
        wake(waker);
        Ok(number)
    }

    /// Takes a slot, or a place in the line for one. `Err` if the gate is closed.
    pub(crate) fn poll_reserve(
        &self,
        ticket: &mut Option<Ticket>,
        waker: &Waker,
        inside: impl FnOnce() -> bool,
    ) -> Poll<Result<(), ()>> {
        let mut wakes = WakeList::new();
        let mut state = lock(&self.state);
        let outcome = if !state.admits(inside) {
            state.leave(ticket, self, &mut wakes);
            Poll::Ready(Err(()))
        } else if ticket.is_none() && state.room(self) > 0 && !state.has_waiting() {
            state.reserved += 1;
            Poll::Ready(Ok(()))
        } else if state.poll_ticket(ticket, waker, self, &mut wakes) {
            Poll::Ready(Ok(()))
        } else {
            Poll::Pending
        };
        drop(state);
        wakes.wake();
        outcome
    }

    /// Pushes into a slot that was reserved before.
    pub(crate) fn push_reserved(
        &self,
        message: M,
        limited: bool,
        inside: impl FnOnce() -> bool,
    ) -> Result<u64, M> {
        let mut state = lock(&self.state);
        if !state.admits(inside) {
            drop(state);
            self.release();
            return Err(message);
        }
        state.reserved -= 1;
        let (number, waker) = state.push(message, limited);
        drop(state);
        wake(waker);
        Ok(number)
    }

    /// Gives a reserved slot back, and with it the turn.
    pub(crate) fn release(&self) {
        let mut wakes = WakeList::new();
        let mut state = lock(&self.state);
        state.reserved -= 1;
        state.grant(self, &mut wakes);
        drop(state);
        wakes.wake();
    }

    /// Leaves the line, and passes a turn that had been granted on.
    pub(crate) fn leave(&self, ticket: &mut Option<Ticket>) {
        let mut wakes = WakeList::new();
        lock(&self.state).leave(ticket, self, &mut wakes);
        wakes.wake();
    }

    /// Notes that nobody waits for the reply to this message any more, so that it is skipped.
    /// Says whether it may have been started; "no" is certain if it was pushed as `limited`.
    pub(crate) fn abandon(&self, number: u64) -> bool {
        let is_started = || self.started.load(Ordering::Relaxed) > number;
        if is_started() {
            return true;
        }
        {
            let mut state = lock(&self.state);
            // What is discarded counts as started, under the lock.
            if is_started() {
                return true;
            }
            state.rare().abandoned.insert(number);
            self.attention.fetch_or(ABANDONED, Ordering::Relaxed);
        }
        // Invariant 4: the loop may have started it before it could see that mark.
        fence(Ordering::SeqCst);
        is_started()
    }

    /// Moves the gate towards closed, never back. Nobody is left waiting for room who may no
    /// longer send.
    pub(crate) fn close(&self, gate: Gate) {
        let mut wakes = WakeList::new();
        let mut state = lock(&self.state);
        if gate == Gate::Closed || state.gate == Gate::Open {
            state.gate = gate;
        }
        if let Some(rare) = &mut state.rare {
            rare.waiters.wake_all(&mut wakes);
        }
        drop(state);
        wakes.wake();
    }

    /// Closes for good if nothing is queued: the end of a drain. What is reserved or waited for was
    /// not accepted, and goes back. The wakes are for those who wait.
    pub(crate) fn close_if_empty(&self, wakes: &mut WakeList) -> bool {
        let mut state = lock(&self.state);
        let empty = state.messages.is_empty();
        if empty {
            state.gate = Gate::Closed;
            if let Some(rare) = &mut state.rare {
                rare.waiters.wake_all(wakes);
            }
        }
        empty
    }

    /// How many messages were accepted and are not started.
    pub(crate) fn len(&self) -> u64 {
        let state = lock(&self.state);
        state.accepted - self.started.load(Ordering::Relaxed)
    }

    /// Whether the loop is asleep, waiting for a message.
    pub(crate) fn is_parked(&self) -> bool {
        lock(&self.state).parked.is_some()
    }

    /// How many messages have been started since the actor was spawned.
    pub(crate) fn started(&self) -> u64 {
        self.started.load(Ordering::Relaxed)
    }

    /// Grants room to whoever waits for it, if the loop is about to suspend in mid-message.
    pub(crate) fn settle(&self) {
        // Invariant 3: `started` was stored before, `attention` is read after.
        fence(Ordering::SeqCst);
        if self.attention.load(Ordering::Relaxed) & WAITERS != 0 {
            self.grant();
        }
    }

    /// Takes all that is left, without its order of numbers, and closes.
    pub(crate) fn discard(&self, batch: &mut Batch<M>) -> VecDeque<M> {
        if std::mem::replace(&mut batch.discarded, true) {
            return VecDeque::new();
        }
        let mut wakes = WakeList::new();
        let mut state = lock(&self.state);
        state.gate = Gate::Closed;
        let parked = state.parked.take();
        let mut left = std::mem::take(&mut batch.messages);
        left.append(&mut state.messages);
        state.messages = VecDeque::new();
        self.started.store(state.accepted, Ordering::Relaxed);
        if let Some(mut rare) = state.rare.take() {
            rare.waiters.wake_all(&mut wakes);
        }
        drop(state);
        drop(parked);
        wakes.wake();
        left
    }

    #[cold]
    fn grant(&self) {
        let mut wakes = WakeList::new();
        lock(&self.state).grant(self, &mut wakes);
        wakes.wake();
    }

    /// Whether the message with this number was given up by its caller.
    #[cold]
    fn take_abandoned(&self, number: u64) -> bool {
        let mut state = lock(&self.state);
        let Some(rare) = &mut state.rare else {
            return false;
        };
        let found = rare.abandoned.remove(&number);
        rare.abandoned = rare.abandoned.split_off(&number);
        if rare.abandoned.is_empty() {
            self.attention.fetch_and(!ABANDONED, Ordering::Relaxed);
        }
        found
    }
}

impl<M> Batch<M> {
    pub(crate) const fn new() -> Self {
        Self {
            messages: VecDeque::new(),
            started: 0,
            limited: false,
            discarded: false,
        }
    }

    /// The next message of the batch, if there is one: it counts as started from here on. Messages
    /// whose callers have gone are dropped instead.
    pub(crate) fn next(&mut self, queue: &Queue<M>) -> Option<M> {
        loop {
            let message = self.messages.pop_front()?;
            let number = self.started;
            self.started += 1;
            queue.started.store(self.started, Ordering::Relaxed);
            if self.limited {
                fence(Ordering::SeqCst);
            }
            let attention = queue.attention.load(Ordering::Relaxed);
            if attention == 0 {
                return Some(message);
            }
            if attention & WAITERS != 0 {
                queue.grant();
            }
            if attention & ABANDONED == 0 || !queue.take_abandoned(number) {
                return Some(message);
            }
        }
    }

    /// Ready once there is a message; until then `waker` is woken by the next one.
    pub(crate) fn poll_ready(&mut self, queue: &Queue<M>, waker: &Waker) -> Poll<()> {
        if !self.messages.is_empty() || self.refill(queue, Some(waker)) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    /// Whether there is a message, looked for without waiting.
    pub(crate) fn is_ready(&mut self, queue: &Queue<M>) -> bool {
        !self.messages.is_empty() || self.refill(queue, None)
    }

    /// Swaps the empty batch for all that is queued. If that is nothing, parks.
    fn refill(&mut self, queue: &Queue<M>, waker: Option<&Waker>) -> bool {
        let mut state = lock(&queue.state);
        self.limited = std::mem::take(&mut state.limited);
        let filled = !state.messages.is_empty();
        if filled {
            std::mem::swap(&mut self.messages, &mut state.messages);
            state.parked = None;
        } else if let Some(waker) = waker {
            state.park(waker);
        }
        let burst = self.messages.capacity().max(state.messages.capacity()) > SPARE_CAPACITY;
        if state.rare.is_some() || (burst && !filled) {
            self.tidy(queue, state, burst && !filled);
        }
        filled
    }

    /// Grants the room that has come free, and gives back what only a burst needed.
    #[cold]
    fn tidy(&mut self, queue: &Queue<M>, mut state: MutexGuard<'_, State<M>>, burst: bool) {
        let mut wakes = WakeList::new();
        if state.rare.is_some() {
            state.grant(queue, &mut wakes);
        }
        let spare = burst.then(|| {
            let queued = std::mem::take(&mut state.messages);
            (std::mem::take(&mut self.messages), queued)
        });
        drop(state);
        drop(spare);
        wakes.wake();
    }
}

impl<M> State<M> {
    #[inline]
    fn admits(&self, inside: impl FnOnce() -> bool) -> bool {
        match self.gate {
            Gate::Open => true,
            Gate::Draining => inside(),
            Gate::Closed => false,
        }
    }

    #[inline]
    fn room(&self, queue: &Queue<M>) -> u64 {
        let waiting = self.accepted - queue.started.load(Ordering::Relaxed);
        self.capacity.saturating_sub(waiting + self.reserved)
    }

    fn has_waiting(&self) -> bool {
        self.rare
            .as_ref()
            .is_some_and(|rare| rare.waiters.has_waiting())
    }

    fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    #[inline]
    fn push(&mut self, message: M, limited: bool) -> (u64, Option<Waker>) {
        let number = self.accepted;
        self.messages.push_back(message);
        self.accepted += 1;
        self.limited |= limited;
        (number, self.parked.take())
    }

    fn park(&mut self, waker: &Waker) {
        match &mut self.parked {
            Some(parked) if parked.will_wake(waker) => {}
            parked => *parked = Some(waker.clone()),
        }
    }

    /// Joins the line, or looks whether its turn has come; the reservation is the caller's then.
    fn poll_ticket(
        &mut self,
        ticket: &mut Option<Ticket>,
        waker: &Waker,
        queue: &Queue<M>,
        wakes: &mut WakeList,
    ) -> bool {
        let current = match *ticket {
            Some(current) => current,
            None => {
                let joined = self.rare().waiters.join(waker.clone());
                *ticket = Some(joined);
                queue.attention.fetch_or(WAITERS, Ordering::SeqCst);
                // Invariant 3: the loop may have made room before it could see that mark.
                fence(Ordering::SeqCst);
                self.grant(queue, wakes);
                joined
            }
        };
        let granted = self.rare().waiters.poll(current, waker);
        if granted {
            self.rare().waiters.leave(current);
            *ticket = None;
        }
        granted
    }

    fn leave(&mut self, ticket: &mut Option<Ticket>, queue: &Queue<M>, wakes: &mut WakeList) {
        let (Some(ticket), Some(rare)) = (ticket.take(), &mut self.rare) else {
            return;
        };
        if rare.waiters.leave(ticket) {
            self.reserved -= 1;
        }
        self.grant(queue, wakes);
    }

    fn grant(&mut self, queue: &Queue<M>, wakes: &mut WakeList) {
        let room = self.room(queue);
        if let Some(rare) = &mut self.rare {
            self.reserved += rare.waiters.grant(room, wakes);
        }
        if !self.has_waiting() {
            queue.attention.fetch_and(!WAITERS, Ordering::Relaxed);
        }
    }
}

#[inline]
fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}
