use std::sync::Arc;
use std::task::{Context, Poll};

use super::children::{Awaited, Key, StopOrder};
use super::overdue::Watch;
use super::signals::{KILL, STOP, WAITING};
use super::{AnyNode, Order, request};
use crate::sync::lock;

/// How the children of a node are told to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    Stop,
    Drain,
}

/// Ends the children of a node, and joins them: tasks and blocking jobs first, all at once; then
/// the others, in the node's stop order.
///
/// It is a state machine to be polled, and not a future, so that a draining actor can go on
/// handling messages meanwhile (rule 4).
#[derive(Debug)]
pub(crate) struct StopChildren {
    manner: Manner,
    step: Step,
    /// How many children there had been when those that are to be told were.
    generation: u32,
    watch: Watch,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Begin,
    /// Tasks and blocking jobs have been told.
    Tasks,
    /// The youngest first, each joined before the next is told.
    Reverse(Option<Key>),
    /// Everyone is to be told.
    Everyone,
    /// Everyone has been told.
    Rest,
}

/// What there is to do next.
enum Next {
    TellAll(Vec<Arc<dyn AnyNode>>),
    Tell(Arc<dyn AnyNode>),
    Wait,
    Gone,
}

impl StopChildren {
    pub(crate) fn new(manner: Manner) -> Self {
        Self {
            manner,
            step: Step::Begin,
            generation: 0,
            watch: Watch::default(),
        }
    }

    /// Whether all that is left to do is to wait.
    pub(crate) fn all_told(&self) -> bool {
        self.step == Step::Rest
    }

    /// Ready once the node has no children. Until then the node's shell is woken when there is
    /// something to go on with.
    pub(crate) fn poll(&mut self, owner: &Arc<dyn AnyNode>, cx: &mut Context<'_>) -> Poll<()> {
        let signals = owner.node().signals.load();
        if signals & WAITING == 0 {
            owner.node().signals.set(WAITING);
        }
        self.heed(signals);
        loop {
            match self.advance(owner) {
                Next::TellAll(children) => {
                    for child in children {
                        request(&child, self.order());
                    }
                }
                Next::Tell(child) => {
                    request(&child, self.order());
                }
                Next::Wait => {
                    let step = self.step;
                    let root = || awaited(owner, step);
                    if self.watch.poll(owner, root, false, cx).is_pending() {
                        return Poll::Pending;
                    }
                    self.pass(owner);
                }
                Next::Gone => {
                    owner.node().signals.clear(WAITING);
                    return Poll::Ready(());
                }
            }
        }
    }

    /// Looks at what the owner has been told meanwhile.
    fn heed(&mut self, signals: u32) {
        if self.manner == Manner::Drain && signals & STOP != 0 {
            self.manner = Manner::Stop;
            self.step = Step::Begin;
        }
        if signals & KILL != 0 {
            // All beneath have been killed with their owner.
            self.step = Step::Rest;
        }
    }

    /// Goes to the next step if this one is over, and to `Begin` if the owner has started others
    /// meanwhile, as a draining one may.
    fn advance(&mut self, owner: &Arc<dyn AnyNode>) -> Next {
        let mut links = lock(&owner.node().links);
        // Waiting for children is not own time (rule 7).
        links.set_since(None);
        let order = links.stop_order();
        let Some(table) = links.children.as_mut().filter(|table| !table.is_empty()) else {
            self.step = Step::Begin;
            return Next::Gone;
        };
        let generation = table.generation();
        if generation != std::mem::replace(&mut self.generation, generation) {
            self.step = Step::Begin;
        }
        loop {
            match self.step {
                Step::Begin => {
                    self.step = Step::Tasks;
                    table.awaited = Awaited::Tasks;
                    if table.tasks() > 0 {
                        return Next::TellAll(table.all_tasks());
                    }
                }
                Step::Tasks if table.tasks() > 0 => return Next::Wait,
                Step::Tasks if order == StopOrder::Concurrent => self.step = Step::Everyone,
                Step::Tasks => self.step = Step::Reverse(None),
                Step::Reverse(Some(key)) if table.contains(key) => return Next::Wait,
                Step::Reverse(_) => match table.youngest() {
                    Some((key, child)) => {
                        self.step = Step::Reverse(Some(key));
                        table.awaited = Awaited::One(key);
                        return Next::Tell(child);
                    }
                    None => self.step = Step::Rest,
                },
                Step::Everyone => {
                    self.step = Step::Rest;
                    table.awaited = Awaited::All;
                    return Next::TellAll(table.all());
                }
                Step::Rest => {
                    table.awaited = Awaited::All;
                    return Next::Wait;
                }
            }
        }
    }

    /// Goes on without those that do not yield. They stay owned, and the others still get their
    /// stop.
    fn pass(&mut self, owner: &Arc<dyn AnyNode>) {
        match self.step {
            Step::Tasks if owner.node().stop_order() == StopOrder::Concurrent => {
                self.step = Step::Everyone;
            }
            Step::Tasks => self.step = Step::Reverse(None),
            Step::Reverse(Some(key)) => {
                if let Some(table) = &mut lock(&owner.node().links).children {
                    table.pass(key);
                }
                self.step = Step::Reverse(None);
            }
            // Nothing is left to go on to: what is overdue is for those who wait to report.
            Step::Begin | Step::Reverse(None) | Step::Everyone | Step::Rest => {}
        }
    }

    fn order(&self) -> Order {
        match self.manner {
            Manner::Stop => Order::Stop,
            Manner::Drain => Order::Drain,
        }
    }
}

/// Whose end the step waits for.
fn awaited(owner: &Arc<dyn AnyNode>, step: Step) -> Option<Arc<dyn AnyNode>> {
    match step {
        Step::Reverse(Some(key)) => {
            let links = lock(&owner.node().links);
            links.children.as_ref()?.get(key)
        }
        _ => Some(Arc::clone(owner)),
    }
}
