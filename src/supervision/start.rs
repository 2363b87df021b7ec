use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};
use std::time::Duration;

use super::restart::RestartCounter;
use super::{ChildSpec, IntoChild};
use crate::actor::{
    Actor, ActorCell, ActorRef, ActorTask, ActorType, Context, Incarnation, MessageLoop, Restarts,
    Spawner, Start, StartBoxed, StartInline, refused, shell,
};
use crate::error::{Kind, SpawnError, StartError, StopError};
use crate::mailbox::Queue;
use crate::tree::{
    AnyNode, Denied, Exit, Node, Request, UntilStopped, WaitBound, WaitError, launch, register,
    simulated,
};

/// Larger actors are not moved from function to function.
const LARGE: usize = 8 * 1024;

pub(super) type MsgOf<C> = <<<C as IntoChild>::Start as Start>::Actor as Actor>::Msg;

impl Spawner {
    /// Starts an actor as a child of the owner, from the actor itself, its recipe, or a
    /// [`ChildSpec`](crate::ChildSpec). It returns at once; messages can be sent while the start
    /// still runs. A start that fails is a failure of the child.
    ///
    /// # Errors
    ///
    /// [`SpawnError`] gives back what was to be started, unpolled.
    #[track_caller]
    pub fn spawn<C: IntoChild>(&self, child: C) -> Result<ActorRef<MsgOf<C>>, SpawnError<C>> {
        let mut child = Some(child);
        let spawned = spawn(self, &mut child, false, Location::caller());
        spawned.map_err(|denied| take_back(&mut child, denied))
    }

    /// As [`spawn`](Spawner::spawn), and waits until the actor's start has returned. Only the caller gets the failure
    /// of a start.
    ///
    /// # Errors
    ///
    /// [`StartError::Refused`] gives back what was to be started, unpolled; [`StartError::Failed`] and
    /// [`StartError::Stopped`] come once everything that the start had started has ended; [`StartError::TimedOut`] only
    /// with a [`timeout`](Starting::timeout); [`StartError::Deadlock`] if the start waits for the node that awaits it
    /// ([rule 16](crate::lifecycle#rule-16)).
    #[track_caller]
    pub fn start<C: IntoChild>(&self, child: C) -> Starting<C> {
        start_at(self, child, Location::caller())
    }
}

pub(super) fn start_at<C: IntoChild>(
    spawner: &Spawner,
    child: C,
    site: &'static Location<'static>,
) -> Starting<C> {
    let mut child = Some(child);
    let spawned = spawn(spawner, &mut child, true, site);
    let spawned = spawned.map_err(|denied| take_back(&mut child, denied));
    let node = |actor: &ActorRef<_>| Arc::clone(actor.node().any());
    Starting {
        end: spawned.as_ref().ok().map(node).map(UntilStopped::new),
        spawned: Some(spawned),
        bound: WaitBound::new(),
    }
}

/// Takes the child out of `child` and starts it, unless it is denied.
///
/// In a debug build each move of a value takes room in the function's stack frame. A large child would overflow the
/// stack, so it is not moved from function to function.
pub(crate) fn spawn<C: IntoChild>(
    spawner: &Spawner,
    child: &mut Option<C>,
    is_awaited: bool,
    site: &'static Location<'static>,
) -> Result<ActorRef<MsgOf<C>>, Denied> {
    let cell = register_child(spawner, child.as_ref(), is_awaited, site)?;
    // If the conversion panics, dropping this ends the node.
    let exit = Exit::of_loop(Arc::clone(&cell) as _);
    if const { size_of::<ActorTask<C::Start>>() > LARGE } {
        begin_large(&cell, exit, child);
    } else {
        begin(&cell, exit, child);
    }
    Ok(ActorRef::new(cell))
}

/// Gives a child that was denied back to its spawner.
#[cold]
pub(crate) fn take_back<C>(child: &mut Option<C>, denied: Denied) -> SpawnError<C> {
    refused(child.take().expect("it was denied"), denied)
}

fn take<C>(child: &mut Option<C>) -> C {
    child.take().expect("its spawner has one to start")
}

