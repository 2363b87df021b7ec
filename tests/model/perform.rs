//! Performs the steps of a script.

use std::future::{Future, poll_fn};
use std::panic::resume_unwind;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context as Waking, Poll};

use futures_core::Stream;
use tenure::StopError;
use tenure::prelude::*;
use tokio::task::yield_now;
use tokio::time::{sleep, timeout};

use crate::actor::{Act, Kept, Msg};
use crate::script::{At, List, Order, Step, Wait};
use crate::waits::{Waiting, What};
use crate::world::{Boxed, Tag, World};
use crate::{mail, starts};

/// Who performs the steps.
pub struct Here<'a> {
    pub world: Arc<World>,
    pub tag: Option<Tag>,
    /// The sender whose messages arrive in order.
    pub sender: u64,
    /// Whether the steps are performed under the deadline of an ask.
    pub timed: bool,
    pub place: Place<'a>,
}

pub enum Place<'a> {
    Actor(&'a mut Context<Act>, &'a mut Kept),
    Spawner(Spawner),
}

type Done<'a> = Pin<Box<dyn Future<Output = tenure::Result> + Send + 'a>>;

/// Awaits a future as the script says. `None` if the wait was given up.
macro_rules! bounded {
    ($world:expr, $wait:expr, $future:expr) => {
        match $wait {
            Wait::Forever => Some($future.await),
            Wait::EvenIfCyclic => Some($future.even_if_cyclic().await),
            Wait::Limit(millis) => Some($future.timeout($world.millis(millis)).await),
            Wait::GivenUp(polls) => $crate::perform::given_up(polls, $future).await,
        }
    };
}

pub(crate) use bounded;

impl<'a> Here<'a> {
    pub fn new(world: Arc<World>, tag: Option<Tag>, timed: bool, place: Place<'a>) -> Self {
        static SENDERS: AtomicU64 = AtomicU64::new(1);
        let sender = SENDERS.fetch_add(1, Ordering::Relaxed);
        Self {
            world,
            tag,
            sender,
            timed,
            place,
        }
    }

    pub fn spawner(&self, under: Option<At>) -> (Option<Tag>, Spawner) {
        if let Some((tag, spawner)) = under.and_then(|at| self.world.pick_spawner(at)) {
            return (Some(tag), spawner);
        }
        match &self.place {
            Place::Actor(ctx, _) => (self.tag, ctx.spawner()),
            // What a task starts are its siblings.
            Place::Spawner(spawner) => (self.world.tag_of(spawner.node().id()), spawner.clone()),
        }
    }

    pub fn waits(&self, target: Tag, what: What, wait: Wait) -> Waiting {
        let limited = self.timed || matches!(wait, Wait::Limit(_));
        // A wait that is given up ends by itself.
        let allowed = matches!(wait, Wait::EvenIfCyclic | Wait::GivenUp(_));
        Waiting::new(&self.world, self.tag, target, what, limited, allowed)
    }

    /// The same node, without an actor's context.
    fn beside(&self, spawner: Spawner) -> Here<'static> {
        let world = Arc::clone(&self.world);
        Here::new(world, self.tag, self.timed, Place::Spawner(spawner))
    }
}

pub fn perform<'a>(here: &'a mut Here<'_>, steps: &'a [Step]) -> Done<'a> {
    Box::pin(async move {
        for step in steps {
            if let Some(tag) = here.tag {
                here.world.runs(tag);
            }
            one(here, step).await?;
        }
        Ok(())
    })
}

async fn one(here: &mut Here<'_>, step: &Step) -> tenure::Result {
    match step {
        Step::Spawn { under, child, wait } => starts::spawn(here, *under, child, *wait).await,
        Step::Task {
            under,
            work,
            body,
            contained,
            wait,
        } => {
            starts::task(here, *under, *work, body, *contained, *wait).await;
        }
        Step::Scope { held, body } => starts::scope(here, *held, body).await,
        Step::Tell { to, wait, body } => mail::tell(here, *to, *wait, body).await,
        Step::Offer { to, body } => mail::offer(here, *to, body),
        Step::Permit {
            to,
            wait,
            hold,
            body,
        } => mail::permit(here, *to, *wait, *hold, body).await,
        Step::Ask {
            to,
            wait,
            answer,
            strict,
            body,
        } => {
            mail::ask(here, *to, *wait, *answer, *strict, body).await?;
        }
        Step::End { of, order, wait } => end(here, *of, *order, *wait).await,
        Step::Stopped { of, wait, strict } => stopped(here, *of, *wait, *strict).await?,
        Step::Cancelled { wait } => cancelled(here, *wait).await,
        Step::WhileCaller { body } => while_caller(here, body).await?,
        Step::Sleep(millis) => sleep(here.world.millis(*millis)).await,
        Step::Yield(times) => {
            for _ in 0..*times {
                yield_now().await;
            }
        }
        Step::Fail => return Err(here.world.plan(here.tag).into()),
        Step::Panic => {
            let text = here.world.plan(here.tag);
            // Without the message of the panic hook, since it is on purpose.
            resume_unwind(Box::new(text));
        }
        own => own_step(here, own),
    }
    Ok(())
}

