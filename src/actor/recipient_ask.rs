use std::sync::Arc;
use std::task::{Poll, Waker, ready};

use super::exchange::{Exchange, Post, asks};
use super::receive::{Receive, Reservation};
use crate::error::AskError;
use crate::mailbox::{ReplyReceiver, ReplyTo};
use crate::tree::{AnyNode, keep_reply};

/// A request and the wait for its reply. Made by [`Recipient::ask`](crate::Recipient::ask). It is an
/// [`Ask`](crate::Ask) that does not name the actor's message type.
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
}

asks! { RecipientAsk }

/// A value that is converted into a message once there is room.
struct Converted<'a, T: Send + 'static> {
    target: &'a Arc<dyn Receive<T>>,
    /// Present until it is sent.
    message: Option<T>,
    /// Present while it waits for room.
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
        // This wait is not listed itself: the wait for the reply, which covers it, is.
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
        Arc::clone(self.target).any()
    }
}
