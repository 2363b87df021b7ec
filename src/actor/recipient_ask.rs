use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::task::coop::consume_budget;
use tokio::time::Instant;

use super::bounds::Bounds;
use super::recipient::{Place, Receive};
use crate::error::AskError;
use crate::mailbox::{Awaited, ReplyTo};
use crate::sync::after;
use crate::tree::keep_reply;

/// A request and the wait for its reply, made by [`Recipient::ask`](crate::Recipient::ask). It is an
/// [`Ask`](crate::Ask) that does not name the message's type.
///
/// # Errors
///
/// [`AskError`] says why there is no reply.
///
/// # Panics
///
/// With a deadline, when it is awaited outside of a runtime with a timer.
///
/// # Cancel safety
///
/// Dropped before the actor has started the message, the message is skipped. Dropped later, the
/// handler runs on; it can see that its caller has gone.
#[must_use = "a message is sent when its ask is awaited"]
pub struct RecipientAsk<'a, T: Send + 'static, R: Send + 'static> {
    target: &'a Arc<dyn Receive<T>>,
    stage: Stage<'a, T>,
    reply: Awaited<R>,
    bounds: Bounds,
}

enum Stage<'a, T: Send + 'static> {
    Unsent(T),
    /// Waits for room.
    Queueing(T, Place<'a, T>),
    Sent,
    Over,
}

impl<'a, T: Send + 'static, R: Send + 'static> RecipientAsk<'a, T, R> {
    pub(super) fn new(
        target: &'a Arc<dyn Receive<T>>,
        message: impl FnOnce(ReplyTo<R>) -> T,
    ) -> Self {
        let (reply_to, reply) = Awaited::new(target.id().get(), keep_reply);
        Self {
            target,
            stage: Stage::Unsent(message(reply_to)),
            reply,
            bounds: Bounds::new(),
        }
    }

    /// As [`Ask::timeout`](crate::Ask::timeout).
    pub fn timeout(self, limit: Duration) -> Self {
        self.deadline(after(limit))
    }

    /// As [`Ask::deadline`](crate::Ask::deadline).
    pub fn deadline(mut self, limit: Instant) -> Self {
        self.bounds.set_limit(limit);
        self
    }

    /// As [`Ask::no_deadline`](crate::Ask::no_deadline).
    pub fn no_deadline(mut self) -> Self {
        self.bounds.inherit_nothing();
        self
    }

    /// As [`Ask::even_if_cyclic`](crate::Ask::even_if_cyclic).
    pub fn even_if_cyclic(mut self) -> Self {
        self.bounds.allow_cycles();
        self
    }

    /// Sends the message, if that has not been done.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), AskError>> {
        let (message, mut place) = match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Sent | Stage::Over => return Poll::Ready(Err(AskError::NoReply)),
            Stage::Queueing(message, place) => (message, place),
            Stage::Unsent(message) => {
                let target = || Receive::any(Arc::clone(self.target));
                if let Err(cycle) = self.bounds.begin(&self.reply, target) {
                    return self.refuse(message, AskError::Deadlock(cycle));
                }
                (message, Place::new(self.target))
            }
        };
        // The wait for the reply is listed, and it is the same wait.
        match place.poll_slot(cx.waker()) {
            Poll::Pending => {
                self.stage = Stage::Queueing(message, place);
                Poll::Pending
            }
            Poll::Ready(Ok(())) => {
                if place.send(message, Some(self.reply.caller())) {
                    self.stage = Stage::Sent;
                    return Poll::Ready(Ok(()));
                }
                self.end();
                Poll::Ready(Err(AskError::Stopped))
            }
            Poll::Ready(Err(())) => self.refuse(message, AskError::Stopped),
        }
    }

    /// The message never got there; nobody waits for its reply.
    #[cold]
    fn refuse(&mut self, message: T, error: AskError) -> Poll<Result<(), AskError>> {
        self.end();
        drop(message);
        Poll::Ready(Err(error))
    }

    /// It is pending, and may have been begun by another handler.
    #[cold]
    fn poll_wait(&mut self) -> Poll<Result<R, AskError>> {
        let target = || Receive::any(Arc::clone(self.target));
        let Err(cycle) = self.bounds.list(&self.reply, target) else {
            return Poll::Pending;
        };
        let late = self.give_up();
        let error = |started| Err(AskError::Deadlock(cycle.with_started(started)));
        Poll::Ready(late.unwrap_or_else(error))
    }

    fn end(&mut self) {
        self.bounds.end();
        drop(self.reply.give_up());
    }

    /// Nobody waits for the reply any more. Gives it if it has come after all, and if not, whether
    /// the message may have been started.
    fn give_up(&mut self) -> Result<Result<R, AskError>, bool> {
        self.bounds.end();
        let stage = std::mem::replace(&mut self.stage, Stage::Over);
        if matches!(stage, Stage::Over) {
            return Err(false);
        }
        let late = self.reply.give_up();
        if matches!(stage, Stage::Sent) {
            return late;
        }
        drop(stage);
        Err(false)
    }
}

/// Nothing in it is pinned.
impl<T: Send + 'static, R: Send + 'static> Unpin for RecipientAsk<'_, T, R> {}

impl<T: Send + 'static, R: Send + 'static> Future for RecipientAsk<'_, T, R> {
    type Output = Result<R, AskError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let is_known = !matches!(this.stage, Stage::Unsent(_));
        if !matches!(this.stage, Stage::Sent) {
            ready!(pin!(consume_budget()).poll(cx));
            if let Poll::Ready(Err(error)) = this.poll_send(cx) {
                return Poll::Ready(Err(error));
            }
        }
        if matches!(this.stage, Stage::Sent)
            && let Poll::Ready(reply) = this.reply.poll(cx.waker())
        {
            this.stage = Stage::Over;
            this.bounds.end();
            return Poll::Ready(reply);
        }
        if this.bounds.is_out_of_time(cx) {
            let late = this.give_up();
            return Poll::Ready(late.unwrap_or_else(|started| Err(this.bounds.timed_out(started))));
        }
        if is_known {
            return this.poll_wait();
        }
        Poll::Pending
    }
}

impl<T: Send + 'static, R: Send + 'static> Drop for RecipientAsk<'_, T, R> {
    fn drop(&mut self) {
        if !matches!(self.stage, Stage::Over) {
            drop(self.give_up());
        }
    }
}

impl<T: Send + 'static, R: Send + 'static> fmt::Debug for RecipientAsk<'_, T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecipientAsk").finish_non_exhaustive()
    }
}
