//! The steps that start something.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context as Waking, Poll, ready};

use tenure::prelude::*;
use tenure::{IntoTask, StartError, StopError, StopReason, TaskError, TaskHandle, scope_send};

use crate::actor::{Act, Msg, Recipe};
use crate::perform::{Here, Place, bounded, given_up, perform, poll_once};
use crate::script::{At, Child, Held, List, Wait, Work};
use crate::waits::What;
use crate::world::{Boxed, Piece, Sort, Tag, World};

pub fn pipe(world: &Arc<World>, owner: Tag, ctx: &mut Context<Act>, body: &List) {
    let tag = world.reserve(Some(owner), Sort::Task(Work::Plain), None);
    let piece = Piece::new(world, tag);
    let body = body.clone();
    let mut here = Here::new(
        Arc::clone(world),
        Some(tag),
        false,
        Place::Spawner(ctx.spawner()),
    );
    let work = async move {
        let _piece = piece;
        here.world.runs(tag);
        perform(&mut here, &body.0).await
    };
    let known = Arc::clone(world);
    let piped = ctx.pipe(work, move |done| {
        drop(done);
        Msg::from_source(&known, owner, List::default())
    });
    match piped {
        Ok(handle) => world.know(tag, handle.node(), None, None),
        Err(refused) => {
            world.refuses(tag);
            drop(refused);
        }
    }
}

pub async fn spawn(here: &mut Here<'_>, under: Option<At>, child: &Child, wait: Option<Wait>) {
    let world = Arc::clone(&here.world);
    let (owner, spawner) = here.spawner(under);
    let child = Arc::new(child.clone());
    let tag = world.reserve(owner, Sort::Actor, Some(Arc::clone(&child)));
    let spec = spec(&world, tag, &child);
    let Some(wait) = wait else {
        match spawner.spawn(spec) {
            Ok(actor) => world.know(tag, actor.node(), Some(actor), None),
            Err(refused) => {
                world.refuses(tag);
                drop(refused);
            }
        }
        return;
    };
    world.lock().nodes[tag].start_is_awaited = true;
    let _waiting = here.waits(tag, What::Start, wait);
    let start = spawner.start(spec);
    let start: Pin<Box<dyn Future<Output = _> + Send>> = match wait {
        Wait::Limit(millis) => Box::pin(start.timeout(world.millis(millis))),
        Wait::EvenIfCyclic => Box::pin(start.even_if_cyclic()),
        Wait::Forever | Wait::GivenUp(_) => Box::pin(start),
    };
    let start = Followed::new(&world, tag, start, |started| {
        use StartError::{Deadlock, TimedOut};
        matches!(started, Err(TimedOut | Deadlock(_)))
    });
    let started = match wait {
        Wait::GivenUp(polls) => given_up(polls, start).await,
        _ => Some(start.await),
    };
    match started {
        Some(Ok(actor)) => world.starts(tag, actor),
        Some(Err(error)) => world.has_not_started(here.tag, tag, error),
        None => {}
    }
}

pub fn spec(world: &Arc<World>, tag: Tag, child: &Arc<Child>) -> ChildSpec<Recipe> {
    let mut spec = ChildSpec::new(Recipe::new(world, tag, child))
        .restart(child.restart)
        .strategy(child.strategy)
        .stop_order(child.stop_order)
        .auto_shutdown(child.auto_shutdown);
    if let Some(name) = child.name {
        spec = spec.name(format!("n{name}"));
    }
    if let Some(room) = child.room {
        spec = spec.mailbox(Mailbox::bounded(usize::from(room)));
    }
    if let Some(grace) = child.grace {
        spec = spec.grace(world.millis(grace));
    }
    if let Some(backoff) = child.backoff {
        spec = spec.backoff(Backoff::fixed(world.millis(backoff)));
    }
    if child.significant {
        spec = spec.significant();
    }
    if child.contained {
        spec = spec.contain();
    }
    spec
}