/// Registers the child beneath its owner.
fn register_child<C: IntoChild>(
    spawner: &Spawner,
    child: Option<&C>,
    is_awaited: bool,
    site: &'static Location<'static>,
) -> Result<Arc<ActorCell<MsgOf<C>>>, Denied> {
    let options = child.and_then(C::options);
    let mailbox = options.and_then(|options| options.mailbox);
    let mut settings = options
        .map(|options| options.settings.clone())
        .unwrap_or_default();
    settings.is_outcome_awaited = is_awaited;
    let has_bad_backoff = options.is_some_and(|options| !options.policy.backoff.is_valid());
    let name = options.and_then(|options| options.settings.name.as_deref());
    register(spawner.owner(), name, |place| {
        let mut mailbox = mailbox.unwrap_or(place.shared.mailbox);
        if mailbox.capacity() == Some(0) {
            return Err(Denied::NoCapacity);
        }
        if mailbox.capacity().is_some() && simulated::narrows_mailbox() {
            mailbox = mailbox.narrowed();
        }
        if has_bad_backoff {
            return Err(Denied::BadBackoff);
        }
        let is_noted = place.shared.is_noted();
        Ok(Arc::new(ActorCell {
            node: Node::new(place, Kind::Actor, site, settings),
            queue: Queue::new(mailbox, is_noted),
            kind: ActorType::of::<<C::Start as Start>::Actor>(),
        }))
    })
}

type CellOf<S> = ActorCell<<<S as Start>::Actor as Actor>::Msg>;

#[inline]
fn begin<C: IntoChild>(cell: &Arc<CellOf<C::Start>>, exit: Exit, child: &mut Option<C>) {
    let task = actor_task(cell, exit, take(child).into_spec());
    let node = || Arc::clone(cell) as Arc<dyn AnyNode>;
    launch(
        &cell.node.shared.handle,
        node,
        shell::<_, StartInline>(task),
    );
}

/// As [`begin`], for a large actor: the recipe is boxed at once, and the actor's task is made in the first poll, when
/// nothing else is on the stack.
fn begin_large<C: IntoChild>(cell: &Arc<CellOf<C::Start>>, exit: Exit, child: &mut Option<C>) {
    let large = Large {
        spec: boxed_spec(child),
        cell: Arc::clone(cell),
        exit,
    };
    let node = || Arc::clone(cell) as Arc<dyn AnyNode>;
    launch(&cell.node.shared.handle, node, async {
        large.into_shell().await;
    });
}

fn boxed_spec<C: IntoChild>(child: &mut Option<C>) -> Box<ChildSpec<C::Start>> {
    Box::new(take(child).into_spec())
}

/// What the task of a large actor holds before its first poll. `exit` is dropped last.
struct Large<S: Start> {
    spec: Box<ChildSpec<S>>,
    cell: Arc<CellOf<S>>,
    exit: Exit,
}

impl<S: Start> Large<S> {
    fn into_shell(self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(shell::<_, StartBoxed>(self.into_task()))
    }

    fn into_task(self) -> ActorTask<S> {
        let Self { spec, cell, exit } = self;
        actor_task(&cell, exit, *spec)
    }
}

fn actor_task<S: Start>(cell: &Arc<CellOf<S>>, exit: Exit, spec: ChildSpec<S>) -> ActorTask<S> {
    let ctx = Context::new(Arc::clone(cell));
    match spec.clone {
        None => task_of_one(ctx, exit, spec.start),
        Some(clone) => task_of_many(ctx, exit, restarts(spec, clone)),
    }
}

/// The task of an actor with one incarnation.
fn task_of_one<S: Start>(ctx: Context<S::Actor>, exit: Exit, start: S) -> ActorTask<S> {
    ActorTask {
        message_loop: MessageLoop {
            incarnation: Incarnation::Recipe(start),
            ctx,
        },
        restarts: None,
        exit,
    }
}

