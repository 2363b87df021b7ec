//! Room in a mailbox: how it is reserved, waited for and given back.

use std::task::{Poll, Waker};

use super::gate::Refusal;
use super::origin::Sender;
use super::queue::{Queue, wake};
use super::waiters::{Reserved, Ticket};
use crate::sync::{KeptWaker, WakeList, lock};

impl<M> Queue<M> {
    /// Takes a slot or a place in the line for one. `Err` if the gate is closed to this sender.
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

    /// Takes a slot if one is free.
    pub(crate) fn try_reserve(&self, from_beneath: impl Fn() -> bool) -> Result<Reserved, Refusal> {
        let mut state = lock(&self.state);
        if !state.accepts(&from_beneath) {
            Err(Refusal::Closed)
        } else {
            state
                .reserve(&self.counters, from_beneath())
                .ok_or(Refusal::Full)
        }
    }

    /// Pushes into a reserved slot. Returns the message's number.
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
        let pushed = if has_claim && state.accepts(from_beneath) {
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

    /// Reserves the room of a message that was taken and is put aside.
    pub(crate) fn hold_room(&self) -> Reserved {
        lock(&self.state).hold_room()
    }

    /// Gives a reserved slot back, which grants it to the next in the line.
    pub(crate) fn release(&self, reserved: Reserved) {
        let mut wakes = WakeList::new();
        lock(&self.state).give_back(reserved, &self.counters, &mut wakes);
        wakes.wake();
    }

    /// Leaves the line. If a slot was granted already, it is passed on to the next.
    pub(crate) fn leave(&self, ticket: &mut Option<Ticket>) {
        let mut wakes = WakeList::new();
        let stale = lock(&self.state).leave(ticket, &self.counters, &mut wakes);
        drop(stale);
        wakes.wake();
    }

    /// Whether the sender with this ticket waits for the loop to make room. Reserved room may become free without the
    /// loop; once none is reserved, the sender is woken to look again.
    pub(crate) fn waits_for_loop(
        &self,
        ticket: Ticket,
        from_beneath: impl FnOnce() -> bool,
    ) -> bool {
        let mut state = lock(&self.state);
        if !state.accepts(from_beneath) {
            return false;
        }
        let Some(extras) = &mut state.extras else {
            return false;
        };
        let may_come_free = extras.reserved > 0;
        extras.waiters.is_waiting(ticket, may_come_free) && !may_come_free
    }

    /// Grants the room that the loop has made to waiting senders.
    #[inline]
    pub(super) fn grant_if_waited_for(&self) {
        if self.counters.attention.load().has_waiters() {
            self.grant();
        }
    }

    #[cold]
    pub(super) fn grant(&self) {
        let mut wakes = WakeList::new();
        lock(&self.state).grant(&self.counters, &mut wakes);
        wakes.wake();
    }
}
