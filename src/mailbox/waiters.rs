use std::task::Waker;

use slab::Slab;

use super::gate::Gate;
use crate::sync::{KeptWaker, WakeList};

/// A sender's place in the line for room. The number distinguishes it from later senders in the same place, so a sender
/// that was sent away does not take another's turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ticket {
    key: u32,
    number: u32,
}

/// A slot of a mailbox that is kept free for somebody. Using it or giving it back consumes it, so that happens once.
#[derive(Debug)]
#[must_use = "a slot that is forgotten stays reserved"]
pub(crate) struct Reserved {
    /// The holder is the mailbox's actor or beneath it, and may send while the actor drains.
    pub(super) from_beneath: bool,
    /// The gate at the time of the reservation. `None` if it holds no room, as in a mailbox that drops messages.
    pub(super) since: Option<Gate>,
}

impl Reserved {
    /// Whether it holds room. If not, the message is pushed as any other, and the mailbox drops what it has no room
    /// for.
    pub(crate) fn holds_room(&self) -> bool {
        self.since.is_some()
    }
}

/// The line of senders that wait for room, first come, first served.
///
/// Invariants:
/// 1. The waiting places are linked in order, from `first` to `last`. A place to which a slot was granted is no longer
///    linked.
/// 2. `waiting` counts the waiting places.
#[derive(Debug)]
pub(super) struct Waiters {
    places: Slab<Waiter>,
    first: u32,
    last: u32,
    waiting: u32,
    /// How many places there have been so far.
    number: u32,
    /// The places whose waits looked harmless because of a reservation.
    doubted: Vec<Ticket>,
}

#[derive(Debug)]
struct Waiter {
    number: u32,
    from_beneath: bool,
    state: WaiterState,
}

#[derive(Debug)]
enum WaiterState {
    Waiting {
        /// `None` once it was woken to look again.
        waker: Option<KeptWaker>,
        before: u32,
        after: u32,
        doubted: bool,
    },
    /// A slot is reserved for it; the gate at that time.
    Granted(Gate),
}

/// What a sender that leaves the line had.
#[derive(Debug)]
pub(super) enum GivenUp {
    /// A place. Its waker has to be dropped after the lock is released.
    Waiting(Option<KeptWaker>),
    Granted(Reserved),
}

/// The end of the line.
const NONE: u32 = u32::MAX;

impl Default for Waiters {
    fn default() -> Self {
        Self {
            places: Slab::new(),
            first: NONE,
            last: NONE,
            waiting: 0,
            number: 0,
            doubted: Vec::new(),
        }
    }
}

impl Waiters {
    pub(super) fn has_waiting(&self) -> bool {
        self.waiting > 0
    }

    /// How many senders wait.
    pub(super) fn count(&self) -> u32 {
        self.waiting
    }

    pub(super) fn join(&mut self, waker: KeptWaker, from_beneath: bool) -> Ticket {
        self.number = self.number.wrapping_add(1);
        let before = self.last;
        let key = self.places.insert(Waiter {
            number: self.number,
            from_beneath,
            state: WaiterState::Waiting {
                waker: Some(waker),
                before,
                after: NONE,
                doubted: false,
            },
        });
        // A line of four billion places does not fit into memory.
        let key = u32::try_from(key).unwrap_or(NONE);
        self.link(before, key);
        self.link_back(NONE, key);
        self.waiting += 1;
        Ticket {
            key,
            number: self.number,
        }
    }

    /// Grants a slot to the first waiting sender. `false` if there is none.
    pub(super) fn grant(&mut self, gate: Gate, wakes: &mut WakeList) -> bool {
        let Some(waker) = self.unlink(self.first, gate) else {
            return false;
        };
        wakes.extend(waker);
        true
    }

    /// Takes the slot that was granted to this ticket, if one was.
    pub(super) fn take(&mut self, ticket: Ticket) -> Option<Reserved> {
        let place = self.place(ticket)?;
        let WaiterState::Granted(since) = place.state else {
            return None;
        };
        let from_beneath = place.from_beneath;
        self.places.remove(ticket.key as usize);
        Some(Reserved {
            from_beneath,
            since: Some(since),
        })
    }

    /// Whether the ticket is in the line.
    pub(super) fn knows(&self, ticket: Ticket) -> bool {
        let place = self.places.get(ticket.key as usize);
        place.is_some_and(|place| place.number == ticket.number)
    }

