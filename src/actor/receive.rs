//! How a value is sent to an actor whose messages are made from it.

use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use super::cell::ActorCell;
use super::room::{Line, NoRoom, Room};
use crate::mailbox::{Caller, Refusal, Reserved};
use crate::tree::{AnyNode, NodeId, is_beneath};

/// An actor that takes `T`s, whatever the type of its messages.
///
/// Room is reserved first, because a `T` that was converted into a message could not be given back.
pub(super) trait Receive<T>: Line + Send + Sync {
    fn id(&self) -> NodeId;
    fn path(&self) -> String;
    fn try_reserve(&self) -> Result<Reserved, Refusal>;
    /// Gives reserved room back.
    fn release(&self, reserved: Reserved);
    /// Converts the value and sends it into reserved room. The room is taken out after the conversion, which is user
    /// code and may panic. `false` if the actor has closed meanwhile; the message is undelivered then.
    fn send_reserved(
        &self,
        value: T,
        reserved: &mut Option<Reserved>,
        caller: Option<Arc<dyn Caller>>,
    ) -> bool;
}

impl<T: Send + 'static, M: From<T> + Send + 'static> Receive<T> for ActorCell<M> {
    fn id(&self) -> NodeId {
        self.node.id()
    }

    fn path(&self) -> String {
        self.node.path(self.type_name())
    }

    fn try_reserve(&self) -> Result<Reserved, Refusal> {
        self.queue.try_reserve(|| is_beneath(&self.node))
    }

    fn release(&self, reserved: Reserved) {
        self.queue.release(reserved);
    }

    fn send_reserved(
        &self,
        value: T,
        reserved: &mut Option<Reserved>,
        caller: Option<Arc<dyn Caller>>,
    ) -> bool {
        let message = M::from(value);
        let Some(reserved) = reserved.take() else {
            return false;
        };
        let pushed = Self::push_reserved(self, message, reserved, caller.into());
        let lost = pushed.map_err(|message| self.discard_one(message, false));
        lost.is_ok()
    }
}

/// A place in the line for room, and then reserved room.
pub(super) struct Reservation<'a, T: Send + 'static> {
    target: &'a Arc<dyn Receive<T>>,
    room: Room,
    reserved: Option<Reserved>,
}

impl<'a, T: Send + 'static> Reservation<'a, T> {
    pub(super) fn new(target: &'a Arc<dyn Receive<T>>) -> Self {
        Self {
            target,
            room: Room::default(),
            reserved: None,
        }
    }

    /// Takes over room that was reserved elsewhere.
    pub(super) fn take(mut self, reserved: Reserved) -> Self {
        self.reserved = Some(reserved);
        self
    }

    pub(super) fn room(&mut self) -> &mut Room {
        &mut self.room
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), NoRoom>> {
        let reserved = ready!(self.room.poll(self.target, cx));
        Poll::Ready(reserved.map(|reserved| self.reserved = Some(reserved)))
    }

    /// As [`poll`](Reservation::poll), for a wait that something else bounds.
    pub(super) fn poll_slot(&mut self, waker: &Waker) -> Poll<Result<(), ()>> {
        let reserved = ready!(self.room.poll_slot(self.target, waker));
        Poll::Ready(reserved.map(|reserved| self.reserved = Some(reserved)))
    }

    /// Sends into the reserved room. Says whether the message was accepted.
    pub(super) fn send(mut self, value: T, caller: Option<Arc<dyn Caller>>) -> bool {
        self.target.send_reserved(value, &mut self.reserved, caller)
    }
}

impl<T: Send + 'static> Drop for Reservation<'_, T> {
    fn drop(&mut self) {
        if let Some(reserved) = self.reserved.take() {
            self.target.release(reserved);
        }
        self.room.leave(self.target);
    }
}
