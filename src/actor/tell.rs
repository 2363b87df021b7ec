use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::task::coop::poll_proceed;
use tokio::time::Instant;

use super::block::block_on;
use super::cell::ActorCell;
use super::room::{NoRoom, Room};
use crate::error::SendError;
use crate::mailbox::{Caller, CallerTracking, Holder, Refusal};
use crate::tree::AnyNode;

/// A message on its way. Made by [`ActorRef::tell`](crate::ActorRef::tell).
///
/// # Errors
///
/// [`SendError`] gives the message back.
///
/// # Panics
///
/// When it is polled again after it was ready; with a [`timeout`](Tell::timeout), when it is awaited outside of a runtime with a timer.
///
/// # Cancel safety
///
/// If it is dropped before it is ready, nothing is sent, the message is dropped with it, and its place in the line goes
/// to the next.
#[must_use = "a message is sent when its tell is awaited"]
pub struct Tell<'a, M: Send + 'static> {
    cell: &'a Arc<ActorCell<M>>,
    message: Option<M>,
    room: Room,
    /// The caller of an ask that is handed on. Boxed, as most tells have none.
    caller: Option<Box<Arc<dyn Caller>>>,
}

impl<'a, M: Send + 'static> Tell<'a, M> {
    pub(super) fn new(cell: &'a Arc<ActorCell<M>>, message: M) -> Self {
        Self {
            cell,
            message: Some(message),
            room: Room::default(),
            caller: None,
        }
    }

    /// Waits for room for at most this long from now; the message comes back in [`SendError::TimedOut`] then. With zero
    /// it is sent only if there is room now. A time too long for the clock means no limit.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.set_timeout(limit);
        self
    }

    /// Waits even if that completes a cycle of nodes that wait for each other. For a tell that something else will end
    /// which this crate cannot see, such as another branch of a `select!` or a timeout around it. A tell with a
    /// [`timeout`](Tell::timeout) is never refused for a cycle.
    pub fn even_if_cyclic(mut self) -> Self {
        self.allow_cycles();
        self
    }

    /// Sends the message on this thread, which may block, as for
    /// [`Ask::blocking_wait`](crate::Ask::blocking_wait). A [`timeout`](Tell::timeout) needs no runtime here.
    ///
    /// # Errors
    ///
    /// [`SendError`] gives the message back.
    ///
    /// # Panics
    ///
    /// If it was polled before and was ready; with a timeout, in a runtime without a timer.
    pub fn blocking_wait(mut self) -> Result<(), SendError<M>> {
        let limit = self.block();
        block_on(self, limit)
    }

    /// Gives the message back instead of sending it, to stop waiting for room. `None` once it was ready.
    ///
    /// ```
    /// # use tenure::prelude::*;
    /// # struct Printer;
    /// # impl Actor for Printer {
    /// #     type Msg = String;
    /// #     async fn handle(&mut self, _: String, _: &mut Context<Self>) -> tenure::Result { Ok(()) }
    /// # }
    /// use tenure::CancellationToken;
    ///
    /// /// Prints the page, or gives it back if the printer has no room before the token fires.
    /// async fn print(
    ///     printer: &ActorRef<String>,
    ///     page: String,
    ///     token: CancellationToken,
    /// ) -> tenure::Result<Option<String>> {
    ///     let mut tell = printer.tell(page);
    ///     tokio::select! {
    ///         told = &mut tell => told?,
    ///         () = token.cancelled() => return Ok(tell.into_inner()),
    ///     }
    ///     Ok(None)
    /// }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), RunError> {
    /// # tenure::scope(async |scope| {
    /// #     let printer = scope.spawn(Printer)?;
    /// #     assert_eq!(print(&printer, String::from("a page"), CancellationToken::new()).await?, None);
    /// #     Ok(())
    /// # })
    /// # .await
    /// # }
    /// ```
    #[must_use = "the message is not sent"]
    pub fn into_inner(mut self) -> Option<M> {
        self.give_up()
    }

    pub(super) fn set_timeout(&mut self, limit: Duration) {
        self.room.set_timeout(limit);
    }

    pub(super) fn allow_cycles(&mut self) {
        self.room.allow_cycles();
    }

    /// As [`WaitBound::block`](crate::tree::WaitBound::block).
    pub(super) fn block(&mut self) -> Option<Instant> {
        self.room.block()
    }

    /// Sets the caller of an ask that is handed on.
    pub(super) fn with_caller(mut self, caller: Option<Arc<dyn Caller>>) -> Self {
        self.caller = caller.map(Box::new);
        self
    }

    /// Leaves the line and takes the message, unless it was sent or refused.
    pub(super) fn give_up(&mut self) -> Option<M> {
        self.room.leave(self.cell);
        self.message.take()
    }

    fn tracking(&self) -> CallerTracking<'static> {
        self.caller.as_deref().cloned().into()
    }

    /// Called once the message was taken, with its number unless it was dropped for lack of room.
    #[inline]
    fn hand_on(&self, number: Option<u64>) {
        if let Some(caller) = &self.caller {
            hand_on(self.cell, caller, number);
        }
    }

    fn take(&mut self) -> M {
        self.message.take().expect("polled after it was ready")
    }

    /// Sends to a full mailbox that drops messages.
    #[cold]
    fn push_over(&mut self) -> Result<(), SendError<M>> {
        let tracking = self.tracking();
        match self.cell.push_over(&mut self.message, tracking) {
            Ok(number) => {
                self.hand_on(number);
                Ok(())
            }
            Err(_) => Err(SendError::stopped(self.take())),
        }
    }

    /// Waits for a slot in a full mailbox.
    #[cold]
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError<M>>> {
        let cell = self.cell;
        match self.room.poll(cell, cx) {
            Poll::Ready(Ok(reserved)) => {
                let (message, tracking) = (self.take(), self.tracking());
                let pushed = cell.push_reserved(message, reserved, tracking);
                let pushed = pushed.map(|number| self.hand_on(number));
                Poll::Ready(pushed.map_err(SendError::stopped))
            }
            Poll::Ready(Err(NoRoom::Closed)) => Poll::Ready(Err(SendError::stopped(self.take()))),
            Poll::Ready(Err(NoRoom::Cycle(cycle))) => {
                Poll::Ready(Err(SendError::deadlock(self.take(), cycle)))
            }
            Poll::Ready(Err(NoRoom::TimedOut)) => {
                Poll::Ready(Err(SendError::timed_out(self.take())))
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

/// Notes that an ask was handed on to this actor: a caller that waits in a node waits for this actor now.
pub(super) fn hand_on<M: Send + 'static>(
    cell: &Arc<ActorCell<M>>,
    caller: &Arc<dyn Caller>,
    number: Option<u64>,
) {
    let Some(number) = number.filter(|_| caller.is_followed()) else {
        return;
    };
    let node: Arc<dyn AnyNode> = Arc::clone(cell) as _;
    caller.hold(Holder {
        id: cell.node.id().get(),
        number,
        node: Arc::new(node),
    });
}

/// Nothing in it is pinned.
impl<M: Send + 'static> Unpin for Tell<'_, M> {}

impl<M: Send + 'static> Future for Tell<'_, M> {
    type Output = Result<(), SendError<M>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // A sender that never finds the mailbox full still has to yield now and then.
        ready!(poll_proceed(cx)).made_progress();
        let this = self.get_mut();
        if this.room.is_waiting() {
            return this.poll_room(cx);
        }
        assert!(this.message.is_some(), "polled after it was ready");
        let pushed = match this.caller {
            None => this
                .cell
                .try_push(&mut this.message, || CallerTracking::Nobody),
            Some(ref caller) => {
                let tracking = || CallerTracking::Listed(Arc::clone(caller));
                this.cell.try_push(&mut this.message, tracking)
            }
        };
        match pushed {
            Ok(number) => {
                this.hand_on(Some(number));
                Poll::Ready(Ok(()))
            }
            Err(Refusal::Closed) => Poll::Ready(Err(SendError::stopped(this.take()))),
            Err(Refusal::Full) => this.poll_room(cx),
            Err(Refusal::Overflows) => Poll::Ready(this.push_over()),
        }
    }
}

impl<M: Send + 'static> Drop for Tell<'_, M> {
    fn drop(&mut self) {
        self.room.leave(self.cell);
    }
}

impl<M: Send + 'static> fmt::Debug for Tell<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tell").finish_non_exhaustive()
    }
}
