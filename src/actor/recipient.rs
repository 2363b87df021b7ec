use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Poll, Waker};

use tokio::task::coop::consume_budget;

use super::cell::ActorCell;
use crate::error::{AskError, SendError, TrySendError};
use crate::mailbox::{ReplyTo, Slot, Ticket};
use crate::tree::{AnyNode, NodeId, is_beneath};

/// A reference that can only send `T`s to an actor whose messages are made from them. It does not
/// name the actor's message type, so that one list can hold the recipients of many.
///
/// ```
/// # use tenure::prelude::*;
/// # struct Log;
/// enum LogMsg { Line(String), Rotate }
///
/// impl From<String> for LogMsg {
///     fn from(line: String) -> Self { Self::Line(line) }
/// }
/// # impl Actor for Log {
/// #     type Msg = LogMsg;
/// #     async fn handle(&mut self, msg: LogMsg, _: &mut Context<Self>) -> tenure::Result {
/// #         if let LogMsg::Line(line) = msg { assert_eq!(line, "hello") }
/// #         Ok(())
/// #     }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), RunError> {
/// tenure::scope(async |scope| {
///     let log = scope.spawn(Log)?;
///     let lines: Recipient<String> = log.recipient();
///     lines.tell(String::from("hello")).await?;
///     # log.tell(LogMsg::Rotate).await?;
///     Ok(())
/// })
/// .await
/// # }
/// ```
pub struct Recipient<T: Send + 'static> {
    target: Arc<dyn Receive<T>>,
}

/// An actor that takes `T`s, whatever else it takes.
///
/// Room is reserved first: a `T` that was made into a message could not be given back.
trait Receive<T>: Send + Sync {
    fn id(&self) -> NodeId;
    fn path(&self) -> String;
    fn poll_reserve(&self, ticket: &mut Option<Ticket>, waker: &Waker) -> Poll<Result<(), ()>>;
    /// Gives up a place in the line, or the room that was reserved.
    fn give_up(&self, ticket: &mut Option<Ticket>, reserved: bool);
    /// Converts and sends into reserved room. An actor that has closed meanwhile leaves it
    /// undelivered. Gives the message's number.
    fn send_reserved(&self, value: T) -> Option<u64>;
    /// Nobody waits for the reply to this message any more.
    fn abandon(&self, number: u64);
}

impl<T: Send + 'static> Recipient<T> {
    pub(super) fn new<M: From<T> + Send + 'static>(cell: Arc<ActorCell<M>>) -> Self {
        Self { target: cell }
    }

    /// Sends a message, and waits for room if the mailbox is full.
    ///
    /// # Errors
    ///
    /// [`SendError::Stopped`] gives it back if the actor takes no more.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is ready, it has sent nothing.
    pub async fn tell(&self, message: T) -> Result<(), SendError<T>> {
        // A sender that never finds the mailbox full must yield now and then.
        consume_budget().await;
        let mut place = Place::new(&*self.target);
        if poll_fn(|cx| place.poll(cx.waker())).await.is_err() {
            return Err(SendError::stopped(message));
        }
        place.send(message);
        Ok(())
    }

    /// Sends a message if there is room for it now.
    ///
    /// # Errors
    ///
    /// [`TrySendError`] gives it back if the mailbox is full or the actor takes no more.
    pub fn try_tell(&self, message: T) -> Result<(), TrySendError<T>> {
        let mut place = Place::new(&*self.target);
        match place.poll(Waker::noop()) {
            Poll::Ready(Ok(())) => {
                place.send(message);
                Ok(())
            }
            Poll::Ready(Err(())) => Err(TrySendError::stopped(message)),
            Poll::Pending => Err(TrySendError::full(message)),
        }
    }

    /// Sends a message that carries a [`ReplyTo`], and waits for the reply.
    ///
    /// # Errors
    ///
    /// [`AskError`] says why there is no reply.
    ///
    /// # Cancel safety
    ///
    /// Dropped before the message is sent, it has sent nothing. Dropped later, the handler can see
    /// that its caller has gone.
    pub async fn ask<R: Send + 'static>(
        &self,
        message: impl FnOnce(ReplyTo<R>) -> T,
    ) -> Result<R, AskError> {
        consume_budget().await;
        let mut caller = Caller {
            target: &*self.target,
            slot: Arc::new(Slot::new(self.id().get())),
            number: None,
        };
        let message = message(ReplyTo::new(Arc::clone(&caller.slot)));
        let mut place = Place::new(&*self.target);
        if poll_fn(|cx| place.poll(cx.waker())).await.is_err() {
            return Err(AskError::Stopped);
        }
        caller.number = place.send(message);
        poll_fn(|cx| caller.slot.poll(cx.waker())).await
    }

    /// The actor's number.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.target.id()
    }
}

impl<T: Send + 'static> Clone for Recipient<T> {
    fn clone(&self) -> Self {
        Self {
            target: Arc::clone(&self.target),
        }
    }
}

impl<T: Send + 'static> fmt::Debug for Recipient<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Recipient")
            .field(&self.target.path())
            .finish()
    }
}

impl<T: Send + 'static, M: From<T> + Send + 'static> Receive<T> for ActorCell<M> {
    fn id(&self) -> NodeId {
        self.node.id()
    }

    fn path(&self) -> String {
        self.node.path(self.type_name())
    }

    fn poll_reserve(&self, ticket: &mut Option<Ticket>, waker: &Waker) -> Poll<Result<(), ()>> {
        self.queue
            .poll_reserve(ticket, waker, || is_beneath(&self.node))
    }

    fn give_up(&self, ticket: &mut Option<Ticket>, reserved: bool) {
        if reserved {
            self.queue.release();
        }
        self.queue.leave(ticket);
    }

    fn send_reserved(&self, value: T) -> Option<u64> {
        let message = M::from(value);
        let inside = || is_beneath(&self.node);
        match self.queue.push_reserved(message, false, inside) {
            Ok(number) => Some(number),
            Err(message) => {
                self.discard_one(message);
                None
            }
        }
    }

    fn abandon(&self, number: u64) {
        self.queue.abandon(number);
    }
}

/// Marks the caller of an ask as gone when the ask is dropped.
struct Caller<'a, T, R> {
    target: &'a dyn Receive<T>,
    slot: Arc<Slot<R>>,
    number: Option<u64>,
}

impl<T, R> Drop for Caller<'_, T, R> {
    fn drop(&mut self) {
        if let (None, Some(number)) = (self.slot.give_up(), self.number) {
            self.target.abandon(number);
        }
    }
}

/// A place in the line, and then in the mailbox.
struct Place<'a, T> {
    target: &'a dyn Receive<T>,
    ticket: Option<Ticket>,
    reserved: bool,
}

impl<'a, T> Place<'a, T> {
    fn new(target: &'a dyn Receive<T>) -> Self {
        Self {
            target,
            ticket: None,
            reserved: false,
        }
    }

    fn poll(&mut self, waker: &Waker) -> Poll<Result<(), ()>> {
        let polled = self.target.poll_reserve(&mut self.ticket, waker);
        self.reserved = matches!(polled, Poll::Ready(Ok(())));
        polled
    }

    fn send(mut self, value: T) -> Option<u64> {
        let number = self.target.send_reserved(value);
        self.reserved = false;
        number
    }
}

impl<T> Drop for Place<'_, T> {
    fn drop(&mut self) {
        if self.reserved || self.ticket.is_some() {
            self.target.give_up(&mut self.ticket, self.reserved);
        }
    }
}