/// The task of an actor that may be restarted.
fn task_of_many<S: Start>(
    ctx: Context<S::Actor>,
    exit: Exit,
    restarts: Box<Restarts<S>>,
) -> ActorTask<S> {
    ActorTask {
        message_loop: MessageLoop {
            incarnation: Incarnation::Nothing,
            ctx,
        },
        restarts: Some(restarts),
        exit,
    }
}

fn restarts<S: Start>(spec: ChildSpec<S>, clone: fn(&S) -> S) -> Box<Restarts<S>> {
    let policy = Box::new(RestartCounter::new(spec.options.policy));
    Box::new(Restarts::new(spec.start, clone, policy))
}

/// An actor that is being started. Made by [`Spawner::start`].
///
/// # Errors
///
/// [`StartError`].
///
/// # Panics
///
/// When it is polled again after it was ready; with a [`timeout`](Starting::timeout), when it is awaited outside of a runtime with a timer.
///
/// # Cancel safety
///
/// If it is dropped before it is ready, the actor is killed, and its owner joins it.
#[must_use = "dropped, this kills what it started"]
pub struct Starting<C: IntoChild> {
    /// `None` once it is ready.
    spawned: Option<Result<ActorRef<MsgOf<C>>, SpawnError<C>>>,
    end: Option<UntilStopped>,
    bound: WaitBound,
}

impl<C: IntoChild> Starting<C> {
    /// Waits for at most this long from now; the error is [`StartError::TimedOut`] then, and the actor is killed. With
    /// zero, only a start that has returned already is in time.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.bound.set_timeout(limit);
        self
    }

    /// Waits even if that completes a cycle of nodes that wait for each other, as for
    /// [`Ask::even_if_cyclic`](crate::Ask::even_if_cyclic).
    pub fn even_if_cyclic(mut self) -> Self {
        self.bound.allow_cycles();
        self
    }
}

/// Nothing in it is pinned.
impl<C: IntoChild> Unpin for Starting<C> {}

impl<C: IntoChild> Future for Starting<C> {
    type Output = Result<ActorRef<MsgOf<C>>, StartError<C>>;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let actor = match this.spawned.take().expect("polled after it was ready") {
            Ok(actor) => actor,
            Err(error) => return Poll::Ready(Err(StartError::Refused(error))),
        };
        // The signals are read after the waker is registered, so that no change is missed in between.
        let ended = this.end.as_mut().map(|end| Pin::new(end).poll(cx));
        if !actor
            .node()
            .any()
            .node()
            .signals
            .load()
            .is_outcome_awaited()
        {
            return Poll::Ready(Ok(actor));
        }
        match ended {
            Some(Poll::Ready(Err(StopError::Failed(failure)))) => {
                Poll::Ready(Err(StartError::Failed(failure)))
            }
            Some(Poll::Ready(_)) => Poll::Ready(Err(StartError::Stopped)),
            Some(Poll::Pending) | None => this.poll_bound(actor, cx),
        }
    }
}

impl<C: IntoChild> Starting<C> {
    /// Called while the start has not returned. If the wait fails, the actor is killed.
    fn poll_bound(
        &mut self,
        actor: ActorRef<MsgOf<C>>,
        cx: &mut task::Context<'_>,
    ) -> Poll<Result<ActorRef<MsgOf<C>>, StartError<C>>> {
        let wait = || (Arc::clone(actor.node().any()), Request::Start);
        let error = self.bound.poll(wait, cx);
        self.spawned = Some(Ok(actor));
        error.map(|error| {
            self.undo();
            Err(match error {
                WaitError::TimedOut => StartError::TimedOut,
                WaitError::Cycle(cycle) => StartError::Deadlock(cycle),
            })
        })
    }

    fn undo(&mut self) {
        if let Some(Ok(actor)) = self.spawned.take() {
            drop(actor.kill());
            actor.node().any().forget_errors();
        }
    }
}

/// Kills an actor whose start nobody waits for any more.
impl<C: IntoChild> Drop for Starting<C> {
    fn drop(&mut self) {
        self.undo();
    }
}

impl<C: IntoChild> fmt::Debug for Starting<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Starting").finish_non_exhaustive()
    }
}
