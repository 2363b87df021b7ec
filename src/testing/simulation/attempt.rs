use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use tokio::time::Instant;

use super::fault::{Fault, What};
use super::trace::Event;
use super::world::State;
use crate::tree::{AnyNode, Order};

/// One run of a body with a fault at one poll: see [`Sim::at_each_await`](super::Sim::at_each_await).
pub(super) struct Attempt {
    fault: Fault,
    /// The number of the poll, counted from 1.
    at: u64,
    polls: u64,
    /// The key of the first node of this run.
    first: usize,
    outcome: Outcome,
    waiter: Option<Waker>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// That poll did not come.
    NotReached,
    /// The poll came, but the fault could not be applied there.
    NothingThere,
    Done,
}

/// What to do before a poll.
pub(super) enum Effect {
    None,
    /// Delay the poll.
    Held,
    Told(Arc<dyn AnyNode>, Order),
    Panic,
    CallersGo(Vec<Waker>),
}

impl Attempt {
    pub(super) fn new(fault: Fault, at: u64, first: usize) -> Self {
        Self {
            fault,
            at,
            polls: 0,
            first,
            outcome: Outcome::NotReached,
            waiter: None,
        }
    }

    pub(super) fn outcome(&self) -> Outcome {
        self.outcome
    }

    pub(super) fn first(&self) -> usize {
        self.first
    }

    /// Sets the waker for the end of a node, and gives the one before.
    pub(super) fn swap_waiter(&mut self, waker: &mut Option<Waker>) {
        std::mem::swap(&mut self.waiter, waker);
    }

    pub(super) fn take_waiter(&mut self) -> Option<Waker> {
        self.waiter.take()
    }

    /// Called before this node is polled.
    pub(super) fn at_poll(&mut self, key: usize, state: &mut State) -> Effect {
        let is_over = self.outcome != Outcome::NotReached || key < self.first;
        if is_over || !state.nodes.is_called(key, &self.fault.target) {
            return Effect::None;
        }
        self.polls += 1;
        if self.polls < self.at {
            return Effect::None;
        }
        self.outcome = Outcome::NothingThere;
        let effect = self.act(key, state);
        if !matches!(effect, Effect::None) {
            self.outcome = Outcome::Done;
            state.trace.push(Event::Injected {
                node: state.nodes.name(key),
                fault: self.fault.what.name(),
            });
        }
        effect
    }

    fn act(&self, key: usize, state: &mut State) -> Effect {
        let Some(node) = state.nodes.node(key).cloned() else {
            return Effect::None;
        };
        match self.fault.what {
            What::Kill => Effect::Told(node, Order::Kill),
            What::Stop => Effect::Told(node, Order::Stop),
            What::Drain => Effect::Told(node, Order::Drain),
            What::Panic => Effect::Panic,
            What::CallerGone => {
                let wakers = state.calls.all_go();
                match wakers.is_empty() {
                    true => Effect::None,
                    false => Effect::CallersGo(wakers),
                }
            }
            What::Deadline => match node.node().deadline() {
                Some(limit) if limit > Instant::now() => {
                    state.hold(key, limit + Duration::from_millis(1), false);
                    Effect::Held
                }
                _ => Effect::None,
            },
        }
    }

    /// Called if the poll did not reach the node's code: the fault is applied at the next poll.
    pub(super) fn put_off(&mut self) {
        self.outcome = Outcome::NotReached;
        self.polls -= 1;
    }

    /// In words, for a report.
    pub(super) fn describe(&self) -> String {
        let Fault { what, target } = &self.fault;
        format!(
            "with {} for {target} at its poll number {}",
            what.name(),
            self.at
        )
    }

    /// Why a test proves nothing if this fault was never injected.
    pub(super) fn why_never(fault: &Fault) -> String {
        let Fault { what, target } = fault;
        let why = match what {
            What::CallerGone => "no call made with `Sim::call` was open when it was polled",
            What::Deadline => "it handled no ask with a deadline when it was polled",
            What::Kill | What::Stop | What::Drain | What::Panic => {
                "no actor of this name or type was polled"
            }
        };
        format!("{} was never injected into {target}: {why}", what.name())
    }
}
