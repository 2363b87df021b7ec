mod loop_side;

use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::panic::Location;
use std::sync::{Arc, Mutex};

use tokio::time::Instant;

use super::cancelled::Cancelled;
use super::cell::ActorCell;
use super::sources::Sources;
use super::task::{AtStop, launch_task};
use super::work::{self, Shape};
use super::{Actor, ActorRef, IntoTask, Spawner, TaskHandle, Tell, WeakRef, refused};
use crate::error::{SpawnError, StopError, TrySendError};
use crate::mailbox::{Batch, Caller, CallerGone, UntilCallerGone};
use crate::tree::signals::Marks;
use crate::tree::{NodeRef, Order, Stopping, finish, request_own, run_as};

/// An actor's access to its own node, passed to its handlers and hooks.
///
/// Everything that is started through it is owned, listed, stopped and joined with the actor. The methods that start
/// things are those of [`Spawner`], to which it dereferences.
///
/// ```
/// # use tenure::prelude::*;
/// struct Fetcher { pages: u32 }
///
/// enum FetcherMsg { Fetch, Fetched(u32), Count(ReplyTo<u32>) }
///
/// impl Actor for Fetcher {
///     type Msg = FetcherMsg;
///
///     async fn handle(&mut self, msg: FetcherMsg, ctx: &mut Context<Self>) -> tenure::Result {
///         match msg {
///             // The work runs beside the mailbox; its result comes back as a message.
///             FetcherMsg::Fetch => drop(ctx.pipe(async { 3 }, FetcherMsg::Fetched)?),
///             FetcherMsg::Fetched(pages) => self.pages += pages,
///             FetcherMsg::Count(reply) => reply.send(self.pages),
///         }
///         Ok(())
///     }
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), RunError> {
/// # tenure::scope(async |scope| {
/// #     let fetcher = scope.spawn(Fetcher { pages: 0 })?;
/// #     fetcher.tell(FetcherMsg::Fetch).await?;
/// #     while fetcher.ask(FetcherMsg::Count).await? != 3 { tokio::task::yield_now().await }
/// #     Ok(())
/// # }).await
/// # }
/// ```
pub struct Context<A: Actor> {
    cell: Arc<ActorCell<A::Msg>>,
    spawner: Spawner,
    batch: Batch<A::Msg>,
    /// Made when the first source is set up.
    pub(super) sources: Option<Box<Mutex<Sources<A::Msg>>>>,
    /// The label that was published last, as one word: see `mark_of` in `loop_side`.
    label: u64,
}

impl<A: Actor> Context<A> {
    pub(crate) fn new(cell: Arc<ActorCell<A::Msg>>) -> Self {
        Self {
            spawner: Spawner::new(Arc::clone(&cell) as _),
            cell,
            batch: Batch::new(),
            sources: None,
            label: 0,
        }
    }

    /// A reference to this actor.
    #[must_use]
    pub fn me(&self) -> ActorRef<A::Msg> {
        ActorRef::new(Arc::clone(&self.cell))
    }

    /// A weak reference to this actor, to be kept in the actor's own state. A counted one there would hide that nobody
    /// else can reach the actor ([`Snapshot`](crate::observe::Snapshot#unreachable)).
    #[must_use]
    pub fn me_weak(&self) -> WeakRef<A::Msg> {
        WeakRef::new(&self.cell)
    }

    /// Runs a future, or a [`TaskSpec`](crate::TaskSpec) of one, as a task of this actor, and sends its output to the
    /// actor itself as a message. A drain waits for the task and handles the message; a stop or [`TaskHandle::cancel`]
    /// drops it.
    ///
    /// If the handler of such a message always starts another pipe, a drain never ends: bound it with
    /// [`Stopping::within`](crate::Stopping::within).
    ///
    /// # Errors
    ///
    /// [`SpawnError`] gives back what was to be run, unpolled, as for [`Spawner::task`].
    #[track_caller]
    pub fn pipe<P, C>(&self, work: P, to_message: C) -> Result<TaskHandle<()>, SpawnError<(P, C)>>
    where
        P: IntoTask<Work: Future<Output: Send> + Send + 'static>,
        C: FnOnce(<P::Work as Future>::Output) -> A::Msg + Send + 'static,
    {
        let (owner, site) = (self.spawner.owner(), Location::caller());
        let shape = Shape::plain::<P::Work>();
        let cell = match work::register_task(owner, work.options(), shape, site) {
            Ok(cell) => cell,
            Err(denied) => return Err(refused((work, to_message), denied)),
        };
        let (me, future) = (self.me(), work.into_spec().into_inner());
        let deliver = async move {
            // The send is refused only if the actor is stopping. Then this is a stop as well (rule 4).
            me.tell(to_message(future.await)).await
        };
        Ok(launch_task(cell, || deliver, AtStop::Drop))
    }

    /// Asks this actor to stop once the current handler or hook has returned. As [`ActorRef::stop`], but the actor
    /// counts as ended by itself ([`StopReason::Finished`](crate::StopReason)). An actor that is always restarted
    /// ([`Restart::Always`](crate::Restart)) only ends its incarnation, and keeps its mailbox.
    pub fn stop(&self) {
        finish(self.spawner.owner());
    }

    /// Asks this actor to drain and end by itself. An actor that is always restarted ends its incarnation once its
    /// mailbox is empty.
    pub fn drain(&self) {
        if self.cell.node.signals.marks().has(Marks::ALWAYS) {
            self.stop_if_empty();
        } else {
            request_own(self.spawner.owner(), Order::Drain);
        }
    }

    /// Asks this actor to stop as soon as it finds its mailbox empty. Messages that come before that are handled, and
    /// none is accepted and then lost. Messages that the actor has [put aside](Context::stash) are not looked at.
    pub fn stop_if_empty(&self) {
        self.cell.node.signals.stop_if_empty();
    }

    /// Stops one child. The call requests the stop; awaiting the returned future waits for the end.
    ///
    /// # Errors
    ///
    /// [`StopError::NotAChild`](crate::StopError::NotAChild) if this actor does not own the node, which is not stopped
    /// then.
    #[track_caller]
    pub fn stop_child(&self, child: &NodeRef) -> Result<Stopping, StopError> {
        let mine = child
            .owner()
            .is_some_and(|owner| owner.id() == self.cell.node.id());
        if mine {
            Ok(child.stop())
        } else {
            Err(StopError::NotAChild)
        }
    }

    /// The next message, if one is queued and the actor is not to end. For handling a batch in one go. The message
    /// counts as started.
    pub fn try_next(&mut self) -> Option<A::Msg> {
        if self.cell.node.signals.load().ends_batch() {
            return None;
        }
        // The callers of a whole batch may have gone.
        while self.is_ready() {
            if let Some(message) = self.next_queued() {
                return Some(message);
            }
        }
        None
    }

    /// A future that ends when this actor is to end. It borrows nothing, so it can be used in a `select!` beside work
    /// on the actor's state.
    ///
    /// In the actor's own handlers it means a stop or a kill: a drain still handles accepted messages, and those that
    /// come from beneath while the children end. In a task that holds it, it also ends in a drain, when the
    /// [`token`](Spawner::token) fires because the mailbox is empty.
    ///
    /// # Cancel safety
    ///
    /// Dropping it loses nothing.
    pub fn cancelled(&self) -> Cancelled {
        Cancelled::new(Arc::clone(self.spawner.owner()))
    }

    /// A future that ends when the caller of the current message goes without its reply: the ask was dropped, or its
    /// time was up. For a message without a caller it never ends.
    ///
    /// It borrows nothing. It is for the message that was taken last, also by [`try_next`](Context::try_next), and
    /// stays so after that message's handler has ended.
    ///
    /// # Cancel safety
    ///
    /// Dropping it loses nothing.
    pub fn caller_gone(&self) -> CallerGone {
        let mailbox = || Arc::clone(&self.cell) as _;
        self.batch.caller_gone(&self.cell.queue, mailbox)
    }

    /// Runs work only as long as the caller waits. If the caller goes first, as for
    /// [`caller_gone`](Context::caller_gone), the work is dropped at once, with the asks in it, and the result is
    /// `None`. The actor's state stays whole, and the handler goes on.
    ///
    /// It does not borrow the context, and the work may use the actor's state.
    ///
    /// ```
    /// # use tenure::prelude::*;
    /// # struct Rows { db: ActorRef<ReplyTo<u32>>, served: u32 }
    /// # impl Actor for Rows {
    /// #     type Msg = ReplyTo<u32>;
    /// async fn handle(&mut self, reply: ReplyTo<u32>, ctx: &mut Context<Self>) -> tenure::Result {
    ///     let work = async {
    ///         let rows = self.db.ask(|reply| reply).await?;
    ///         self.served += rows;
    ///         Ok::<_, AskError>(rows)
    ///     };
    ///     // If the caller gives up, so does the query of the database.
    ///     if let Some(rows) = ctx.until_caller_gone(work).await {
    ///         reply.send(rows?);
    ///     }
    ///     Ok(())
    /// }
    /// # }
    /// ```
    pub fn until_caller_gone<F: Future>(&self, work: F) -> UntilCallerGone<F> {
        UntilCallerGone::new(work, self.caller_gone())
    }

    /// Hands the current message, or another one in its place, on to another actor, and keeps its tie to the caller:
    /// there, too, it is skipped if the caller has gone, and the context knows the [deadline](Context::deadline) and
    /// the [caller](Context::caller_gone). The content of the message need not be known, as in a pool or a router. A
    /// message without a caller is sent as any other.
    ///
    /// Where the [`ReplyTo`](crate::ReplyTo) is at hand, [`ActorRef::forward`] does the same.
    ///
    /// It is for the message that was taken last, as [`caller_gone`](Context::caller_gone) is.
    ///
    /// ```
    /// # use tenure::prelude::*;
    /// # struct Job(ReplyTo<u32>);
    /// /// Hands each message to the one of two whose turn it is.
    /// struct Router { targets: [ActorRef<Job>; 2], turn: usize }
    ///
    /// impl Actor for Router {
    ///     type Msg = Job;
    ///     async fn handle(&mut self, job: Job, ctx: &mut Context<Self>) -> tenure::Result {
    ///         self.turn += 1;
    ///         ctx.forward(&self.targets[self.turn % 2], job).await?;
    ///         Ok(())
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`ActorRef::tell`], which give the message back.
    pub fn forward<'a, N: Send + 'static>(&self, to: &'a ActorRef<N>, message: N) -> Tell<'a, N> {
        to.tell(message).with_caller(self.forwarded())
    }

    /// As [`forward`](Context::forward), if there is room for it now.
    ///
    /// # Errors
    ///
    /// Those of [`ActorRef::try_tell`], which give the message back.
    pub fn try_forward<N: Send + 'static>(
        &self,
        to: &ActorRef<N>,
        message: N,
    ) -> Result<(), TrySendError<N>> {
        to.try_tell_for(message, self.forwarded())
    }

    /// The number of the message that was taken last.
    pub(super) fn last_number(&self) -> Option<u64> {
        self.batch.last_number()
    }

    pub(super) fn forwarded(&self) -> Option<Arc<dyn Caller>> {
        let mailbox = || Arc::clone(&self.cell) as _;
        self.batch.forwarded(&self.cell.queue, mailbox)
    }

    /// The deadline of the current message, if it has one and its reply was neither sent nor dropped. Asks that are
    /// made until then inherit it ([rule 10](crate::lifecycle#rule-10)).
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.batch.deadline()
    }
}

impl<A: Actor> Deref for Context<A> {
    type Target = Spawner;

    fn deref(&self) -> &Spawner {
        &self.spawner
    }
}

/// Asks in a batch that were never started have to resolve, even if the runtime drops the actor.
impl<A: Actor> Drop for Context<A> {
    fn drop(&mut self) {
        if let Some(left) = self.take_leftover() {
            drop(run_as(self.owner(), || self.drop_leftover(left)));
        }
    }
}

impl<A: Actor> fmt::Debug for Context<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("me", &self.me()).finish()
    }
}
