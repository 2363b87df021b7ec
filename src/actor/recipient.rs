use std::fmt;
use std::sync::Arc;

use super::cell::ActorCell;
use super::receive::{Receive, Reservation};
use super::recipient_ask::RecipientAsk;
use super::recipient_tell::RecipientTell;
use crate::error::{Phase, TrySendError};
use crate::mailbox::{Refusal, ReplyTo};
use crate::tree::{NodeId, Stopped};

/// A reference that can only send `T`s to an actor whose messages are made from them. It does not name the actor's
/// message type, so one list can hold recipients of different actors.
///
/// ```
/// # use tenure::prelude::*;
/// # struct Log;
/// enum LogMsg { Line(String), Rotate }
///
/// impl From<String> for LogMsg {
///     fn from(line: String) -> Self { Self::Line(line) }
/// }
/// # impl Actor for Log {
/// #     type Msg = LogMsg;
/// #     async fn handle(&mut self, msg: LogMsg, _: &mut Context<Self>) -> tenure::Result {
/// #         if let LogMsg::Line(line) = msg { assert_eq!(line, "hello") }
/// #         Ok(())
/// #     }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), RunError> {
/// tenure::scope(async |scope| {
///     let log = scope.spawn(Log)?;
///     let lines: Recipient<String> = log.recipient();
///     lines.tell(String::from("hello")).await?;
///     # log.tell(LogMsg::Rotate).await?;
///     Ok(())
/// })
/// .await
/// # }
/// ```
pub struct Recipient<T: Send + 'static> {
    target: Arc<dyn Receive<T>>,
}

impl<T: Send + 'static> Recipient<T> {
    pub(super) fn new<M: From<T> + Send + 'static>(cell: Arc<ActorCell<M>>) -> Self {
        Self { target: cell }
    }

    /// Sends a message, and waits for room if the mailbox is full.
    ///
    /// # Errors
    ///
    /// [`SendError::Stopped`](crate::SendError::Stopped) gives the message back if the actor takes no more,
    /// [`SendError::Deadlock`](crate::SendError::Deadlock) if the wait for room would never end ([rule
    /// 16](crate::lifecycle#rule-16)).
    pub fn tell(&self, message: T) -> RecipientTell<'_, T> {
        RecipientTell::new(&self.target, message)
    }

    /// Sends a message if there is room for it now.
    ///
    /// # Errors
    ///
    /// [`TrySendError`] gives the message back if the mailbox is full or the actor takes no more.
    pub fn try_tell(&self, message: T) -> Result<(), TrySendError<T>> {
        let place = Reservation::new(&self.target);
        match self.target.try_reserve() {
            Ok(reserved) => {
                place.take(reserved).send(message, None);
                Ok(())
            }
            Err(Refusal::Closed) => Err(TrySendError::stopped(message)),
            Err(Refusal::Full | Refusal::Overflows) => Err(TrySendError::full(message)),
        }
    }

    /// Sends a message that carries a [`ReplyTo`], and waits for the reply, as
    /// [`ActorRef::ask`](crate::ActorRef::ask) does.
    ///
    /// # Errors
    ///
    /// [`AskError`](crate::AskError) says why there is no reply.
    pub fn ask<R: Send + 'static>(
        &self,
        message: impl FnOnce(ReplyTo<R>) -> T,
    ) -> RecipientAsk<'_, T, R> {
        RecipientAsk::new(&self.target, message)
    }

    /// Waits for the actor's end without asking for it: to remove ended actors from a list of recipients.
    ///
    /// # Errors
    ///
    /// Those of [`Stopped`], when it is awaited.
    pub fn stopped(&self) -> Stopped {
        Stopped::new(Arc::clone(&self.target).any())
    }

    /// Whether the actor and everything beneath it have ended.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        Arc::clone(&self.target).any().node().phase() == Phase::Stopped
    }

    /// The actor's number.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.target.id()
    }
}

impl<T: Send + 'static> Clone for Recipient<T> {
    fn clone(&self) -> Self {
        Self {
            target: Arc::clone(&self.target),
        }
    }
}

impl<T: Send + 'static> fmt::Debug for Recipient<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Recipient")
            .field(&self.target.path())
            .finish()
    }
}
