use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::cell::ActorCell;
use super::room::{NoRoom, Room};
use crate::error::SendError;
use crate::mailbox::{CallerTracking, Reserved};
use crate::sync::Readiness;

/// Waits for room. Made by [`ActorRef::reserve`](crate::ActorRef::reserve).
///
/// ```
/// # use tenure::prelude::*;
/// # struct Printer;
/// # impl Actor for Printer {
/// #     type Msg = String;
/// #     async fn handle(&mut self, _: String, _: &mut Context<Self>) -> tenure::Result { Ok(()) }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), RunError> {
/// tenure::scope(async |scope| {
///     let printer = scope.spawn(ChildSpec::new(Printer).mailbox(Mailbox::bounded(1)))?;
///     let permit = printer.reserve().await?;
///     // The room is ours: nobody else gets it while the page is made.
///     assert!(printer.try_tell(String::from("another")).is_err());
///     permit.send("a page".repeat(100))?;
///     Ok(())
/// })
/// .await
/// # }
/// ```
///
/// # Errors
///
/// [`SendError::Stopped`] if the actor takes no more messages; [`SendError::Deadlock`] if the wait
/// would never end;
/// [`SendError::TimedOut`] with a [`timeout`](Reserve::timeout).
///
/// # Panics
///
/// When it is polled again after it was ready; with a timeout, when it is awaited outside of a runtime with
/// a timer.
///
/// # Cancel safety
///
/// If it is dropped before it is ready, its place in the line goes to the next.
#[must_use = "futures do nothing unless awaited"]
pub struct Reserve<'a, M: Send + 'static> {
    cell: &'a Arc<ActorCell<M>>,
    room: Room,
    readiness: Readiness,
}

impl<'a, M: Send + 'static> Reserve<'a, M> {
    pub(super) fn new(cell: &'a Arc<ActorCell<M>>) -> Self {
        Self {
            cell,
            room: Room::default(),
            readiness: Readiness::new(),
        }
    }

    /// Waits for at most this long from now, as for [`Tell::timeout`](crate::Tell::timeout); the error is
    /// [`SendError::TimedOut`] then.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.room.set_timeout(limit);
        self
    }

    /// Waits even if that completes a cycle of nodes that wait for each other, as for
    /// [`Tell::even_if_cyclic`](crate::Tell::even_if_cyclic).
    pub fn even_if_cyclic(mut self) -> Self {
        self.room.allow_cycles();
        self
    }
}

impl<'a, M: Send + 'static> Future for Reserve<'a, M> {
    type Output = Result<Permit<'a, M>, SendError<()>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        this.readiness.assert_pending();
        let polled = this.room.poll(this.cell, cx);
        Poll::Ready(match ready!(this.readiness.note(polled)) {
            Ok(reserved) => Ok(Permit {
                cell: this.cell,
                reserved: Some(reserved),
            }),
            Err(NoRoom::Closed) => Err(SendError::stopped(())),
            Err(NoRoom::TimedOut) => Err(SendError::timed_out(())),
            Err(NoRoom::Cycle(cycle)) => Err(SendError::deadlock((), cycle)),
        })
    }
}

impl<M: Send + 'static> Drop for Reserve<'_, M> {
    fn drop(&mut self) {
        self.room.leave(self.cell);
    }
}

impl<M: Send + 'static> fmt::Debug for Reserve<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reserve").finish_non_exhaustive()
    }
}

/// Room in a mailbox for one message. If it is dropped unused, the room goes to the next waiting sender.
///
/// When a drain of the actor begins, existing permits no longer hold room. A permit that is used by the actor or
/// beneath it is still valid: its message is taken beyond the capacity.
#[must_use = "the room is given back when this is dropped"]
pub struct Permit<'a, M: Send + 'static> {
    cell: &'a Arc<ActorCell<M>>,
    /// `None` once it is used.
    reserved: Option<Reserved>,
}

impl<M: Send + 'static> Permit<'_, M> {
    /// Sends the message, without waiting.
    ///
    /// # Errors
    ///
    /// [`SendError::Stopped`] gives the message back if the actor has stopped taking messages meanwhile.
    pub fn send(mut self, message: M) -> Result<(), SendError<M>> {
        let cell = self.cell;
        let Some(reserved) = self.reserved.take() else {
            return Err(SendError::stopped(message));
        };
        cell.push_reserved(message, reserved, CallerTracking::Nobody)
            .map(drop)
            .map_err(SendError::stopped)
    }
}

impl<M: Send + 'static> Drop for Permit<'_, M> {
    fn drop(&mut self) {
        if let Some(reserved) = self.reserved.take() {
            self.cell.queue.release(reserved);
        }
    }
}

impl<M: Send + 'static> fmt::Debug for Permit<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").finish_non_exhaustive()
    }
}