/// A step that needs an actor's context.
fn own_step(here: &mut Here<'_>, step: &Step) {
    let (world, tag) = (Arc::clone(&here.world), here.tag);
    let (Place::Actor(ctx, kept), Some(tag)) = (&mut here.place, tag) else {
        return;
    };
    let source = move |body: &List| Msg::from_source(&world, tag, body.clone());
    let world = Arc::clone(&here.world);
    match step {
        Step::Pipe { body } => starts::pipe(&world, tag, ctx, body),
        Step::AnswerKept => {
            for reply in kept.replies.drain(..) {
                reply.send(0);
            }
        }
        Step::Finish | Step::DrainSelf | Step::FinishIfEmpty => {
            world.lock().nodes[tag].finishes = true;
            match step {
                Step::Finish => ctx.stop(),
                Step::DrainSelf => ctx.drain(),
                _ => ctx.stop_if_empty(),
            }
        }
        Step::Items { items, body } => {
            let body = body.clone();
            let _attached = ctx.attach(Items(*items), move |()| source(&body));
        }
        Step::Watch { of, body } => {
            let Some((other, node)) = world.pick_node(*of) else {
                return;
            };
            let body = body.clone();
            let seen = Arc::clone(&world);
            let _watch = ctx.watch(node, move |watched: Watched| {
                seen.ended(other, "a watch", &watched.reason().clone().into_result());
                source(&body)
            });
        }
        timed => timer(&world, tag, ctx, kept, timed),
    }
}

fn timer(world: &Arc<World>, tag: Tag, ctx: &mut Context<Act>, kept: &mut Kept, step: &Step) {
    let here = Arc::clone(world);
    let source = move |body: &List| Msg::from_source(&here, tag, body.clone());
    match step {
        Step::After { time, body } => {
            let _timer = ctx.send_after(world.millis(*time), source(body));
        }
        Step::Every { time, ticks, body } => {
            let (ticks, body, key) = (*ticks, body.clone(), world.key());
            let mut done = 0;
            let timer = ctx.send_every(world.millis(*time), move || {
                done += 1;
                let mut msg = source(&body);
                msg.last_of = (done == ticks).then_some(key);
                msg
            });
            kept.timers.insert(key, timer);
        }
        Step::Quiet { time } => {
            let key = world.key();
            let timer = ctx.receive_timeout(world.millis(*time), move || {
                let mut msg = source(&List::default());
                msg.last_of = Some(key);
                msg
            });
            kept.timers.insert(key, timer);
        }
        _ => {}
    }
}

struct Items(u8);

impl Stream for Items {
    type Item = ();

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Waking<'_>) -> Poll<Option<()>> {
        match self.0.checked_sub(1) {
            Some(left) => {
                self.0 = left;
                Poll::Ready(Some(()))
            }
            None => Poll::Ready(None),
        }
    }
}

/// Polls a future once, and says whether it has ended. One that has ended is replaced by one that never does.
pub async fn poll_once(future: &mut Boxed) -> bool {
    let is_over = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_ready())).await;
    if is_over {
        *future = Box::pin(std::future::pending());
    }
    is_over
}

pub async fn given_up<F: Future>(polls: u8, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    })
    .await
}

fn request(here: &mut Here<'_>, of: At, order: Order) {
    if let Some((tag, node)) = here.world.pick_node(of) {
        here.world.requests(tag, &node, order);
    }
}

async fn end(here: &mut Here<'_>, of: At, order: Order, wait: Option<Wait>) {
    let Some(wait) = wait else {
        return request(here, of, order);
    };
    let world = Arc::clone(&here.world);
    let Some((tag, node)) = world.pick_node(of) else {
        return;
    };
    let stopping = world.orders(tag, order, || match order {
        Order::Stop => node.stop(),
        Order::Drain => node.drain(),
        Order::Kill => node.kill(),
    });
    let ended = match wait {
        Wait::Forever | Wait::EvenIfCyclic => Some(stopping.await),
        Wait::Limit(millis) => Some(stopping.within(world.millis(millis)).await),
        Wait::GivenUp(polls) => given_up(polls, stopping).await,
    };
    match ended {
        Some(Err(StopError::WaitsForItself)) => world.waits_for_itself(here.tag, tag),
        Some(ended) => world.ended(tag, "a stop", &ended),
        None => {}
    }
}

async fn stopped(here: &mut Here<'_>, of: At, wait: Wait, strict: bool) -> tenure::Result {
    let world = Arc::clone(&here.world);
    let Some((tag, node)) = world.pick_node(of) else {
        return Ok(());
    };
    let _waiting = here.waits(tag, What::End, wait);
    let ended = bounded!(world, wait, node.stopped());
    match &ended {
        Some(Err(StopError::WaitsForItself)) => world.waits_for_itself(here.tag, tag),
        Some(Err(StopError::Deadlock(cycle))) => {
            world.refuses_wait(here.tag, tag, &format!("a wait for an end: {cycle}"));
        }
        Some(ended) => world.ended(tag, "a wait for an end", ended),
        None => {}
    }
    match ended {
        Some(Err(error)) if strict => Err(error.into()),
        _ => Ok(()),
    }
}

async fn cancelled(here: &mut Here<'_>, wait: Wait) {
    let future: Boxed = match &here.place {
        Place::Actor(ctx, _) => Box::pin(ctx.cancelled()),
        Place::Spawner(spawner) => {
            let token = spawner.token();
            Box::pin(async move { token.cancelled().await })
        }
    };
    match wait {
        Wait::Forever | Wait::EvenIfCyclic => future.await,
        Wait::Limit(millis) => drop(timeout(here.world.millis(millis), future).await),
        Wait::GivenUp(polls) => drop(given_up(polls, future).await),
    }
}

async fn while_caller(here: &mut Here<'_>, body: &List) -> tenure::Result {
    let Place::Actor(ctx, _) = &here.place else {
        return perform(here, &body.0).await;
    };
    let mut beside = here.beside(ctx.spawner());
    let work = perform(&mut beside, &body.0);
    match ctx.until_caller_gone(work).await {
        Some(done) => done,
        None => Ok(()),
    }
}
