use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::Actor;
use super::ask::Ask;
use super::cell::ActorCell;
use super::permit::Reserve;
use super::recipient::Recipient;
use super::tell::{Tell, hand_on};
use super::weak_ref::WeakRef;
use crate::error::{AskError, Phase, SendError, TrySendError};
use crate::mailbox::{Caller, CallerTracking, Refusal, ReplyTo};
use crate::tree::{AnyNode, NodeId, NodeRef, Stopped, Stopping};

/// A reference to an actor, typed by the message that it takes.
///
/// It observes: cloning, keeping or dropping one neither keeps the actor alive nor ends it
/// ([rule 12](crate::lifecycle#rule-12)). Sending to an actor that is gone gives the message back.
///
/// ```
/// # use tenure::prelude::*;
/// # struct Echo;
/// # struct Say(&'static str, ReplyTo<&'static str>);
/// # impl Actor for Echo {
/// #     type Msg = Say;
/// #     async fn handle(&mut self, Say(text, reply): Say, _: &mut Context<Self>) -> tenure::Result {
/// #         reply.send(text);
/// #         Ok(())
/// #     }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), RunError> {
/// tenure::scope(async |scope| {
///     let echo: ActorRef<Say> = scope.spawn(Echo)?;
///     assert_eq!(echo.ask(|reply| Say("hello", reply)).await?, "hello");
///
///     echo.stop().await?;
///     let refused = echo.ask(|reply| Say("still there?", reply)).await;
///     assert_eq!(refused, Err(AskError::Stopped));
///     Ok(())
/// })
/// .await
/// # }
/// ```
///
/// It is typed by the message and not by the actor, so that a test double fits in place of the real actor. A reference
/// to a `Counter` whose `Msg` is `CounterMsg` is an `ActorRef<CounterMsg>`; an `ActorRef<Counter>` would refer to an
/// actor that takes whole `Counter`s as messages. [`RefTo<Counter>`](RefTo) names the same type by the actor.
pub struct ActorRef<M: Send + 'static> {
    cell: Arc<ActorCell<M>>,
}