    /// Sets the waker that the grant will wake. Returns the waker to be dropped after the lock is released.
    pub(super) fn set_waker(&mut self, ticket: Ticket, waker: KeptWaker) -> Option<KeptWaker> {
        match self.place(ticket) {
            Some(Waiter {
                state: WaiterState::Waiting { waker: known, .. },
                ..
            }) => known.replace(waker),
            _ => Some(waker),
        }
    }

    /// Whether the grant will wake this waker.
    pub(super) fn has_waker(&mut self, ticket: Ticket, waker: &Waker) -> bool {
        let place = self.place(ticket);
        place.is_some_and(|place| match &place.state {
            WaiterState::Waiting { waker: known, .. } => {
                known.as_ref().is_some_and(|known| known.will_wake(waker))
            }
            WaiterState::Granted(_) => true,
        })
    }

    /// Whether the ticket waits. With `doubt`, [`wake_doubted`](Waiters::wake_doubted) will wake it to look again.
    pub(super) fn is_waiting(&mut self, ticket: Ticket, doubt: bool) -> bool {
        let Some(Waiter {
            state: WaiterState::Waiting { doubted, .. },
            ..
        }) = self.place(ticket)
        else {
            return false;
        };
        if doubt && !std::mem::replace(doubted, true) {
            self.doubt(ticket);
        }
        true
    }

    /// When the list is full, removes tickets that have left, which is constant amortised time.
    fn doubt(&mut self, ticket: Ticket) {
        if self.doubted.len() == self.doubted.capacity() {
            let mut doubted = std::mem::take(&mut self.doubted);
            doubted.retain(|ticket| self.knows(*ticket));
            self.doubted = doubted;
        }
        self.doubted.push(ticket);
    }

    /// Wakes the doubted senders, because no reservation is left.
    pub(super) fn wake_doubted(&mut self, wakes: &mut WakeList) {
        for ticket in std::mem::take(&mut self.doubted) {
            if let Some(Waiter {
                state: WaiterState::Waiting { waker, doubted, .. },
                ..
            }) = self.place(ticket)
            {
                *doubted = false;
                wakes.extend(waker.take());
            }
        }
    }

    /// Takes the ticket out of the line.
    pub(super) fn leave(&mut self, ticket: Ticket) -> Option<GivenUp> {
        if let Some(reserved) = self.take(ticket) {
            return Some(GivenUp::Granted(reserved));
        }
        self.place(ticket)?;
        let waker = self.unlink(ticket.key, Gate::Open)?;
        self.places.remove(ticket.key as usize);
        Some(GivenUp::Waiting(waker))
    }

    /// Removes the senders that may no longer send, and wakes them.
    pub(super) fn dismiss(&mut self, keep_beneath: bool, wakes: &mut WakeList) {
        let gone =
            |(key, place): (usize, &Waiter)| (!keep_beneath || !place.from_beneath).then_some(key);
        let keys: Vec<usize> = self.places.iter().filter_map(gone).collect();
        for key in keys {
            let key = u32::try_from(key).unwrap_or(NONE);
            wakes.extend(self.unlink(key, Gate::Open).flatten());
            self.places.remove(key as usize);
        }
    }

    fn place(&mut self, ticket: Ticket) -> Option<&mut Waiter> {
        let place = self.places.get_mut(ticket.key as usize)?;
        (place.number == ticket.number).then_some(place)
    }

    /// Unlinks a waiting place, as if a slot was granted to it.
    fn unlink(&mut self, key: u32, gate: Gate) -> Option<Option<KeptWaker>> {
        let place = self.places.get_mut(key as usize)?;
        let WaiterState::Waiting {
            waker,
            before,
            after,
            ..
        } = &mut place.state
        else {
            return None;
        };
        let (waker, before, after) = (waker.take(), *before, *after);
        place.state = WaiterState::Granted(gate);
        self.link(before, after);
        self.link_back(after, before);
        self.waiting -= 1;
        Some(waker)
    }

    /// Makes `next` follow `place`; without a place, `next` becomes the first.
    fn link(&mut self, place: u32, next: u32) {
        match self
            .places
            .get_mut(place as usize)
            .map(|place| &mut place.state)
        {
            Some(WaiterState::Waiting { after, .. }) => *after = next,
            _ => self.first = next,
        }
    }

    /// Makes `next` precede `place`; without a place, `next` becomes the last.
    fn link_back(&mut self, place: u32, next: u32) {
        match self
            .places
            .get_mut(place as usize)
            .map(|place| &mut place.state)
        {
            Some(WaiterState::Waiting { before, .. }) => *before = next,
            _ => self.last = next,
        }
    }
}
