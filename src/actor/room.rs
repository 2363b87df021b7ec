use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::time::Instant;

use super::cell::ActorCell;
use crate::error::Cycle;
use crate::mailbox::{Reserved, Ticket};
use crate::tree::{AnyNode, Request, WaitBound, WaitError, is_beneath};

/// The line of senders that wait for room in a mailbox.
pub(super) trait Line {
    /// Takes a slot or a place in the line for one. `Err` if the mailbox is closed to this sender.
    fn poll_reserve(
        &self,
        ticket: &mut Option<Ticket>,
        waker: &Waker,
    ) -> Poll<Result<Reserved, ()>>;

    /// Leaves the line.
    fn leave(&self, ticket: &mut Option<Ticket>);

    fn any(self: Arc<Self>) -> Arc<dyn AnyNode>;
}

impl<M: Send + 'static> Line for ActorCell<M> {
    fn poll_reserve(
        &self,
        ticket: &mut Option<Ticket>,
        waker: &Waker,
    ) -> Poll<Result<Reserved, ()>> {
        let from_beneath = || is_beneath(&self.node);
        self.queue.poll_reserve(ticket, waker, &from_beneath)
    }

    fn leave(&self, ticket: &mut Option<Ticket>) {
        self.queue.leave(ticket);
    }

    fn any(self: Arc<Self>) -> Arc<dyn AnyNode> {
        self
    }
}

/// A wait for room in a mailbox: a place in the line, and the bound of the wait.
#[derive(Default)]
pub(super) struct Room {
    ticket: Option<Ticket>,
    bound: WaitBound,
}

/// Why there will be no room.
pub(super) enum NoRoom {
    Closed,
    TimedOut,
    Cycle(Cycle),
}

impl Room {
    pub(super) fn allow_cycles(&mut self) {
        self.bound.allow_cycles();
    }

    pub(super) fn set_timeout(&mut self, limit: Duration) {
        self.bound.set_timeout(limit);
    }

    /// As [`WaitBound::block`].
    pub(super) fn block(&mut self) -> Option<Instant> {
        self.bound.block()
    }

    /// Whether it is in the line.
    pub(super) fn is_waiting(&self) -> bool {
        self.ticket.is_some()
    }

    /// Waits for a slot, which then belongs to the caller.
    pub(super) fn poll(
        &mut self,
        line: &Arc<impl Line + ?Sized>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Reserved, NoRoom>> {
        if let Poll::Ready(reserved) = self.poll_slot(line, cx.waker()) {
            return Poll::Ready(reserved.map_err(|()| NoRoom::Closed));
        }
        let Some(ticket) = self.ticket else {
            return Poll::Pending;
        };
        // Listed with the ticket, so that the wait graph can see when the room is granted. A wait that was sent away gets
        // another ticket only where another node polls it, and is listed anew for that node.
        let wait = || (Arc::clone(line).any(), Request::Room(ticket));
        let error = ready!(self.bound.poll(wait, cx));
        self.leave(line);
        Poll::Ready(Err(match error {
            WaitError::TimedOut => NoRoom::TimedOut,
            WaitError::Cycle(cycle) => NoRoom::Cycle(cycle),
        }))
    }

    /// As [`poll`](Room::poll), for a wait that something else bounds.
    pub(super) fn poll_slot(
        &mut self,
        line: &Arc<impl Line + ?Sized>,
        waker: &Waker,
    ) -> Poll<Result<Reserved, ()>> {
        let reserved = ready!(line.poll_reserve(&mut self.ticket, waker));
        self.bound.end();
        Poll::Ready(reserved)
    }

    /// Leaves the line.
    #[inline]
    pub(super) fn leave(&mut self, line: &Arc<impl Line + ?Sized>) {
        // A wait is listed only while there is a ticket.
        if self.ticket.is_some() {
            self.bound.end();
            line.leave(&mut self.ticket);
        }
    }
}
