use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

use super::abandoned::Abandoned;
use super::queue::{Asker, Gate, Queue, WAITERS, WOKEN};
use super::sync::{AtomicU8, Ordering, fence};
use super::waiters::{Ticket, Waiters};
use super::{Caller, Mailbox};
use crate::sync::WakeList;

/// The callers of queued asks that have a time limit, or were handed on; each with its message's
/// number.
pub(super) type Callers = VecDeque<(u64, Arc<dyn Caller>)>;

/// The capacity of a mailbox that always has room.
const UNBOUNDED: u32 = u32::MAX;

/// What of a mailbox is under its lock; its invariants are the [`Queue`]'s.
///
/// The order is a part of the actor's cell's.
#[repr(C)]
pub(super) struct State<M> {
    pub(super) gate: Gate,
    pub(super) parked: bool,
    capacity: u32,
    pub(super) accepted: u64,
    pub(super) messages: VecDeque<M>,
    pub(super) waker: Option<Waker>,
    /// There once there has been any of it.
    pub(super) rare: Option<Box<Rare>>,
}

/// What most mailboxes never have.
#[derive(Default)]
pub(super) struct Rare {
    pub(super) callers: Callers,
    pub(super) abandoned: Abandoned,
    pub(super) reserved: u64,
    /// The line.
    pub(super) waiters: Waiters,
}

impl<M> State<M> {
    pub(super) fn new(mailbox: Mailbox) -> Self {
        let capacity = mailbox.capacity().and_then(|room| u32::try_from(room).ok());
        Self {
            messages: VecDeque::new(),
            waker: None,
            capacity: capacity.unwrap_or(UNBOUNDED),
            accepted: 0,
            gate: Gate::Open,
            parked: false,
            rare: None,
        }
    }

    #[inline]
    pub(super) fn admits(&self, inside: impl FnOnce() -> bool) -> bool {
        match self.gate {
            Gate::Open => true,
            Gate::Draining => inside(),
            Gate::Closed => false,
        }
    }

    /// Whether a message may be pushed: there is room, and nobody waits for it.
    #[inline]
    pub(super) fn has_place(&self, queue: &Queue<M>) -> bool {
        if self.capacity == UNBOUNDED {
            return true;
        }
        let queued = self.accepted - queue.started.load(Ordering::Relaxed);
        match &self.rare {
            None => queued < u64::from(self.capacity),
            Some(rare) => {
                !rare.waiters.has_waiting() && queued + rare.reserved < u64::from(self.capacity)
            }
        }
    }

    #[inline]
    pub(super) fn push(&mut self, message: M, attention: &AtomicU8) -> (u64, Option<Waker>) {
        let number = self.accepted;
        self.messages.push_back(message);
        self.accepted += 1;
        (number, self.end_sleep(attention))
    }

    /// Takes the waker of a loop that sleeps.
    #[inline]
    pub(super) fn end_sleep(&mut self, attention: &AtomicU8) -> Option<Waker> {
        if !std::mem::take(&mut self.parked) {
            return None;
        }
        attention.store(attention.load(Ordering::Relaxed) | WOKEN, Ordering::Relaxed);
        self.waker.take()
    }

    pub(super) fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    pub(super) fn has_waiting(&self) -> bool {
        let rare = self.rare.as_ref();
        rare.is_some_and(|rare| rare.waiters.has_waiting())
    }

    /// The next message is this one's ask.
    #[inline]
    pub(super) fn add(&mut self, asker: Asker<'_>) {
        match asker {
            Asker::Nobody => {}
            Asker::Free(caller) => caller.set_number(self.accepted),
            Asker::Known(caller) => {
                caller.set_number(self.accepted);
                let entry = (self.accepted, caller);
                self.rare().callers.push_back(entry);
            }
        }
    }

    /// The loop has what wakes it: gives what it had before, if that was something else.
    #[inline]
    pub(super) fn set_waker(&mut self, waker: &Waker, attention: &AtomicU8) -> Option<Waker> {
        let marks = attention.load(Ordering::Relaxed);
        if marks & WOKEN != 0 {
            attention.store(marks & !WOKEN, Ordering::Relaxed);
        }
        match &mut self.waker {
            Some(known) if known.will_wake(waker) => None,
            known => known.replace(waker.clone()),
        }
    }

    /// Joins the line, or looks whether its turn has come; the reservation is the caller's then.
    pub(super) fn poll_ticket(
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

    pub(super) fn leave(
        &mut self,
        ticket: &mut Option<Ticket>,
        queue: &Queue<M>,
        wakes: &mut WakeList,
    ) {
        let (Some(ticket), Some(rare)) = (ticket.take(), &mut self.rare) else {
            return;
        };
        if rare.waiters.leave(ticket) {
            rare.reserved -= 1;
        }
        self.grant(queue, wakes);
    }

    pub(super) fn grant(&mut self, queue: &Queue<M>, wakes: &mut WakeList) {
        let queued = self.accepted - queue.started.load(Ordering::Relaxed);
        if let Some(rare) = &mut self.rare {
            let room = u64::from(self.capacity).saturating_sub(queued + rare.reserved);
            rare.reserved += rare.waiters.grant(room, wakes);
        }
        if !self.has_waiting() {
            queue.attention.fetch_and(!WAITERS, Ordering::Relaxed);
        }
    }
}
