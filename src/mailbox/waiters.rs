use std::collections::VecDeque;
use std::task::Waker;

use crate::sync::WakeList;

/// A sender's place in the line of those who wait for room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ticket(u64);

#[derive(Debug)]
enum Place {
    Waiting(Waker),
    /// A slot of the mailbox is reserved for this ticket until it is used or given up.
    Granted,
    /// A tombstone: the ticket was used or given up.
    Left,
}

/// The line of senders who wait for room, first come, first served.
///
/// Invariants:
/// 1. `places[i]` belongs to the ticket `first + i`; the front is never a tombstone.
/// 2. No `Granted` place stands behind a `Waiting` one.
/// 3. `waiting` counts the `Waiting` places; none of them is before the ticket `next`.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    first: u64,
    next: u64,
    places: VecDeque<Place>,
    waiting: usize,
}

impl Waiters {
    pub(super) fn has_waiting(&self) -> bool {
        self.waiting > 0
    }

    pub(super) fn join(&mut self, waker: Waker) -> Ticket {
        let ticket = Ticket(self.first + self.places.len() as u64);
        self.places.push_back(Place::Waiting(waker));
        self.waiting += 1;
        ticket
    }

    /// Grants a slot each to the first of those waiting, as long as there is `room`; returns how
    /// many were granted.
    pub(super) fn grant(&mut self, mut room: u64, wakes: &mut WakeList) -> u64 {
        let before = room;
        self.next = self.next.max(self.first);
        while room > 0 && self.waiting > 0 {
            let Some(place) = self.place(Ticket(self.next)) else {
                break;
            };
            if matches!(place, Place::Waiting(_))
                && let Place::Waiting(waker) = std::mem::replace(place, Place::Granted)
            {
                wakes.push(waker);
                self.waiting -= 1;
                room -= 1;
            }
            self.next += 1;
        }
        before - room
    }

    /// Whether the ticket has been granted; if not, it is `waker` that the grant will wake.
    pub(super) fn poll(&mut self, ticket: Ticket, waker: &Waker) -> bool {
        match self.place(ticket) {
            Some(Place::Waiting(current)) => {
                if !current.will_wake(waker) {
                    current.clone_from(waker);
                }
                false
            }
            Some(Place::Granted) => true,
            Some(Place::Left) | None => false,
        }
    }

    pub(super) fn is_waiting(&self, ticket: Ticket) -> bool {
        let place = ticket.0.checked_sub(self.first);
        let index = place.and_then(|place| usize::try_from(place).ok());
        let place = index.and_then(|index| self.places.get(index));
        matches!(place, Some(Place::Waiting(_)))
    }

    /// Takes the ticket out of the line; says whether it had been granted.
    pub(super) fn leave(&mut self, ticket: Ticket) -> bool {
        let Some(place) = self.place(ticket) else {
            return false;
        };
        let left = std::mem::replace(place, Place::Left);
        if matches!(left, Place::Waiting(_)) {
            self.waiting -= 1;
        }
        while matches!(self.places.front(), Some(Place::Left)) {
            self.places.pop_front();
            self.first += 1;
        }
        matches!(left, Place::Granted)
    }

    /// Wakes everyone who waits, without a grant: the gate has moved.
    pub(super) fn wake_all(&mut self, wakes: &mut WakeList) {
        wakes.extend(self.places.iter().filter_map(|place| match place {
            Place::Waiting(waker) => Some(waker.clone()),
            Place::Granted | Place::Left => None,
        }));
    }

    fn place(&mut self, ticket: Ticket) -> Option<&mut Place> {
        let index = usize::try_from(ticket.0.checked_sub(self.first)?).ok()?;
        self.places.get_mut(index)
    }
}
