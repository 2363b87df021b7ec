use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::time::Instant;

use super::block::block_on;
use super::exchange::{Exchange, Post};
use super::receive::{Receive, Reservation};
use crate::error::AskError;
use crate::mailbox::{ReplyReceiver, ReplyTo};
use crate::sync::after;
use crate::tree::{AnyNode, keep_reply};

/// A request and the wait for its reply, made by [`Recipient::ask`](crate::Recipient::ask). It is an
/// [`Ask`](crate::Ask) that does not name the message's type.
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
/// handler runs on; it can see that its caller has gone.
#[must_use = "a message is sent when its ask is awaited"]
pub struct RecipientAsk<'a, T: Send + 'static, R: Send + 'static> {
    exchange: Exchange<Converted<'a, T>, R>,
}

impl<'a, T: Send + 'static, R: Send + 'static> RecipientAsk<'a, T, R> {
    pub(super) fn new(
        target: &'a Arc<dyn Receive<T>>,
        message: impl FnOnce(ReplyTo<R>) -> T,
    ) -> Self {
        let (reply_to, reply) = ReplyReceiver::new(target.id().get(), keep_reply);
        let post = Converted {
            target,
            message: Some(message(reply_to)),
            place: None,
        };
        Self {
            exchange: Exchange::new(post, reply),
        }
    }

    /// As [`Ask::timeout`](crate::Ask::timeout).
    pub fn timeout(self, limit: Duration) -> Self {
        self.deadline(after(limit))
    }

    /// As [`Ask::deadline`](crate::Ask::deadline).
    pub fn deadline(mut self, limit: Instant) -> Self {
        self.exchange.bounds.set_limit(limit);
        self
    }

    /// As [`Ask::no_deadline`](crate::Ask::no_deadline).
    pub fn no_deadline(mut self) -> Self {
        self.exchange.bounds.inherit_nothing();
        self
    }

    /// As [`Ask::even_if_cyclic`](crate::Ask::even_if_cyclic).
    pub fn even_if_cyclic(mut self) -> Self {
        self.exchange.bounds.allow_cycles();
        self
    }

    /// As [`Ask::blocking_wait`](crate::Ask::blocking_wait).
    ///
    /// # Errors
    ///
    /// [`AskError`] says why there is no reply.
    ///
    /// # Panics
    ///
    /// When it was polled before, and was ready; with a deadline, in a runtime without a timer.
    pub fn blocking_wait(mut self) -> Result<R, AskError> {
        let limit = self.exchange.bounds.block();
        block_on(self, limit)
    }
}

/// Nothing in it is pinned.
impl<T: Send + 'static, R: Send + 'static> Unpin for RecipientAsk<'_, T, R> {}

impl<T: Send + 'static, R: Send + 'static> Future for RecipientAsk<'_, T, R> {
    type Output = Result<R, AskError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.get_mut().exchange.poll(cx)
    }
}

impl<T: Send + 'static, R: Send + 'static> fmt::Debug for RecipientAsk<'_, T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecipientAsk").finish_non_exhaustive()
    }
}

/// A value that becomes a message once there is room for that.
struct Converted<'a, T: Send + 'static> {
    target: &'a Arc<dyn Receive<T>>,
    /// There until it is sent.
    message: Option<T>,
    /// There while it waits for room.
    place: Option<Reservation<'a, T>>,
}

impl<T: Send + 'static> Post for Converted<'_, T> {
    fn poll_send<R: Send + 'static>(
        &mut self,
        reply: &ReplyReceiver<R>,
        _limited: bool,
        waker: &Waker,
    ) -> Poll<Result<(), AskError>> {
        let place = self
            .place
            .get_or_insert_with(|| Reservation::new(self.target));
        // The wait for the reply is listed, and it is the same wait.
        let slot = ready!(place.poll_slot(waker));
        let (place, message) = (self.place.take(), self.message.take());
        let arrived = match (slot, place, message) {
            (Ok(()), Some(place), Some(message)) => place.send(message, Some(reply.caller())),
            _ => false,
        };
        Poll::Ready(if arrived {
            Ok(())
        } else {
            Err(AskError::Stopped)
        })
    }

    fn take_back(&mut self) {
        drop(self.message.take());
        drop(self.place.take());
    }

    fn abandon(&mut self) {}

    fn target(&self) -> Arc<dyn AnyNode> {
        Receive::any(Arc::clone(self.target))
    }
}
