use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::ActorRef;
use super::block::block_on;
use super::stashed::Stashed;
use super::tell::Tell;
use crate::error::SendError;

/// A message that was put aside, on its way to another actor. Made by [`Stashed::forward`].
///
/// # Errors
///
/// [`SendError`] gives the [`Stashed`] back. If the error is dropped, the message is a dead letter.
///
/// # Panics
///
/// When it is polled again after it was ready; with a [`timeout`](Forward::timeout), when it is awaited outside of a
/// runtime with a timer.
///
/// # Cancel safety
///
/// If it is dropped before it is ready, nothing is sent, and its place in the line goes to the next. The message is
/// dropped as with any [`Stashed`]: it is a dead letter, and its ask resolves at once. To keep it instead, use
/// [`Stashed::try_forward`] or a [`timeout`](Forward::timeout).
#[must_use = "a message is sent when its forward is awaited"]
pub struct Forward<'a, M: Send + 'static> {
    tell: Tell<'a, M>,
    /// The stashed message without its content; `None` once the send was refused.
    emptied: Option<Stashed<M>>,
}

impl<'a, M: Send + 'static> Forward<'a, M> {
    pub(super) fn new(mut aside: Stashed<M>, to: &'a ActorRef<M>) -> Self {
        let (message, caller) = aside.lend();
        Self {
            tell: to.tell(message).with_caller(caller),
            emptied: Some(aside),
        }
    }

    /// As [`Tell::timeout`].
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.tell.set_timeout(limit);
        self
    }

    /// As [`Tell::even_if_cyclic`].
    pub fn even_if_cyclic(mut self) -> Self {
        self.tell.allow_cycles();
        self
    }

    /// As [`Tell::blocking_wait`].
    ///
    /// # Errors
    ///
    /// [`SendError`] gives the [`Stashed`] back.
    ///
    /// # Panics
    ///
    /// If it was polled before and was ready; with a timeout, in a runtime without a timer.
    pub fn blocking_wait(mut self) -> Result<(), SendError<Stashed<M>>> {
        let limit = self.tell.block();
        block_on(self, limit)
    }

    fn put_back(&mut self, message: M) -> Stashed<M> {
        // The tell is refused only once.
        let emptied = self.emptied.take().expect("it is not refused yet");
        emptied.put_back(message)
    }
}

/// Nothing in it is pinned.
impl<M: Send + 'static> Unpin for Forward<'_, M> {}

impl<M: Send + 'static> Future for Forward<'_, M> {
    type Output = Result<(), SendError<Stashed<M>>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let sent = ready!(Pin::new(&mut this.tell).poll(cx));
        Poll::Ready(sent.map_err(|refused| refused.map(|message| this.put_back(message))))
    }
}

impl<M: Send + 'static> Drop for Forward<'_, M> {
    fn drop(&mut self) {
        if let (Some(message), Some(emptied)) = (self.tell.give_up(), self.emptied.take()) {
            emptied.drop_with(message);
        }
    }
}

impl<M: Send + 'static> fmt::Debug for Forward<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Forward").finish_non_exhaustive()
    }
}
