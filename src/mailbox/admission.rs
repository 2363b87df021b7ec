//! Who may send, room for messages, and whom to wake: what the state of a mailbox has without regard to the type of its
//! messages. The invariants are those of the [`Queue`](super::Queue).

use std::sync::Arc;
use std::task::{Poll, Waker};

use super::abandoned::Abandoned;
use super::attention::Attention;
use super::caller::CallerTracking;
use super::counters::Counters;
use super::gate::{Gate, Refusal};
use super::origin::{Oldest, Origin, Origins, Sender};
use super::waiters::{GivenUp, Reserved, Ticket, Waiters};
use super::{Caller, Mailbox, Overflow};
use crate::sync::explored::{Ordering, fence};
use crate::sync::{KeptWaker, WakeList};

/// The capacity of a mailbox that always has room.
const UNBOUNDED: u32 = u32::MAX;

/// The part of a mailbox under its lock that does not depend on the type of its messages.
#[repr(C)]
pub(super) struct Admission {
    pub(super) gate: Gate,
    /// The loop waits for a message.
    pub(super) asleep: bool,
    pub(super) overflow: Overflow,
    pub(super) counts_current: bool,
    pub(super) capacity: u32,
    /// How many messages have been accepted.
    pub(super) pushed: u64,
    pub(super) waker: Option<Waker>,
    /// Present once it was needed.
    pub(super) extras: Option<Box<QueueExtras>>,
}

/// What most mailboxes never have.
#[derive(Default)]
pub(super) struct QueueExtras {
    pub(super) origins: Origins,
    /// Present once a message was timed.
    pub(super) oldest: Option<Oldest>,
    pub(super) abandoned: Abandoned,
    /// How many slots are reserved since the gate last changed.
    pub(super) reserved: u64,
    /// The line of senders that wait for room.
    pub(super) waiters: Waiters,
    /// How many messages have left the mailbox unstarted: their callers had gone, or they were dropped for lack of
    /// room, or discarded at the end.
    pub(super) unstarted: u64,
}

impl QueueExtras {
    fn reserve(&mut self, from_beneath: bool, since: Gate) -> Reserved {
        self.reserved += 1;
        Reserved {
            from_beneath,
            since: Some(since),
        }
    }
}

impl Admission {
    pub(super) fn new(mailbox: Mailbox, gate: Gate) -> Self {
        let capacity = mailbox.capacity().and_then(|room| u32::try_from(room).ok());
        Self {
            waker: None,
            capacity: capacity.unwrap_or(UNBOUNDED),
            pushed: 0,
            gate,
            asleep: false,
            overflow: mailbox.overflow(),
            counts_current: mailbox.counts_current(),
            extras: None,
        }
    }

    #[inline]
    pub(super) fn accepts(&self, from_beneath: impl FnOnce() -> bool) -> bool {
        match self.gate {
            Gate::Open | Gate::Noted => true,
            Gate::Draining => from_beneath(),
            Gate::Closed => false,
        }
    }

    /// The capacity, if there is one.
    pub(super) fn bound(&self) -> Option<u32> {
        (self.capacity != UNBOUNDED).then_some(self.capacity)
    }

    /// Why a message without a place is not pushed.
    #[cold]
    pub(super) fn no_place(&self) -> Refusal {
        match self.overflow {
            Overflow::Wait => Refusal::Full,
            _ => Refusal::Overflows,
        }
    }

    /// Takes a slot if one is free. In a mailbox that drops messages nobody waits for room, and the slot holds none.
    pub(super) fn reserve(&mut self, counters: &Counters, from_beneath: bool) -> Option<Reserved> {
        if self.overflow != Overflow::Wait {
            return Some(Reserved {
                from_beneath,
                since: None,
            });
        }
        let gate = self.gate;
        self.has_place(counters)
            .then(|| self.extras().reserve(from_beneath, gate))
    }

    /// Whether a message may be pushed: there is room, and nobody is waiting for it.
    #[inline]
    pub(super) fn has_place(&self, counters: &Counters) -> bool {
        if self.capacity == UNBOUNDED {
            return true;
        }
        let queued = self.taking_room(counters);
        match &self.extras {
            None => queued < u64::from(self.capacity),
            Some(extras) => {
                !extras.waiters.has_waiting() && queued + extras.reserved < u64::from(self.capacity)
            }
        }
    }

