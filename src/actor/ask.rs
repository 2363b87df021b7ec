use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::task::coop::consume_budget;
use tokio::time::Instant;

use super::bounds::Bounds;
use super::cell::ActorCell;
use crate::error::AskError;
use crate::mailbox::{Awaited, Refusal, ReplyTo, Reserved, Ticket};
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
/// With a deadline, when it is awaited outside of a runtime with a timer.
///
/// # Cancel safety
///
/// Dropped before the actor has started the message, the message is skipped. Dropped later, the
/// handler runs on; it can see that its caller has gone, and bind its work to it
/// ([`Context::until_caller_gone`](crate::Context::until_caller_gone)).
#[must_use = "a message is sent when its ask is awaited"]
pub struct Ask<'a, M: Send + 'static, T: Send + 'static> {
    target: Target<'a, M>,
    /// There until it is sent.
    message: Option<M>,
    stage: Stage,
    reply: Awaited<T>,
    patient: bool,
    bounds: Bounds,
}

enum Target<'a, M> {
    Borrowed(&'a Arc<ActorCell<M>>),
    Owned(Arc<ActorCell<M>>),
}

#[derive(Clone, Copy)]
enum Stage {
    Unsent,
    /// Waits for room.
    Queueing(Ticket),
    /// Under this number, if the mailbox has to be told should the caller go.
    Sent(Option<u64>),
    Over,
}

impl<'a, M: Send + 'static, T: Send + 'static> Ask<'a, M, T> {
    pub(super) fn new(cell: &'a Arc<ActorCell<M>>, message: impl FnOnce(ReplyTo<T>) -> M) -> Self {
        let (reply_to, reply) = Awaited::new(cell.node.id().get(), keep_reply);
        Self {
            message: Some(message(reply_to)),
            stage: Stage::Unsent,
            target: Target::Borrowed(cell),
            reply,
            patient: true,
            bounds: Bounds::new(),
        }
    }

    pub(super) fn without_waiting(mut self) -> Self {
        self.patient = false;
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
        self.bounds.set_limit(limit);
        self
    }

    /// Drops the deadline that it would inherit, and the default one; one of its own stays.
    pub fn no_deadline(mut self) -> Self {
        self.bounds.inherit_nothing();
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
        self.bounds.allow_cycles();
        self
    }