pub async fn task(
    here: &mut Here<'_>,
    under: Option<At>,
    work: Work,
    body: &List,
    contained: bool,
    wait: Option<Wait>,
) {
    let world = Arc::clone(&here.world);
    let (owner, spawner) = here.spawner(under);
    let tag = world.reserve(owner, Sort::Task(work), None);
    world.lock().nodes[tag].contained = contained;
    let piece = Piece::new(&world, tag);
    let body = body.clone();
    let place = Place::Spawner(spawner.clone());
    let mut inner = Here::new(Arc::clone(&world), Some(tag), here.timed, place);
    let future = async move {
        let _piece = piece;
        inner.world.runs(tag);
        perform(&mut inner, &body.0).await
    };
    let handle = match work {
        Work::Plain => begin(&spawner, TaskSpec::new(future), contained),
        Work::WithToken => {
            let spec = TaskSpec::with_token(|token| async move {
                tokio::select! {
                    biased;
                    () = token.cancelled() => Ok(()),
                    done = future => done,
                }
            });
            begin(&spawner, spec, contained)
        }
        // A job cannot wait: what it does must be over after one poll.
        Work::Job => begin(&spawner, TaskSpec::blocking(|_| at_once(future)), contained),
    };
    let Some(handle) = handle else {
        return world.refuses(tag);
    };
    world.know(tag, handle.node(), None, None);
    let Some(wait) = wait else {
        return;
    };
    let _waiting = here.waits(tag, What::End, wait);
    let ended = bounded!(world, wait, handle);
    let how = "a wait for a task";
    match ended {
        None => {}
        Some(Ok(())) => world.ended(tag, how, &Ok(StopReason::Finished)),
        Some(Err(TaskError::Stopped(reason))) => world.ended(tag, how, &reason.into_result()),
        Some(Err(TaskError::Failed(failure))) => {
            world.ended(tag, how, &Err(StopError::Failed(failure)));
        }
        Some(Err(TaskError::Deadlock(cycle))) => {
            world.refuses_wait(here.tag, tag, &format!("a wait for a task: {cycle}"));
        }
        Some(Err(TaskError::WaitsForItself)) => world.waits_for_itself(here.tag, tag),
        Some(Err(_)) => {}
    }
}

/// Starts a task. `None` if the spawn was refused.
fn begin<W: tenure::Work<Value = ()>>(
    spawner: &Spawner,
    spec: TaskSpec<W>,
    contained: bool,
) -> Option<TaskHandle<()>>
where
    TaskSpec<W>: IntoTask<Work = W>,
{
    let spec = if contained { spec.contain() } else { spec };
    spawner.task(spec).ok()
}

/// What a job can do: everything up to the first step that would have to wait.
fn at_once(future: impl Future<Output = tenure::Result>) -> tenure::Result {
    let mut cx = Waking::from_waker(std::task::Waker::noop());
    match pin!(future).poll(&mut cx) {
        Poll::Ready(done) => done,
        Poll::Pending => Ok(()),
    }
}

pub async fn scope(here: &mut Here<'_>, held: Held, body: &List) {
    let world = Arc::clone(&here.world);
    let tag = world.reserve(here.tag, Sort::Scope(held), None);
    let piece = Piece::new(&world, tag);
    let (inside, body, timed) = (Arc::clone(&world), body.clone(), here.timed);
    let future = scope_send(move |scope: Scope| async move {
        let _piece = piece;
        inside.know(tag, scope.node(), None, Some(scope.spawner()));
        inside.runs(tag);
        let place = Place::Spawner(scope.spawner());
        let mut here = Here::new(inside, Some(tag), timed, place);
        perform(&mut here, &body.0).await
    });
    let opened = Followed::new(&world, tag, future, |_| false);
    let mut future: Boxed = Box::pin(async move {
        let result = opened.await;
        world.scope_ended(tag, &result);
    });
    match held {
        Held::Awaited => future.await,
        Held::DroppedAfter(polls) => drop(given_up(polls, future).await),
        Held::InState | Held::Elsewhere => {
            if poll_once(&mut future).await {
                return;
            }
            match &mut here.place {
                Place::Actor(_, kept) if held == Held::InState => kept.scopes.push(future),
                _ => here.world.give(future),
            }
        }
    }
}

/// The future of a scope or start. If it is dropped before its end, it kills its node. It notes that before it is
/// dropped.
struct Followed<F: Future> {
    world: Arc<World>,
    tag: Tag,
    has_killed: fn(&F::Output) -> bool,
    has_ended: bool,
    /// Dropped after the note.
    future: Pin<Box<F>>,
}

impl<F: Future> Followed<F> {
    fn new(world: &Arc<World>, tag: Tag, future: F, has_killed: fn(&F::Output) -> bool) -> Self {
        Self {
            world: Arc::clone(world),
            tag,
            has_killed,
            has_ended: false,
            future: Box::pin(future),
        }
    }
}

impl<F: Future> Future for Followed<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Waking<'_>) -> Poll<F::Output> {
        let before = self.world.lock().tick();
        let output = ready!(self.future.as_mut().poll(cx));
        self.has_ended = true;
        if (self.has_killed)(&output) {
            self.world.lets_go(self.tag, before);
        }
        Poll::Ready(output)
    }
}

impl<F: Future> Drop for Followed<F> {
    fn drop(&mut self) {
        if !self.has_ended {
            let now = self.world.lock().tick();
            self.world.lets_go(self.tag, now);
        }
    }
}
