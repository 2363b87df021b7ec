//! The state of one run: who takes part, who is ready, and what has happened.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::runtime::{Handle, Id};
use tokio::task::unconstrained;
use tokio::time::Instant;

use super::attempt::{Attempt, Effect};
use super::calls::Calls;
use super::choices::Choices;
use super::fault::Faults;
use super::idle::IdleWaits;
use super::looks::Looks;
use super::nodes::Nodes;
use super::ready::ReadyList;
use super::schedule::Rule;
use super::sim::Sim;
use super::trace::Event;
use crate::sync::panic_message;
use crate::tree::simulated::{Shell, Simulator, install};
use crate::tree::{AnyNode, request, swap_current};

/// The key of the body, which is polled like the nodes.
pub(super) const BODY: usize = 0;

thread_local! {
    static WORLD: RefCell<Option<Rc<World>>> = const { RefCell::new(None) };
}

pub(super) struct World {
    pub(super) sim: Sim,
    pub(super) ready: Arc<ReadyList>,
    pub(super) state: RefCell<State>,
    runtime: Id,
    began: Instant,
    faults: Faults,
    /// The code of the node that is polled next has to panic.
    panic_due: Cell<bool>,
    is_over: Cell<bool>,
}

pub(super) struct State {
    pub(super) nodes: Nodes,
    pub(super) choices: Choices,
    pub(super) rule: Rule,
    pub(super) trace: Vec<Event>,
    pub(super) attempt: Option<Attempt>,
    pub(super) calls: Calls,
    /// The polls since the begin of the run or of the last attempt.
    pub(super) polls: u64,
    all_polls: u64,
    /// From when on virtual time is limited: the begin of the run or of the last attempt.
    pub(super) limited_from: Instant,
    held: Vec<Held>,
    /// Whose delay is over, and who was not polled since.
    waited: Vec<usize>,
    pub(super) looks: Looks,
    pub(super) idle: IdleWaits,
    /// What went wrong in a shell that the simulator polls.
    pub(super) broken: Option<String>,
    seen: Instant,
    ready: Vec<usize>,
}

/// A delayed poll.
struct Held {
    until: Instant,
    key: usize,
    /// By rate, and not because a deadline is to pass.
    by_rate: bool,
}

/// The result of a step.
pub(super) enum Step {
    /// It is the body's turn.
    Body,
    /// A node was polled, or its poll was delayed.
    Done,
    /// Nobody is ready.
    Idle,
}

impl World {
    pub(super) fn new(sim: Sim, rule: Rule, choices: Choices, faults: Faults) -> Rc<Self> {
        let now = Instant::now();
        Rc::new(Self {
            sim,
            ready: ReadyList::new(),
            runtime: Handle::current().id(),
            began: now,
            faults,
            panic_due: Cell::new(false),
            is_over: Cell::new(false),
            state: RefCell::new(State {
                nodes: Nodes::new(),
                choices,
                rule,
                trace: Vec::new(),
                attempt: None,
                calls: Calls::default(),
                polls: 0,
                all_polls: 0,
                limited_from: now,
                held: Vec::new(),
                waited: Vec::new(),
                looks: Looks::default(),
                idle: IdleWaits::default(),
                broken: None,
                seen: now,
                ready: Vec::new(),
            }),
        })
    }

    /// Replaces the runtime on this thread.
    pub(super) fn enter(self: &Rc<Self>) {
        install(Some(Rc::clone(self) as Rc<dyn Simulator>));
        WORLD.replace(Some(Rc::clone(self)));
    }