    /// The same ask, holding a reference of its own: for a future that must be `'static`.
    pub fn owned(mut self) -> Ask<'static, M, T> {
        Ask {
            target: Target::Owned(Arc::clone(self.target.cell())),
            // What is left behind is over, and has nothing to give up.
            message: self.message.take(),
            stage: std::mem::replace(&mut self.stage, Stage::Over),
            reply: self.reply.take(),
            patient: self.patient,
            bounds: std::mem::take(&mut self.bounds),
        }
    }

    /// Sends the message, if that has not been done.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), AskError>> {
        let cell = self.target.cell();
        let inside = || is_beneath(&cell.node);
        let mut ticket = match self.stage {
            Stage::Sent(_) | Stage::Over => return Poll::Ready(Err(AskError::NoReply)),
            Stage::Queueing(ticket) => Some(ticket),
            Stage::Unsent => {
                // Before it is sent: one that is refused was certainly not started.
                let target = || Arc::clone(cell) as Arc<dyn AnyNode>;
                if let Err(cycle) = self.bounds.begin(&self.reply, target) {
                    return self.refuse(AskError::Deadlock(cycle));
                }
                let known = self.bounds.has_limit();
                let asker = self.reply.asker(known);
                match cell.queue.try_push(&mut self.message, asker, inside) {
                    Ok(number) => {
                        self.stage = Stage::Sent((!known).then_some(number));
                        return Poll::Ready(Ok(()));
                    }
                    Err(Refusal::Closed) => return self.refuse(AskError::Stopped),
                    Err(Refusal::Full) if !self.patient => return self.refuse(AskError::Full),
                    Err(Refusal::Full) => None,
                }
            }
        };
        let reserved = cell.queue.poll_reserve(&mut ticket, cx.waker(), inside);
        if let Some(ticket) = ticket {
            self.stage = Stage::Queueing(ticket);
        }
        match reserved {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Err(())) => self.refuse(AskError::Stopped),
            Poll::Ready(Ok(reserved)) => self.push_reserved(reserved),
        }
    }

    /// Sends the message into a slot of its own.
    #[cold]
    fn push_reserved(&mut self, reserved: Reserved) -> Poll<Result<(), AskError>> {
        let cell = self.target.cell();
        // It goes with the first of the two ways in which it is sent.
        let message = self.message.take().expect("it is not sent yet");
        let known = self.bounds.has_limit();
        let asker = self.reply.asker(known);
        let inside = || is_beneath(&cell.node);
        match cell.queue.push_reserved(message, reserved, asker, inside) {
            Ok(number) => {
                self.stage = Stage::Sent((!known).then_some(number));
                Poll::Ready(Ok(()))
            }
            Err(message) => {
                self.message = Some(message);
                self.refuse(AskError::Stopped)
            }
        }
    }

    /// The message never got there; nobody waits for its reply.
    #[cold]
    fn refuse(&mut self, error: AskError) -> Poll<Result<(), AskError>> {
        self.stage = Stage::Over;
        self.bounds.end();
        drop(self.reply.give_up());
        drop(self.message.take());
        Poll::Ready(Err(error))
    }

    /// It is pending, and may have been begun by another handler.
    #[cold]
    fn poll_wait(&mut self) -> Poll<Result<T, AskError>> {
        let target = || Arc::clone(self.target.cell()) as Arc<dyn AnyNode>;
        let Err(cycle) = self.bounds.list(&self.reply, target) else {
            return Poll::Pending;
        };
        let late = self.give_up();
        let error = |started| Err(AskError::Deadlock(cycle.with_started(started)));
        Poll::Ready(late.unwrap_or_else(error))
    }

    /// Nobody waits for the reply any more. Gives it if it has come after all, and if not, whether
    /// the message may have been started.
    fn give_up(&mut self) -> Result<Result<T, AskError>, bool> {
        self.bounds.end();
        let number = match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Over => return Err(false),
            Stage::Sent(number) => number,
            Stage::Unsent => return self.take_back(None),
            Stage::Queueing(ticket) => return self.take_back(Some(ticket)),
        };
        let left = self.reply.give_up();
        if let Some(number) = number {
            self.target.cell().queue.abandon(number);
        }
        left
    }

    /// The message stays here.
    fn take_back(&mut self, mut ticket: Option<Ticket>) -> Result<Result<T, AskError>, bool> {
        if ticket.is_some() {
            self.target.cell().queue.leave(&mut ticket);
        }
        drop(self.reply.give_up());
        drop(self.message.take());
        Err(false)
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

/// Nothing in it is pinned.
impl<M: Send + 'static, T: Send + 'static> Unpin for Ask<'_, M, T> {}

impl<M: Send + 'static, T: Send + 'static> Future for Ask<'_, M, T> {
    type Output = Result<T, AskError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let is_known = !matches!(this.stage, Stage::Unsent);
        if !matches!(this.stage, Stage::Sent(_)) {
            ready!(pin!(consume_budget()).poll(cx));
            if let Poll::Ready(Err(error)) = this.poll_send(cx) {
                return Poll::Ready(Err(error));
            }
        }
        if matches!(this.stage, Stage::Sent(_))
            && let Poll::Ready(reply) = this.reply.poll(cx.waker())
        {
            // Whoever still holds the reply's address can see that nobody waits for it.
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

impl<M: Send + 'static, T: Send + 'static> Drop for Ask<'_, M, T> {
    fn drop(&mut self) {
        if !matches!(self.stage, Stage::Over) {
            drop(self.give_up());
        }
    }
}

impl<M: Send + 'static, T: Send + 'static> fmt::Debug for Ask<'_, M, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ask").finish_non_exhaustive()
    }
}
