use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::task::coop::poll_proceed;

use super::block::block_on;
use super::receive::{Receive, Reservation};
use super::room::NoRoom;
use crate::error::SendError;

/// A message on its way. Made by [`Recipient::tell`](crate::Recipient::tell). It is a [`Tell`](crate::Tell) that does
/// not name the actor's message type.
///
/// # Errors
///
/// [`SendError`] gives the message back.
///
/// # Panics
///
/// When it is polled again after it was ready; with a [`timeout`](RecipientTell::timeout), when it is
/// awaited outside of a runtime with a timer.
///
/// # Cancel safety
///
/// If it is dropped before it is ready, nothing is sent, and the message is dropped with it.
#[must_use = "a message is sent when its tell is awaited"]
pub struct RecipientTell<'a, T: Send + 'static> {
    place: Option<Reservation<'a, T>>,
    message: Option<T>,
}

impl<'a, T: Send + 'static> RecipientTell<'a, T> {
    pub(super) fn new(target: &'a Arc<dyn Receive<T>>, message: T) -> Self {
        Self {
            place: Some(Reservation::new(target)),
            message: Some(message),
        }
    }

    /// As [`Tell::timeout`](crate::Tell::timeout).
    pub fn timeout(mut self, limit: Duration) -> Self {
        if let Some(place) = &mut self.place {
            place.room().set_timeout(limit);
        }
        self
    }

    /// As [`Tell::even_if_cyclic`](crate::Tell::even_if_cyclic).
    pub fn even_if_cyclic(mut self) -> Self {
        if let Some(place) = &mut self.place {
            place.room().allow_cycles();
        }
        self
    }

    /// As [`Tell::blocking_wait`](crate::Tell::blocking_wait).
    ///
    /// # Errors
    ///
    /// [`SendError`] gives the message back.
    ///
    /// # Panics
    ///
    /// If it was polled before and was ready; with a timeout, in a runtime without a timer.
    pub fn blocking_wait(mut self) -> Result<(), SendError<T>> {
        let limit = self.place.as_mut().and_then(|place| place.room().block());
        block_on(self, limit)
    }

    /// As [`Tell::into_inner`](crate::Tell::into_inner).
    #[must_use = "the message is not sent"]
    pub fn into_inner(self) -> Option<T> {
        self.message
    }
}

/// Nothing in it is pinned.
impl<T: Send + 'static> Unpin for RecipientTell<'_, T> {}

impl<T: Send + 'static> Future for RecipientTell<'_, T> {
    type Output = Result<(), SendError<T>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // A sender that never finds the mailbox full still has to yield now and then.
        ready!(poll_proceed(cx)).made_progress();
        let this = self.get_mut();
        let place = this.place.as_mut().expect("polled after it was ready");
        let reserved = ready!(place.poll(cx));
        // Both are present until it is ready.
        let (Some(place), Some(message)) = (this.place.take(), this.message.take()) else {
            return Poll::Pending;
        };
        Poll::Ready(match reserved {
            Ok(()) => {
                place.send(message, None);
                Ok(())
            }
            Err(NoRoom::Closed) => Err(SendError::stopped(message)),
            Err(NoRoom::TimedOut) => Err(SendError::timed_out(message)),
            Err(NoRoom::Cycle(cycle)) => Err(SendError::deadlock(message, cycle)),
        })
    }
}

impl<T: Send + 'static> fmt::Debug for RecipientTell<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecipientTell").finish_non_exhaustive()
    }
}