    /// The world of the run on this thread.
    pub(super) fn current() -> Option<Rc<Self>> {
        WORLD.try_with(|world| world.borrow().clone()).ok()?
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    pub(super) fn has_live_nodes(&self) -> bool {
        self.state.borrow().nodes.are_alive()
    }

    /// Polls one of the ready participants.
    pub(super) fn step(&self, with_body: bool) -> Step {
        let Some(key) = self.choose(with_body) else {
            return Step::Idle;
        };
        match self.before_poll(key) {
            Effect::Held => return Step::Done,
            Effect::Told(node, order) => request(&node, order),
            Effect::Panic => self.panic_due.set(true),
            Effect::CallersGo(wakers) => wakers.into_iter().for_each(|waker| waker.wake()),
            Effect::None => {}
        }
        self.ready.take(key);
        if key == BODY {
            return Step::Body;
        }
        self.poll_node(key);
        self.after_poll();
        Step::Done
    }

    fn choose(&self, with_body: bool) -> Option<usize> {
        let state = &mut *self.state.borrow_mut();
        self.ready.list(&mut state.ready);
        let nodes = &state.nodes;
        state.ready.retain(|key| match *key {
            BODY => with_body,
            key => nodes.can_be_polled(key),
        });
        if state.ready.is_empty() {
            return None;
        }
        Some(state.rule.choose(&state.ready, &mut state.choices))
    }

    /// Records the next poll, and decides what is done before it.
    fn before_poll(&self, key: usize) -> Effect {
        let now = Instant::now();
        let state = &mut *self.state.borrow_mut();
        if state.seen != now {
            let time = now - state.seen;
            state.seen = now;
            state.trace.push(Event::Passed { time });
        }
        if key != BODY && !state.has_waited(key) && state.choices.happens(self.faults.delays) {
            let longest = u32::try_from(self.faults.longest.as_millis()).unwrap_or(u32::MAX);
            let time = Duration::from_millis(1 + u64::from(state.choices.below(longest)));
            let node = state.nodes.name(key);
            state.hold(key, now + time, true);
            state.trace.push(Event::Held { node, time });
            self.ready.hold(key);
            return Effect::Held;
        }
        let effect = match state.attempt.take() {
            None => Effect::None,
            Some(mut attempt) => {
                let effect = attempt.at_poll(key, state);
                state.attempt = Some(attempt);
                effect
            }
        };
        if matches!(effect, Effect::Held) {
            self.ready.hold(key);
            return effect;
        }
        state.polls += 1;
        state.all_polls += 1;
        let node = state.nodes.name(key);
        state.trace.push(Event::Polled { node });
        effect
    }

    fn poll_node(&self, key: usize) {
        let Some((mut shell, waker)) = self.state.borrow_mut().nodes.take(key) else {
            return;
        };
        let mut cx = Context::from_waker(&waker);
        // Tokio's cooperative budget is for one task, and these are many.
        let poll = || pin!(unconstrained(shell.as_mut())).poll(&mut cx);
        let polled = catch_unwind(AssertUnwindSafe(poll));
        if self.panic_due.take() {
            // None of the node's code was polled, so the panic is due at the next poll.
            if let Some(attempt) = &mut self.state.borrow_mut().attempt {
                attempt.put_off();
            }
        }
        match polled {
            Ok(Poll::Pending) => self.state.borrow_mut().nodes.put_back(key, shell),
            Ok(Poll::Ready(())) => self.drop_shell(shell),
            Err(panic) => {
                let text = panic_message(panic);
                self.state.borrow_mut().broken = Some(format!("a shell panicked: {text}"));
                self.drop_shell(shell);
            }
        }
    }

    /// Drops a shell, which may run user code, as in a drop by tokio.
    fn drop_shell(&self, shell: Shell) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(shell))) {
            let text = panic_message(panic);
            self.state.borrow_mut().broken = Some(format!("a shell panicked in its drop: {text}"));
        }
    }

    /// Records what has changed, and wakes those who wait for that.
    pub(super) fn after_poll(&self) {
        let (ended, waiter, callers) = {
            let state = &mut *self.state.borrow_mut();
            let ended = state.nodes.look(&mut state.trace);
            let attempt = state.attempt.as_mut().filter(|_| !ended.is_empty());
            let waiter = attempt.and_then(Attempt::take_waiter);
            (ended, waiter, state.calls.pass())
        };
        for waker in waiter.into_iter().chain(callers) {
            waker.wake();
        }
        drop(ended);
    }

    /// Releases the delayed polls and looks that are due. Returns when the next ones are.
    pub(super) fn release_due(&self) -> Option<Instant> {
        let now = Instant::now();
        let (due, next) = {
            let state = &mut *self.state.borrow_mut();
            let ready = &self.ready;
            let waited = &mut state.waited;
            state.held.retain(|held| {
                if held.until <= now {
                    ready.release(held.key);
                    waited.push(held.key);
                }
                held.until > now
            });
            let held = state.held.iter().map(|held| held.until).min();
            let (due, look) = state.looks.take_due(now, &state.trace);
            (due, held.into_iter().chain(look).min())
        };
        due.into_iter().for_each(Waker::wake);
        next
    }

    /// Ends the first delay that came by rate before its time. `false` if there is none.
    fn release_early(&self) -> bool {
        let state = &mut *self.state.borrow_mut();
        let places = state.held.iter().enumerate();
        let by_rate = places.filter(|(_, held)| held.by_rate);
        let first = by_rate.min_by_key(|(_, held)| held.until);
        let Some(place) = first.map(|(place, _)| place) else {
            return false;
        };
        let held = state.held.remove(place);
        self.ready.release(held.key);
        state.waited.push(held.key);
        true
    }

    /// Called when nobody is ready. Wakes those who wait for that, and says whether there are any.
    pub(super) fn wake_idle(&self) -> bool {
        let wakers = self.state.borrow_mut().idle.take();
        let are_any = !wakers.is_empty();
        wakers.into_iter().for_each(Waker::wake);
        are_any
    }

    /// The trace, the choices, and how many polls there were.
    pub(super) fn take_notes(&self) -> (Vec<Event>, Vec<u32>, u64) {
        let state = &mut *self.state.borrow_mut();
        let polls = state.all_polls;
        let trace = std::mem::take(&mut state.trace);
        (trace, state.choices.take_made(), polls)
    }

    /// Ends the run: what is left is dropped, as by a runtime that shuts down.
    pub(super) fn shut_down(&self) {
        self.is_over.set(true);
        let shells = self.state.borrow_mut().nodes.take_all();
        for shell in shells {
            self.drop_shell(shell);
        }
        self.ready.close();
    }

    /// Gives the thread back to the runtime.
    pub(super) fn leave() {
        WORLD.replace(None);
        drop(install(None));
    }

    /// True in this many of 1,000,000 cases, as the seed decides.
    pub(super) fn draws(&self, in_a_million: u32) -> bool {
        self.state.borrow_mut().choices.happens(in_a_million)
    }

    pub(super) fn dropped_callers(&self) -> u32 {
        self.faults.dropped_callers
    }
}

