use std::sync::Arc;
use std::task::{Poll, Waker};

use super::cell::ActorCell;
use super::exchange::{Exchange, Post, asks};
use super::room::Line;
use crate::error::AskError;
use crate::mailbox::{Refusal, ReplyReceiver, ReplyTo, Reserved, Ticket};
use crate::tree::{AnyNode, keep_reply};

/// A request and the wait for its reply. Made by [`ActorRef::ask`](crate::ActorRef::ask).
///
/// ```
/// # use std::time::Duration;
/// # use tenure::prelude::*;
/// struct Silent;
///
/// impl Actor for Silent {
///     type Msg = ReplyTo<u32>;
///     async fn handle(&mut self, reply: ReplyTo<u32>, _: &mut Context<Self>) -> tenure::Result {
///         reply.gone().await; // until its caller gives up
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), RunError> {
/// tenure::scope(async |scope| {
///     let silent = scope.spawn(Silent)?;
///     let reply = silent.ask(|reply| reply).timeout(Duration::from_millis(5)).await;
///     assert!(matches!(reply, Err(AskError::TimedOut { started: true, .. })));
///     Ok(())
/// })
/// .await
/// # }
/// ```
///
/// # Errors
///
/// [`AskError`] says why there is no reply.
///
/// # Panics
///
/// When it is polled again after it was ready; with a deadline, when it is awaited outside of a runtime with
/// a timer.
///
/// # Cancel safety
///
/// If it is dropped before the actor has started the message, the message is skipped. If it is dropped later, the
/// handler runs on; it can see that its caller has gone, and can bind its work to the caller
/// ([`Context::until_caller_gone`](crate::Context::until_caller_gone)).
#[must_use = "a message is sent when its ask is awaited"]
pub struct Ask<'a, M: Send + 'static, T: Send + 'static> {
    exchange: Exchange<Direct<'a, M>, T>,
}

impl<'a, M: Send + 'static, T: Send + 'static> Ask<'a, M, T> {
    pub(super) fn new(cell: &'a Arc<ActorCell<M>>, message: impl FnOnce(ReplyTo<T>) -> M) -> Self {
        let (reply_to, reply) = ReplyReceiver::new(cell.node.id().get(), keep_reply);
        let post = Direct {
            target: Target::Borrowed(cell),
            message: Some(message(reply_to)),
            ticket: None,
            number: None,
            patient: true,
        };
        Self {
            exchange: Exchange::new(post, reply),
        }
    }

    pub(super) fn without_waiting(mut self) -> Self {
        self.exchange.post().patient = false;
        self
    }

    /// The same ask with a reference of its own, for a future that must be `'static`.
    pub fn owned(mut self) -> Ask<'static, M, T> {
        Ask {
            exchange: self.exchange.moved(Direct::owned),
        }
    }
}

asks! { Ask }

/// The way of a message of the actor's own message type.
struct Direct<'a, M: Send + 'static> {
    target: Target<'a, M>,
    /// Present until it is sent.
    message: Option<M>,
    /// Its place in the line, while it waits for room.
    ticket: Option<Ticket>,
    /// The number under which it was sent, if the caller has to tell the mailbox when it goes.
    number: Option<u64>,
    /// It waits for room.
    patient: bool,
}

enum Target<'a, M: 'static> {
    Borrowed(&'a Arc<ActorCell<M>>),
    Owned(Arc<ActorCell<M>>),
}

impl<M: Send + 'static> Direct<'_, M> {
    fn owned(&mut self) -> Direct<'static, M> {
        Direct {
            target: Target::Owned(Arc::clone(self.target.cell())),
            message: self.message.take(),
            ticket: self.ticket.take(),
            number: self.number.take(),
            patient: self.patient,
        }
    }

    /// Waits for room, and then sends the message.
    #[cold]
    fn poll_room<T: Send + 'static>(
        &mut self,
        reply: &ReplyReceiver<T>,
        limited: bool,
        waker: &Waker,
    ) -> Poll<Result<(), AskError>> {
        let cell = self.target.cell();
        match cell.poll_reserve(&mut self.ticket, waker) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Err(())) => Poll::Ready(Err(AskError::Stopped)),
            Poll::Ready(Ok(reserved)) => {
                self.ticket = None;
                Poll::Ready(self.push_reserved(reserved, reply, limited))
            }
        }
    }

    /// Sends the message to a full mailbox that drops messages. If it drops this one, the ask has resolved.
    #[cold]
    fn push_over<T: Send + 'static>(
        &mut self,
        reply: &ReplyReceiver<T>,
        known: bool,
    ) -> Result<(), AskError> {
        let cell = self.target.cell();
        match cell.push_over(&mut self.message, reply.tracking(known)) {
            Ok(number) => {
                self.number = number.filter(|_| !known);
                Ok(())
            }
            Err(_) => Err(AskError::Stopped),
        }
    }

    fn push_reserved<T: Send + 'static>(
        &mut self,
        reserved: Reserved,
        reply: &ReplyReceiver<T>,
        limited: bool,
    ) -> Result<(), AskError> {
        let cell = self.target.cell();
        // It is taken by whichever of the two ways sends it first.
        let message = self.message.take().expect("it is not sent yet");
        let known = limited || cell.queue.knows_callers();
        match cell.push_reserved(message, reserved, reply.tracking(known)) {
            Ok(number) => {
                self.number = number.filter(|_| !known);
                Ok(())
            }
            Err(message) => {
                self.message = Some(message);
                Err(AskError::Stopped)
            }
        }
    }
}

impl<M: Send + 'static> Post for Direct<'_, M> {
    #[inline]
    fn poll_send<T: Send + 'static>(
        &mut self,
        reply: &ReplyReceiver<T>,
        limited: bool,
        waker: &Waker,
    ) -> Poll<Result<(), AskError>> {
        if self.ticket.is_some() {
            return self.poll_room(reply, limited, waker);
        }
        let cell = self.target.cell();
        let known = limited || cell.queue.knows_callers();
        match cell.try_push(&mut self.message, || reply.tracking(known)) {
            Ok(number) => {
                self.number = (!known).then_some(number);
                Poll::Ready(Ok(()))
            }
            Err(Refusal::Overflows) => Poll::Ready(self.push_over(reply, known)),
            Err(Refusal::Closed) => Poll::Ready(Err(AskError::Stopped)),
            Err(Refusal::Full) if !self.patient => Poll::Ready(Err(AskError::Full)),
            Err(Refusal::Full) => self.poll_room(reply, limited, waker),
        }
    }

    fn take_back(&mut self) {
        if self.ticket.is_some() {
            self.target.cell().queue.leave(&mut self.ticket);
        }
        drop(self.message.take());
    }

    fn abandon(&mut self) {
        if let Some(number) = self.number.take() {
            self.target.cell().queue.abandon(number);
        }
    }

    fn target(&self) -> Arc<dyn AnyNode> {
        Arc::clone(self.target.cell()) as _
    }
}

impl<M: 'static> Target<'_, M> {
    fn cell(&self) -> &Arc<ActorCell<M>> {
        match self {
            Self::Borrowed(cell) => cell,
            Self::Owned(cell) => cell,
        }
    }
}
