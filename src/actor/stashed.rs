use std::fmt;
use std::sync::Arc;

use tokio::time::Instant;

use super::actor_ref::ActorRef;
use super::cell::ActorCell;
use super::forward::Forward;
use super::{Actor, Context};
use crate::error::TrySendError;
use crate::mailbox::{Caller, DropReason, Reserved};
use crate::sync::moment;

impl<A: Actor> Context<A> {
    /// Puts a message of this actor aside, to be handed on or handled later, perhaps by another handler. It keeps its
    /// room in the mailbox and its tie to the caller: see [`Stashed`].
    ///
    /// It is for the message that was taken last, as [`caller_gone`](Context::caller_gone) is.
    pub fn stash(&self, message: A::Msg) -> Stashed<A::Msg> {
        Stashed::new(
            Arc::clone(self.cell()),
            self.last_number(),
            message,
            self.forwarded(),
        )
    }
}

/// A message that its actor has taken and put aside. Made by [`Context::stash`](crate::Context::stash). For an actor
/// that orders its work by something other than arrival, such as priority.
///
/// Until it is used it keeps its room in the mailbox, so that the capacity also bounds what is put aside. It knows
/// whether its caller has gone. If it is handed on, the other actor knows the caller and the deadline, as with
/// [`Context::forward`](crate::Context::forward). If it is dropped unused, also on its way to another actor, it is a
/// dead letter ([rule 11](crate::lifecycle#rule-11)), unless its caller has gone; an ask resolves at once, like one
/// that was never started.
///
/// An end does not wait for messages that are put aside. A drain handles what is in the mailbox and then calls
/// [`Actor::on_drain`](crate::Actor::on_drain), where the actor can handle the rest or hand it on.
/// [`Context::stop_if_empty`](crate::Context::stop_if_empty) looks only at the mailbox. What is still put aside when
/// the state is dropped is dropped with it, and its asks fail as stopped.
///
/// Once the handler that put it aside has ended, the caller's wait is no longer seen in a cycle ([rule
/// 16](crate::lifecycle#rule-16)): as with a [`ReplyTo`](crate::ReplyTo) that is kept, anybody might send the reply. So
/// if an actor has put an ask aside and asks that caller in turn, it should set a limit.
///
/// ```
/// # use tenure::prelude::*;
/// # use tenure::Stashed;
/// /// Answers in pairs.
/// #[derive(Default)]
/// struct Tables { waiting: Option<Stashed<ReplyTo<u32>>>, number: u32 }
///
/// impl Actor for Tables {
///     type Msg = ReplyTo<u32>;
///
///     async fn handle(&mut self, guest: ReplyTo<u32>, ctx: &mut Context<Self>) -> tenure::Result {
///         match self.waiting.take().filter(|other| !other.is_abandoned()) {
///             None => self.waiting = Some(ctx.stash(guest)),
///             Some(other) => {
///                 self.number += 1;
///                 other.into_inner().send(self.number);
///                 guest.send(self.number);
///             }
///         }
///         Ok(())
///     }
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), RunError> {
/// # tenure::scope(async |scope| {
/// #     let tables = scope.spawn(Tables::default())?;
/// #     let guest = || tables.ask(|reply| reply);
/// #     assert_eq!(tokio::try_join!(guest(), guest())?, (1, 1));
/// #     Ok(())
/// # }).await
/// # }
/// ```
#[must_use = "dropped, it is a dead letter"]
pub struct Stashed<M: Send + 'static> {
    /// `None` once it is used.
    message: Option<M>,
    /// Its number in the mailbox.
    number: Option<u64>,
    caller: Option<Arc<dyn Caller>>,
    reserved: Option<Reserved>,
    cell: Arc<ActorCell<M>>,
}

impl<M: Send + 'static> Stashed<M> {
    pub(super) fn new(
        cell: Arc<ActorCell<M>>,
        number: Option<u64>,
        message: M,
        caller: Option<Arc<dyn Caller>>,
    ) -> Self {
        Self {
            message: Some(message),
            number,
            caller,
            reserved: Some(cell.queue.hold_room()),
            cell,
        }
    }

    /// Whether it is an ask whose caller has gone, so that nobody needs it.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        self.caller.as_ref().is_some_and(|caller| caller.has_gone())
    }

    /// The deadline of its caller, as [`Context::deadline`](crate::Context::deadline).
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let caller = self.caller.as_ref()?;
        moment::decode(caller.limit()).filter(|_| caller.is_open())
    }

    /// Hands it on to another actor, as [`Context::forward`](crate::Context::forward) does. Its room is freed at once.
    ///
    /// # Errors
    ///
    /// Those of [`ActorRef::tell`], which give it back, with its room taken again.
    pub fn forward(self, to: &ActorRef<M>) -> Forward<'_, M> {
        Forward::new(self, to)
    }

    /// As [`forward`](Stashed::forward), if there is room for it now.
    ///
    /// # Errors
    ///
    /// Those of [`ActorRef::try_tell`], which give it back.
    pub fn try_forward(mut self, to: &ActorRef<M>) -> Result<(), TrySendError<Self>> {
        let Some(message) = self.message.take() else {
            return Ok(());
        };
        match to.try_tell_for(message, self.caller.clone()) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(refused)) => {
                self.message = Some(refused.into_inner());
                Err(TrySendError::full(self))
            }
            Err(TrySendError::Stopped(refused)) => {
                self.message = Some(refused.into_inner());
                Err(TrySendError::stopped(self))
            }
        }
    }

    /// The message, to be handled now. The context's [caller](crate::Context::caller_gone) is not the caller of this
    /// message; use [`ReplyTo::gone`](crate::ReplyTo::gone).
    #[must_use]
    pub fn into_inner(mut self) -> M {
        self.take()
    }

    /// Frees its room and takes out the message with its caller, to be sent to another actor.
    pub(super) fn lend(&mut self) -> (M, Option<Arc<dyn Caller>>) {
        self.free_room();
        (self.take(), self.caller.clone())
    }

    /// Puts a message that was not sent aside again. Its room may exceed the capacity by one.
    pub(super) fn put_back(mut self, message: M) -> Self {
        self.reserved = Some(self.cell.queue.hold_room());
        self.message = Some(message);
        self
    }

    /// Drops it with a message that was not sent.
    pub(super) fn drop_with(mut self, message: M) {
        self.message = Some(message);
    }

    fn free_room(&mut self) {
        if let Some(reserved) = self.reserved.take() {
            self.cell.queue.release(reserved);
        }
    }

    fn take(&mut self) -> M {
        // Taking the message consumes this value.
        self.message.take().expect("it is used once")
    }
}

impl<M: Send + 'static> AsRef<M> for Stashed<M> {
    /// # Panics
    ///
    /// Never: using it consumes it.
    fn as_ref(&self) -> &M {
        // Taking the message consumes this value.
        self.message.as_ref().expect("it is not used")
    }
}

impl<M: Send + 'static> Drop for Stashed<M> {
    fn drop(&mut self) {
        self.free_room();
        let Some(message) = self.message.take() else {
            return;
        };
        let is_no_loss = self.is_abandoned();
        let reason = match self.cell.node.signals.load().is_told_to_end() {
            true => DropReason::Stopped,
            false => DropReason::Overflow,
        };
        let numbers = self.number.map_or(0..0, |number| number..number + 1);
        self.cell.node.drop_unhandled(numbers, reason, || {
            self.cell.discard_one(message, is_no_loss);
        });
    }
}

impl<M: Send + 'static> fmt::Debug for Stashed<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stashed")
            .field("is_abandoned", &self.is_abandoned())
            .finish_non_exhaustive()
    }
}
