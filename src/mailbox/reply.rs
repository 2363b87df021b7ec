use std::fmt;
use std::sync::Arc;

use super::slot::Slot;
use super::{Caller, CallerGone};

/// The one reply to an ask. It travels inside the message.
///
/// It can be kept, or handed to a task or another actor, for a late reply. If it is dropped unsent, the ask still
/// resolves. If the code of the actor that was asked drops it, the ask resolves when that code (usually a handler)
/// ends, and the error says what happened: [`NoReply`](crate::AskError::NoReply), [`Failed`](crate::AskError::Failed)
/// or [`Killed`](crate::AskError::Killed). The same holds for an actor that it was handed on to, but there the ask
/// resolves at the next await at the latest. Dropped anywhere else, the ask resolves at once.
///
/// ```
/// # use tenure::prelude::*;
/// struct Squarer;
/// struct Square(u32, ReplyTo<u32>);
///
/// impl Actor for Squarer {
///     type Msg = Square;
///     async fn handle(&mut self, Square(n, reply): Square, ctx: &mut Context<Self>) -> tenure::Result {
///         // The work goes on in a task of the actor's own while it handles the next message.
///         ctx.task(async move { reply.send(n * n) })?;
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), RunError> {
/// tenure::scope(async |scope| {
///     let squarer = scope.spawn(Squarer)?;
///     assert_eq!(squarer.ask(|reply| Square(7, reply)).await?, 49);
///     Ok(())
/// })
/// .await
/// # }
/// ```
pub struct ReplyTo<T: Send + 'static> {
    slot: Option<Arc<Slot<T>>>,
}

impl<T: Send + 'static> ReplyTo<T> {
    pub(super) fn new(slot: Arc<Slot<T>>) -> Self {
        Self { slot: Some(slot) }
    }

    /// Sends the reply. It is dropped if the caller has gone; use [`try_send`](ReplyTo::try_send) for a reply that must
    /// not be lost.
    pub fn send(self, reply: T) {
        drop(self.try_send(reply));
    }

    /// Sends the reply if somebody still waits for it.
    ///
    /// # Errors
    ///
    /// Returns the reply if the caller has gone.
    pub fn try_send(mut self, reply: T) -> Result<(), T> {
        let Some(slot) = self.slot.take() else {
            return Err(reply);
        };
        slot.close();
        match slot.fill(Ok(reply)) {
            Err(Ok(reply)) => Err(reply),
            _ => Ok(()),
        }
    }

    /// Whether the caller has gone, so that a reply would reach nobody.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.slot.as_ref().is_none_or(|slot| slot.is_over())
    }

    /// Waits until the caller has gone, or has its reply.
    ///
    /// The future is `'static`, so the reply can still be moved and sent meanwhile.
    ///
    /// # Cancel safety
    ///
    /// Dropping it loses nothing.
    #[must_use = "futures do nothing unless awaited"]
    pub fn gone(&self) -> CallerGone {
        CallerGone::of_reply(self.caller())
    }
}

impl<T: Send + 'static> ReplyTo<T> {
    /// Who waits for the reply; `None` once it is sent.
    pub(crate) fn caller(&self) -> Option<Arc<dyn Caller>> {
        self.slot.clone().map(|slot| slot as _)
    }
}

impl<T: Send + 'static> Drop for ReplyTo<T> {
    fn drop(&mut self) {
        let Some(slot) = self.slot.take() else {
            return;
        };
        slot.close();
        if slot.is_pending() {
            (slot.keep)(slot.target, slot);
        }
    }
}

impl<T: Send + 'static> fmt::Debug for ReplyTo<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplyTo")
            .field("is_gone", &self.is_gone())
            .finish()
    }
}
