use std::sync::Arc;
use std::task::{Poll, Waker};

use super::cell::ActorCell;
use crate::error::Cycle;
use crate::mailbox::Ticket;
use crate::tree::{AnyNode, Request, Wait, is_beneath};

/// The line of those who wait for room in a mailbox.
pub(super) trait Line {
    /// Takes a slot, or a place in the line for one. `Err` if nothing more is taken.
    fn poll_reserve(&self, ticket: &mut Option<Ticket>, waker: &Waker) -> Poll<Result<(), ()>>;

    fn leave(&self, ticket: &mut Option<Ticket>);

    fn any(&self) -> Arc<dyn AnyNode>;
}

impl<M: Send + 'static> Line for Arc<ActorCell<M>> {
    fn poll_reserve(&self, ticket: &mut Option<Ticket>, waker: &Waker) -> Poll<Result<(), ()>> {
        self.queue
            .poll_reserve(ticket, waker, || is_beneath(&self.node))
    }

    fn leave(&self, ticket: &mut Option<Ticket>) {
        self.queue.leave(ticket);
    }

    fn any(&self) -> Arc<dyn AnyNode> {
        Arc::clone(self) as _
    }
}

/// A wait for room in a mailbox: a place in the line and, if nothing limits it, in the node's list
/// of its waits.
#[derive(Default)]
pub(super) struct Room {
    ticket: Option<Ticket>,
    even_if_cyclic: bool,
    wait: Wait,
}

/// Why no room will come.
pub(super) enum NoRoom {
    Closed,
    Cycle(Cycle),
}

impl Room {
    pub(super) fn allow_cycles(&mut self) {
        self.even_if_cyclic = true;
    }

    /// It stands in the line.
    pub(super) fn is_waiting(&self) -> bool {
        self.ticket.is_some()
    }

    /// Waits for a slot, which is the caller's then. `limited` says that somebody will end the wait.
    pub(super) fn poll(
        &mut self,
        line: &impl Line,
        limited: bool,
        waker: &Waker,
    ) -> Poll<Result<(), NoRoom>> {
        match line.poll_reserve(&mut self.ticket, waker) {
            Poll::Ready(reserved) => {
                self.wait.end();
                Poll::Ready(reserved.map_err(|()| NoRoom::Closed))
            }
            Poll::Pending => self.list(line, limited || self.even_if_cyclic),
        }
    }

    /// Lists the wait, which has its ticket already: whoever makes the room is then seen to.
    fn list(&mut self, line: &impl Line, limited: bool) -> Poll<Result<(), NoRoom>> {
        let Some(ticket) = self.ticket else {
            return Poll::Pending;
        };
        let request = || (line.any(), Request::Room(ticket));
        match self.wait.list(limited, request) {
            Ok(()) => Poll::Pending,
            Err(cycle) => {
                self.leave(line);
                Poll::Ready(Err(NoRoom::Cycle(cycle)))
            }
        }
    }

    /// Gives the place in the line up.
    #[inline]
    pub(super) fn leave(&mut self, line: &impl Line) {
        // A wait is only listed with a ticket, and ends with it.
        if self.ticket.is_some() {
            self.wait.end();
            line.leave(&mut self.ticket);
        }
    }
}
