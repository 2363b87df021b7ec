//! One run of a body, from its first poll to its end.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::runtime::{Builder, Handle, RuntimeMetrics};
use tokio::task::unconstrained;
use tokio::time::{Instant, Sleep, sleep};

use super::choices::Choices;
use super::report::{Finding, tree};
use super::schedule::Rule;
use super::sim::Sim;
use super::simulation::Settings;
use super::trace::Event;
use super::world::{BODY, Step, World};
use crate::actor::TaskOutput;
use crate::sync::panic_message;

/// If nobody is ready and no timer is due within this time, no timer counts as set. It is less than the longest time of
/// tokio's timers.
const QUIET: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The record of a run.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) finding: Option<Finding>,
    pub(super) trace: Vec<Event>,
    pub(super) choices: Vec<u32>,
    pub(super) polls: u64,
    pub(super) schedule: &'static str,
    pub(super) outside: Outside,
    /// The nodes that were alive when it failed.
    pub(super) tree: String,
    /// The fault that was under way.
    pub(super) attempt: Option<String>,
    pub(super) is_body_over: bool,
}

impl Run {
    /// How often somebody other than the first ready one was chosen, or a fault was drawn.
    pub(super) fn departures(&self) -> usize {
        self.choices.iter().filter(|choice| **choice != 0).count()
    }
}

/// What was outside of a simulation's control.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Outside {
    /// How many raw tasks (`tokio::spawn`) were alive at once, at most.
    pub raw_tasks: usize,
    /// How many wakes came from other threads.
    pub foreign_wakes: u64,
}

/// The simulated body, as a future that returns what is wrong with its result.
pub(super) type Body<'a> = dyn Fn(Sim) -> Running<'a> + 'a;

type Running<'a> = Pin<Box<dyn Future<Output = Option<Finding>> + 'a>>;

pub(super) async fn judged<R: TaskOutput>(
    body: &impl AsyncFn(Sim) -> R,
    sim: Sim,
) -> Option<Finding> {
    match body(sim).await.into_result() {
        Ok(value) => {
            drop(value);
            None
        }
        Err(error) => Some(Finding::Failed(format!("{error:?}"))),
    }
}

pub(super) fn run(settings: &Settings, seed: u64, choices: Choices, body: &Body<'_>) -> Run {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    // It needs no resources other than memory.
    let runtime = runtime.expect("a runtime of one thread without a driver for IO can be built");
    runtime.block_on(async {
        let rule = Rule::of_seed(settings.schedule, seed);
        let schedule = rule.name();
        let sim = Sim::new(seed);
        let world = World::new(sim, rule, choices, settings.faults.clone());
        world.enter();
        let mut driver = Driver::new(settings, &world, body(sim));
        let finding = poll_fn(|cx| driver.poll(cx)).await;
        let raw_tasks = driver.raw_tasks;
        let is_body_over = driver.body.is_none();
        world.after_poll();
        let tree = tree(&world.state.borrow().nodes);
        let attempt = world
            .state
            .borrow()
            .attempt
            .as_ref()
            .map(|attempt| attempt.describe());
        // A panic of a destructor is ignored here, as the run is over.
        drop(catch_unwind(AssertUnwindSafe(|| driver.body = None)));
        world.shut_down();
        World::leave();
        let outside = Outside {
            raw_tasks,
            foreign_wakes: world.ready.foreign(),
        };
        let (trace, choices, polls) = world.take_notes();
        Run {
            finding,
            trace,
            choices,
            polls,
            schedule,
            outside,
            tree,
            attempt,
            is_body_over,
        }
    })
}

/// Polls the participants of a run one at a time. After each poll it returns to tokio, so that participants that have
/// yielded there are ready again at the next choice, and raw tasks get their turn.
struct Driver<'a> {
    settings: &'a Settings,
    world: &'a Rc<World>,
    body: Option<Running<'a>>,
    body_waker: Waker,
    timer: Pin<Box<Sleep>>,
    /// For what the timer was set when nobody was ready: the simulation's own next moment, if there is one.
    timer_is_for: Option<Option<Instant>>,
    metrics: RuntimeMetrics,
    raw_tasks: usize,
}

impl<'a> Driver<'a> {
    fn new(settings: &'a Settings, world: &'a Rc<World>, body: Running<'a>) -> Self {
        world.ready.push(BODY);
        Self {
            settings,
            world,
            body: Some(body),
            body_waker: world.ready.waker(BODY),
            timer: Box::pin(sleep(QUIET)),
            timer_is_for: None,
            metrics: Handle::current().metrics(),
            raw_tasks: 0,
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Finding>> {
        self.world.ready.set_driver(cx.waker());
        self.count_raw_tasks();
        let next = self.world.release_due();
        if self.body.is_none() && !self.world.has_live_nodes() {
            return Poll::Ready(None);
        }
        match self.world.step(self.body.is_some()) {
            Step::Idle if self.world.wake_idle() => {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Step::Idle => return self.idle(next, cx),
            Step::Done => {}
            Step::Body => {
                if let Some(finding) = self.poll_body() {
                    return Poll::Ready(Some(finding));
                }
                self.world.after_poll();
            }
        }
        self.timer_is_for = None;
        // Some may have been started just now, and be over before the next poll.
        self.count_raw_tasks();
        if let Some(finding) = self.beyond_limits() {
            return Poll::Ready(Some(finding));
        }
        if let Some(what) = self.world.state.borrow_mut().broken.take() {
            return Poll::Ready(Some(Finding::Broken(what)));
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn count_raw_tasks(&mut self) {
        self.raw_tasks = self.raw_tasks.max(self.metrics.num_alive_tasks());
    }

    fn poll_body(&mut self) -> Option<Finding> {
        let mut cx = Context::from_waker(&self.body_waker);
        let body = self.body.as_mut()?.as_mut();
        let poll = || pin!(unconstrained(body)).poll(&mut cx);
        let polled = match catch_unwind(AssertUnwindSafe(poll)) {
            Err(panic) => return Some(Finding::Panicked(panic_message(panic))),
            Ok(Poll::Pending) => return None,
            Ok(Poll::Ready(finding)) => finding,
        };
        match catch_unwind(AssertUnwindSafe(|| self.body = None)) {
            Err(panic) => Some(Finding::Panicked(panic_message(panic))),
            Ok(()) => polled,
        }
    }

    fn beyond_limits(&self) -> Option<Finding> {
        let (polls, time) = (self.settings.most_polls, self.settings.most_time);
        let state = self.world.state.borrow();
        if state.polls > polls {
            return Some(Finding::OutOfPolls(polls));
        }
        (state.limited_from.elapsed() > time).then_some(Finding::OutOfTime(time))
    }

    /// Called when nobody is ready. Lets time pass until the simulation's next moment, or until a timer wakes somebody.
    fn idle(&mut self, next: Option<Instant>, cx: &mut Context<'_>) -> Poll<Option<Finding>> {
        if self.timer_is_for.replace(next) != Some(next) {
            let quiet = Instant::now() + QUIET;
            self.timer.as_mut().reset(next.unwrap_or(quiet).min(quiet));
        }
        if self.timer.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        if next.is_some() {
            self.timer_is_for = None;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Some(match self.body.is_some() {
            true => Finding::Stuck,
            false => Finding::Outlived,
        }))
    }
}