impl State {
    pub(super) fn hold(&mut self, key: usize, until: Instant, by_rate: bool) {
        self.held.push(Held {
            until,
            key,
            by_rate,
        });
    }

    /// Whether this poll was delayed already. A poll is delayed once, or one that always is would never come.
    fn has_waited(&mut self, key: usize) -> bool {
        let place = self.waited.iter().position(|waited| *waited == key);
        place.map(|place| self.waited.swap_remove(place)).is_some()
    }
}

impl Simulator for World {
    fn is_for(&self, handle: &Handle) -> bool {
        handle.id() == self.runtime
    }

    fn launch(&self, node: Box<dyn Any>, shell: Shell) {
        // All launch sites of the crate pass a node.
        let node = node
            .downcast::<Arc<dyn AnyNode>>()
            .expect("a node is launched");
        if self.is_over.get() {
            return self.drop_shell(shell);
        }
        let state = &mut *self.state.borrow_mut();
        let key = state.nodes.add(*node, shell, &self.ready, &mut state.trace);
        self.ready.push(key);
    }

    fn step(&self) -> bool {
        // The nodes that are polled meanwhile do not run as a part of the waiting code.
        let outer = swap_current(None);
        let mut step = World::step(self, false);
        // No time can pass meanwhile, so a delay would have no end.
        while matches!(step, Step::Idle) && self.release_early() {
            step = World::step(self, false);
        }
        drop(swap_current(outer));
        matches!(step, Step::Done)
    }

    fn look_later(&self, at: Instant, waker: &Waker) {
        let waker = waker.clone();
        let spare = self.state.borrow_mut().looks.add(at, waker);
        drop(spare);
    }

    fn panics(&self) -> bool {
        self.panic_due.take()
    }

    fn fails_start(&self) -> bool {
        self.draws(self.faults.failing_starts)
    }

    fn narrows_mailbox(&self) -> bool {
        self.draws(self.faults.full_mailboxes)
    }

    fn random(&self) -> f64 {
        let steps = 1 << 16;
        let number = self.state.borrow_mut().choices.below(steps + 1);
        f64::from(number) / f64::from(steps)
    }
}
