use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::time::Instant;

use super::block::block_on;
use super::cell::ActorCell;
use super::exchange::{Exchange, Post};
use crate::error::AskError;
use crate::mailbox::{Refusal, ReplyReceiver, ReplyTo, Reserved, Ticket};
use crate::sync::after;
use crate::tree::{AnyNode, is_beneath, keep_reply};

/// A request and the wait for its reply, made by [`ActorRef::ask`](crate::ActorRef::ask).
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
/// Dropped before the actor has started the message, the message is skipped. Dropped later, the
/// handler runs on; it can see that its caller has gone, and bind its work to it
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

    /// Waits for no longer than this, from now; then the error is [`AskError::TimedOut`]. With zero the
    /// message has one try; a time too long for the clock is as good as for ever.
    ///
    /// If the ask is a part of the handling of a message that has an earlier deadline, that holds, until
    /// the reply to that message is sent or dropped.
    /// Without a limit it has that deadline, or the default of its system
    /// ([`Builder::ask_timeout`](crate::Builder::ask_timeout)), or may take for ever.
    pub fn timeout(self, limit: Duration) -> Self {
        self.deadline(after(limit))
    }

    /// Waits until then at the longest; then the error is [`AskError::TimedOut`]. A deadline that
    /// has passed already gives the message no more than one try.
    pub fn deadline(mut self, limit: Instant) -> Self {
        self.exchange.bounds.set_limit(limit);
        self
    }

    /// Drops the deadline that it would inherit, and the default one; one of its own stays.
    pub fn no_deadline(mut self) -> Self {
        self.exchange.bounds.inherit_nothing();
        self
    }

    /// Waits even if that completes a cycle of nodes that wait for each other: for an ask that
    /// something else will end, such as another branch of a `select!`, or a timeout around it, which
    /// this crate cannot see.
    ///
    /// Without this, an ask is refused ([`AskError::Deadlock`]) if a cycle leads through *any* of the
    /// waits of a node, although one that waits for several things at a time might go on for another
    /// of them. An ask with a time limit is never refused.
    pub fn even_if_cyclic(mut self) -> Self {
        self.exchange.bounds.allow_cycles();
        self
    }

    /// Sends the message and waits for the reply on this thread, which may block: in a
    /// [`blocking`](crate::Spawner::blocking) job, or outside of the runtime. On a runtime's own thread it would keep
    /// that thread from everything else.
    ///
    /// A [`timeout`](Ask::timeout) or [`deadline`](Ask::deadline) needs no runtime here.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tenure::prelude::*;
    /// # struct Echo;
    /// # impl Actor for Echo {
    /// #     type Msg = ReplyTo<u32>;
    /// #     async fn handle(&mut self, reply: ReplyTo<u32>, _: &mut Context<Self>) -> tenure::Result {
    /// #         reply.send(7);
    /// #         Ok(())
    /// #     }
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), RunError> {
    /// tenure::scope(async |scope| {
    ///     let echo = scope.spawn(Echo)?;
    ///     let job = scope.blocking(move |_| {
    ///         let ask = echo.ask(|reply| reply).timeout(Duration::from_secs(2));
    ///         tenure::Ok(ask.blocking_wait()?)
    ///     })?;
    ///     assert_eq!(job.await?, 7);
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
    /// When it was polled before, and was ready; with a deadline, in a runtime without a timer.
    pub fn blocking_wait(mut self) -> Result<T, AskError> {
        let limit = self.exchange.bounds.block();
        block_on(self, limit)
    }

    /// The same ask, holding a reference of its own: for a future that must be `'static`.
    pub fn owned(mut self) -> Ask<'static, M, T> {
        Ask {
            exchange: self.exchange.moved(Direct::owned),
        }
    }
}

/// Nothing in it is pinned.
impl<M: Send + 'static, T: Send + 'static> Unpin for Ask<'_, M, T> {}

impl<M: Send + 'static, T: Send + 'static> Future for Ask<'_, M, T> {
    type Output = Result<T, AskError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.get_mut().exchange.poll(cx)
    }
}

impl<M: Send + 'static, T: Send + 'static> fmt::Debug for Ask<'_, M, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ask").finish_non_exhaustive()
    }
}

/// A message for an actor whose messages are of its type.
struct Direct<'a, M: Send + 'static> {
    target: Target<'a, M>,
    /// There until it is sent.
    message: Option<M>,
    /// Its place in the line, while it waits for room.
    ticket: Option<Ticket>,
    /// Under what it was sent, if the mailbox has to be told should the caller go.
    number: Option<u64>,
    /// It waits for room.
    patient: bool,
}

enum Target<'a, M> {
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

    /// Waits for room, and sends the message into that.
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

    /// Sends the message to a full mailbox that drops what it has no room for: this one, perhaps, and then the
    /// reply is there.
    #[cold]
    fn push_over<T: Send + 'static>(
        &mut self,
        reply: &ReplyReceiver<T>,
        known: bool,
    ) -> Result<(), AskError> {
        let cell = self.target.cell();
        match cell.push_over(&mut self.message, reply.asker(known)) {
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
        // It goes with the first of the two ways in which it is sent.
        let message = self.message.take().expect("it is not sent yet");
        let known = limited || cell.queue.knows_callers();
        match cell.push_reserved(message, reserved, reply.asker(known)) {
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
        let from_beneath = || is_beneath(&cell.node);
        let known = limited || cell.queue.knows_callers();
        let asker = reply.asker(known);
        match cell.queue.try_push(&mut self.message, asker, from_beneath) {
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

impl<M> Target<'_, M> {
    fn cell(&self) -> &Arc<ActorCell<M>> {
        match self {
            Self::Borrowed(cell) => cell,
            Self::Owned(cell) => cell,
        }
    }
}