    /// How many messages take room: see invariant 2 of the queue.
    #[inline]
    fn taking_room(&self, counters: &Counters) -> u64 {
        let left = match self.counts_current {
            false => &counters.started,
            true => &counters.ended,
        };
        self.pushed - left.load(Ordering::Relaxed)
    }

    /// Reserves the room of a message that is put aside, even if no room is free.
    pub(super) fn hold_room(&mut self) -> Reserved {
        let gate = self.gate;
        self.extras().reserve(true, gate)
    }

    /// Takes the waker of a loop that sleeps.
    #[inline]
    pub(super) fn end_sleep(&mut self, attention: &Attention) -> Option<Waker> {
        if !std::mem::take(&mut self.asleep) {
            return None;
        }
        attention.set_woken();
        self.waker.take()
    }

    pub(super) fn extras(&mut self) -> &mut QueueExtras {
        self.extras.get_or_insert_default()
    }

    pub(super) fn has_waiting(&self) -> bool {
        let extras = self.extras.as_ref();
        extras.is_some_and(|extras| extras.waiters.has_waiting())
    }

    /// Notes the caller of the next message.
    #[inline]
    pub(super) fn add(&mut self, tracking: CallerTracking<'_>) {
        if let Some(caller) = self.number(tracking) {
            self.list(Origin::of_caller(caller));
        }
    }

    /// As [`add`](Admission::add), and notes where the message comes from.
    pub(super) fn add_sender(&mut self, sender: Sender<'_>) {
        let Sender { tracking, sent } = sender;
        let Some(sent) = sent else {
            return self.add(tracking);
        };
        let caller = self.number(tracking);
        if sent.at().is_some() {
            self.extras().oldest.get_or_insert_with(Oldest::new);
        }
        let sent = Some(sent);
        self.list(Origin { caller, sent });
    }

    /// Tells the caller the number of the next message. Returns the caller if the mailbox has to list it.
    #[inline]
    fn number(&self, tracking: CallerTracking<'_>) -> Option<Arc<dyn Caller>> {
        match tracking {
            CallerTracking::Nobody => None,
            CallerTracking::Unlisted(caller) => {
                caller.set_number(self.pushed);
                None
            }
            CallerTracking::Listed(caller) => {
                caller.set_number(self.pushed);
                Some(caller)
            }
        }
    }

    #[inline(never)]
    fn list(&mut self, origin: Origin) {
        let number = self.pushed;
        self.extras().origins.push_back((number, origin));
    }

    /// Sets the loop's waker. Returns the one before, if it was another.
    #[inline]
    pub(super) fn set_waker(&mut self, waker: &Waker, attention: &Attention) -> Option<Waker> {
        attention.clear_woken();
        match &mut self.waker {
            Some(known) if known.will_wake(waker) => None,
            known => known.replace(waker.clone()),
        }
    }

    /// Takes a slot or a place in the line for one, or looks whether its turn has come. `None` if this needs a clone of
    /// the waker in `spare`, as it must not be cloned under the lock. Wakers that have to be dropped after the lock is
    /// released are left in `spare`.
    pub(super) fn try_reserve(
        &mut self,
        ticket: &mut Option<Ticket>,
        (waker, spare): (&Waker, &mut Option<KeptWaker>),
        counters: &Counters,
        wakes: &mut WakeList,
        from_beneath: &dyn Fn() -> bool,
    ) -> Option<Poll<Result<Reserved, ()>>> {
        if !self.accepts(from_beneath) {
            let left = self.leave(ticket, counters, wakes);
            if spare.is_none() {
                *spare = left;
            } else if let Some(left) = left {
                // It must not be dropped here, under the lock. A spurious wake-up does no harm.
                wakes.push(left);
            }
            return Some(Poll::Ready(Err(())));
        }
        // A sender that was sent away starts again.
        let Some(current) = ticket.filter(|ticket| self.extras().waiters.knows(*ticket)) else {
            *ticket = None;
            if let Some(reserved) = self.reserve(counters, from_beneath()) {
                return Some(Poll::Ready(Ok(reserved)));
            }
            let waker = spare.take()?;
            let joined = self.join(waker, from_beneath(), counters, wakes);
            *ticket = Some(joined);
            return Some(self.take(ticket));
        };
        let turn = self.take(ticket);
        if turn.is_pending() && !self.extras().waiters.has_waker(current, waker) {
            let waker = spare.take()?;
            *spare = self.extras().waiters.set_waker(current, waker);
        }
        Some(turn)
    }