/// The type of a reference to the actor `A`: an [`ActorRef`] that is typed by the actor's message.
///
/// ```
/// # use tenure::prelude::*;
/// # struct Counter;
/// # enum CounterMsg { Add(u64) }
/// # impl Actor for Counter {
/// #     type Msg = CounterMsg;
/// #     async fn handle(&mut self, _: CounterMsg, _: &mut Context<Self>) -> tenure::Result { Ok(()) }
/// # }
/// struct Page {
///     /// The same as `ActorRef<CounterMsg>`.
///     visits: RefTo<Counter>,
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), RunError> {
/// tenure::scope(async |scope| {
///     let page = Page { visits: scope.spawn(Counter)? };
///     page.visits.tell(CounterMsg::Add(1)).await?;
///     Ok(())
/// })
/// .await
/// # }
/// ```
pub type RefTo<A> = ActorRef<<A as Actor>::Msg>;

impl<M: Send + 'static> ActorRef<M> {
    pub(crate) fn new(cell: Arc<ActorCell<M>>) -> Self {
        Self { cell }
    }

    /// Sends a message, and waits for room if the mailbox is full. Waiting senders are served in the order in which
    /// they came.
    ///
    /// The message is sent when this is awaited; [`Tell::timeout`] bounds the wait.
    ///
    /// # Errors
    ///
    /// [`SendError::Stopped`] gives the message back if the actor takes no more messages, [`SendError::Deadlock`] if
    /// the wait for room would never end ([rule 16](crate::lifecycle#rule-16)).
    pub fn tell(&self, message: M) -> Tell<'_, M> {
        Tell::new(&self.cell, message)
    }

    /// Sends a message if there is room for it now.
    ///
    /// # Errors
    ///
    /// [`TrySendError`] gives the message back if the mailbox is full, if others wait for room, or if the actor takes
    /// no more messages.
    pub fn try_tell(&self, message: M) -> Result<(), TrySendError<M>> {
        self.try_tell_for(message, None)
    }

    /// As [`try_tell`](ActorRef::try_tell), for a message that is handed on with its caller.
    #[inline]
    pub(super) fn try_tell_for(
        &self,
        message: M,
        caller: Option<Arc<dyn Caller>>,
    ) -> Result<(), TrySendError<M>> {
        let mut message = Some(message);
        let tracking = || CallerTracking::from(caller.clone());
        let pushed = match self.cell.try_push(&mut message, tracking) {
            Err(Refusal::Overflows) => self.cell.push_over(&mut message, tracking()),
            pushed => pushed.map(Some),
        };
        match (pushed, message) {
            (Err(Refusal::Full | Refusal::Overflows), Some(message)) => {
                Err(TrySendError::full(message))
            }
            (Err(Refusal::Closed), Some(message)) => Err(TrySendError::stopped(message)),
            (pushed, _) => {
                if let Some(caller) = &caller {
                    hand_on(&self.cell, caller, pushed.ok().flatten());
                }
                Ok(())
            }
        }
    }

    /// Waits for room, and holds it for one message that is sent later.
    ///
    /// # Errors
    ///
    /// [`SendError::Stopped`], with nothing inside, if the actor takes no more messages;
    /// [`SendError::Deadlock`] if the wait would never end ([rule 16](crate::lifecycle#rule-16)).
    pub fn reserve(&self) -> Reserve<'_, M> {
        Reserve::new(&self.cell)
    }

    /// As [`tell`](ActorRef::tell), on a thread that may block: in a [`blocking`](crate::Spawner::blocking) job, or
    /// outside of the runtime. On a runtime's own thread it would block everything else there. [`Tell::blocking_wait`]
    /// is the same with the options of a tell, such as a timeout.
    ///
    /// # Errors
    ///
    /// [`SendError::Stopped`] gives the message back if the actor takes no more messages, [`SendError::Deadlock`] if
    /// the wait for room would never end ([rule 16](crate::lifecycle#rule-16)).
    pub fn blocking_tell(&self, message: M) -> Result<(), SendError<M>> {
        self.tell(message).blocking_wait()
    }

    /// Sends a message that carries a [`ReplyTo`], and waits for the reply. It always resolves
    /// ([rule 10](crate::lifecycle#rule-10)).
    ///
    /// The closure, often just a variant's name, makes the message from the [`ReplyTo`]. [`Ask::timeout`] bounds the
    /// whole ask. If the ask is dropped before the actor has started the message, the actor skips it.
    ///
    /// # Errors
    ///
    /// [`AskError`] says why there is no reply.
    pub fn ask<T: Send + 'static>(&self, message: impl FnOnce(ReplyTo<T>) -> M) -> Ask<'_, M, T> {
        Ask::new(&self.cell, message)
    }

    /// As [`ask`](ActorRef::ask), but does not wait for room.
    ///
    /// # Errors
    ///
    /// [`AskError::Full`] if there is no room when it is first polled, or any other [`AskError`].
    pub fn try_ask<T: Send + 'static>(
        &self,
        message: impl FnOnce(ReplyTo<T>) -> M,
    ) -> Ask<'_, M, T> {
        Ask::new(&self.cell, message).without_waiting()
    }

    /// As [`ask`](ActorRef::ask), on a thread that may block, as for
    /// [`blocking_tell`](ActorRef::blocking_tell). [`Ask::blocking_wait`] is the same with the options of an ask,
    /// such as a timeout.
    ///
    /// # Errors
    ///
    /// [`AskError`] says why there is no reply.
    pub fn blocking_ask<T: Send + 'static>(
        &self,
        message: impl FnOnce(ReplyTo<T>) -> M,
    ) -> Result<T, AskError> {
        self.ask(message).blocking_wait()
    }

    /// Hands an ask on: the message made from `reply` goes to this actor, whose reply goes straight to the original
    /// caller. The ask keeps the caller's deadline and cancellation: it is skipped if the caller has gone, and the
    /// context of this actor knows both ([`Context::deadline`](crate::Context::deadline),
    /// [`Context::caller_gone`](crate::Context::caller_gone)).
    ///
    /// # Errors
    ///
    /// [`SendError::Stopped`] and [`SendError::Deadlock`] give the message back, with the reply in it.
    pub fn forward<T: Send + 'static>(
        &self,
        reply: ReplyTo<T>,
        message: impl FnOnce(ReplyTo<T>) -> M,
    ) -> Tell<'_, M> {
        let caller = reply.caller();
        self.tell(message(reply)).with_caller(caller)
    }

    /// Asks for a stop: the actor finishes the message it is handling, discards its queue, stops
    /// its children, runs [`on_stop`](crate::Actor::on_stop), and is dropped and joined.
    ///
    /// Beneath an actor that ends, tasks and blocking jobs are told first, all at once; actors are told only once those
    /// are joined ([rule 3](crate::lifecycle#rule-3)). So a task can still ask its sibling actors, and a task that
    /// takes long delays their end. In a stop a plain task is dropped at its next await.
    ///
    /// The call requests the stop; awaiting the returned future waits for the end.
    ///
    /// # Errors
    ///
    /// Those of [`Stopping`], when it is awaited.
    #[track_caller]
    pub fn stop(&self) -> Stopping {
        self.node().stop()
    }

    /// Asks for a drain: as a stop, but every accepted message is handled first, and everything beneath the actor
    /// drains too, tasks before actors as in a [`stop`](Self::stop).
    ///
    /// Until nothing is left beneath it, the actor still takes children through its [`Spawner`](crate::Spawner)s, and
    /// drains them as well. So a drain can last for ever if children are started faster than they end. Bound it with
    /// [`Stopping::within`], or check [`is_ending`](crate::Spawner::is_ending) before starting them.
    ///
    /// An actor that fails while it drains is not restarted, whatever its policy says. Messages that it had accepted
    /// and not handled are lost, its asks fail with [`AskError::Failed`] or [`AskError::Stopped`], and the failure is a
    /// part of the outcome ([rule 9](crate::lifecycle#rule-9)).
    ///
    /// # Errors
    ///
    /// Those of [`Stopping`], when it is awaited.
    #[track_caller]
    pub fn drain(&self) -> Stopping {
        self.node().drain()
    }

    /// Asks for a kill: the handler is dropped at its await point, no hook runs, and everything beneath the actor is
    /// killed. Code that blocks its thread cannot be killed, and is reported.
    ///
    /// # Errors
    ///
    /// Those of [`Stopping`], when it is awaited.
    #[track_caller]
    pub fn kill(&self) -> Stopping {
        self.node().kill()
    }

    /// As [`stop`](Self::stop), without a future to wait for the end.
    #[track_caller]
    pub fn request_stop(&self) {
        self.node().request_stop();
    }

    /// As [`drain`](Self::drain), without a future to wait for the end.
    #[track_caller]
    pub fn request_drain(&self) {
        self.node().request_drain();
    }

    /// As [`kill`](Self::kill), without a future to wait for the end.
    #[track_caller]
    pub fn request_kill(&self) {
        self.node().request_kill();
    }

    /// Waits for the actor's end without asking for it.
    ///
    /// # Errors
    ///
    /// Those of [`Stopped`], when it is awaited.
    pub fn stopped(&self) -> Stopped {
        self.node().stopped()
    }

    /// Whether the actor and everything beneath it have ended.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.cell.node.phase() == Phase::Stopped
    }

    /// The actor's number, which no other node of this process has.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.cell.node.id()
    }

    /// Where the actor is in its tree, such as `/root/jobs/worker-3`.
    #[must_use]
    pub fn path(&self) -> String {
        self.cell.node.path(self.cell.type_name())
    }

    /// The untyped reference to the same actor.
    #[must_use]
    pub fn node(&self) -> NodeRef {
        NodeRef::new(Arc::clone(&self.cell) as Arc<dyn AnyNode>)
    }

    /// A weak reference to the same actor: see [`WeakRef`].
    #[must_use]
    pub fn downgrade(&self) -> WeakRef<M> {
        WeakRef::new(&self.cell)
    }

    /// A reference that can only send messages made from a `T`. It cannot stop the actor.
    #[must_use]
    pub fn recipient<T: Send + 'static>(&self) -> Recipient<T>
    where
        M: From<T>,
    {
        Recipient::new(Arc::clone(&self.cell))
    }
}

impl<M: Send + 'static> Clone for ActorRef<M> {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.cell))
    }
}

impl<M: Send + 'static> PartialEq for ActorRef<M> {
    fn eq(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}

impl<M: Send + 'static> Eq for ActorRef<M> {}

impl<M: Send + 'static> Hash for ActorRef<M> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id().hash(state);
    }
}

impl<M: Send + 'static> fmt::Debug for ActorRef<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ActorRef").field(&self.path()).finish()
    }
}