    fn join(
        &mut self,
        waker: KeptWaker,
        from_beneath: bool,
        counters: &Counters,
        wakes: &mut WakeList,
    ) -> Ticket {
        let joined = self.extras().waiters.join(waker, from_beneath);
        counters.attention.add_waiters();
        // Invariant 3: the loop may have made room before it could see this flag.
        fence(Ordering::SeqCst);
        self.grant(counters, wakes);
        joined
    }

    /// Takes the slot that was granted, if one was.
    fn take(&mut self, ticket: &mut Option<Ticket>) -> Poll<Result<Reserved, ()>> {
        let granted = ticket.and_then(|current| self.extras().waiters.take(current));
        match granted {
            Some(reserved) => {
                *ticket = None;
                Poll::Ready(Ok(reserved))
            }
            None => Poll::Pending,
        }
    }

    /// Leaves the line. Returns the waker, to be dropped after the lock is released.
    pub(super) fn leave(
        &mut self,
        ticket: &mut Option<Ticket>,
        counters: &Counters,
        wakes: &mut WakeList,
    ) -> Option<KeptWaker> {
        let extras = self.extras.as_mut()?;
        match extras.waiters.leave(ticket.take()?)? {
            GivenUp::Granted(reserved) => {
                self.give_back(reserved, counters, wakes);
                None
            }
            GivenUp::Waiting(waker) => {
                self.grant(counters, wakes);
                waker
            }
        }
    }

    /// Whether a slot may still be used. A mailbox that drains or is closed takes nothing from senders that may no
    /// longer send (rule 4).
    fn has_claim(&self, reserved: &Reserved) -> bool {
        match self.gate {
            Gate::Open | Gate::Noted => true,
            Gate::Draining => reserved.from_beneath,
            Gate::Closed => false,
        }
    }

    /// Uses up a slot. `false` if it may no longer be used.
    pub(super) fn use_up(&mut self, reserved: &Reserved) -> bool {
        let has_claim = self.has_claim(reserved);
        let is_counted = reserved.since == Some(self.gate);
        if let Some(extras) = self.extras.as_mut().filter(|_| is_counted) {
            extras.reserved -= 1;
        }
        has_claim
    }

    /// Gives a slot back, which goes to the next in the line.
    pub(super) fn give_back(
        &mut self,
        reserved: Reserved,
        counters: &Counters,
        wakes: &mut WakeList,
    ) {
        if self.use_up(&reserved) {
            self.grant(counters, wakes);
            self.look_again(wakes);
        }
    }

    /// Once no room is reserved, wakes the senders whose wait looked harmless because of a reservation.
    pub(super) fn look_again(&mut self, wakes: &mut WakeList) {
        if let Some(extras) = self.extras.as_mut().filter(|extras| extras.reserved == 0) {
            extras.waiters.wake_doubted(wakes);
        }
    }

    /// Moves the gate towards closed, never back. Earlier reservations no longer take room, since their holders may not
    /// be allowed to send any more. Senders that may no longer send lose their places in the line.
    pub(super) fn narrow(&mut self, gate: Gate, counters: &Counters, wakes: &mut WakeList) {
        let before = self.gate;
        if gate == Gate::Closed || before.is_open() {
            self.gate = gate;
        }
        let Some(extras) = self.extras.as_mut().filter(|_| self.gate != before) else {
            return;
        };
        extras.reserved = 0;
        extras.waiters.dismiss(self.gate == Gate::Draining, wakes);
        self.grant(counters, wakes);
        self.look_again(wakes);
    }

    pub(super) fn grant(&mut self, counters: &Counters, wakes: &mut WakeList) {
        let queued = self.taking_room(counters);
        if let Some(extras) = &mut self.extras {
            let mut room = u64::from(self.capacity).saturating_sub(queued + extras.reserved);
            while room > 0 && extras.waiters.grant(self.gate, wakes) {
                extras.reserved += 1;
                room -= 1;
            }
        }
        if !self.has_waiting() {
            counters.attention.clear_waiters();
        }
    }
}
