use std::sync::Arc;
use std::task::{Context, Poll};

use super::children::{AT_ONCE, Awaited, Children, Key, StopOrder};
use super::overdue::OverdueTimer;
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
    /// Whoever asked for the owner's end has set a limit.
    is_bounded: bool,
    watch: OverdueTimer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Begin,
    /// Tasks and blocking jobs are being told.
    TellTasks,
    /// They have been told.
    Tasks,
    /// The youngest first, each joined before the next is told.
    Reverse(Option<Key>),
    /// Everyone is being told.
    TellAll,
    /// Everyone has been told.
    Rest,
}

/// What there is to do next.
enum Next {
    /// Some of many: told all in one poll they would keep their owner's thread from everything else,
    /// and each be out of its caches when it comes to its end.
    TellSome(Vec<Arc<dyn AnyNode>>),
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
            is_bounded: false,
            watch: OverdueTimer::default(),
        }
    }

    /// Whether all that is left to do is to wait.
    pub(crate) fn all_told(&self) -> bool {
        self.step == Step::Rest
    }

    /// Whether the owner is to be killed when somebody's limit has passed.
    pub(crate) fn is_bounded(&self) -> bool {
        self.is_bounded
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
                Next::TellSome(children) => {
                    for child in &children {
                        request(child, self.order());
                    }
                    if children.len() == AT_ONCE {
                        cx.waker().wake_by_ref();
                        return Poll::Pending;
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
        links.pause_own_time(owner.node());
        self.is_bounded = links.bound().is_some();
        let order = owner.node().stop_order();
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
                    self.step = Step::TellTasks;
                    table.awaited = Awaited::Tasks;
                    table.begin_round();
                }
                Step::TellTasks => match table.next_of_round(true) {
                    Some(tasks) => return Next::TellSome(tasks),
                    None => self.step = Step::Tasks,
                },
                Step::Tasks if table.tasks() > 0 => return Next::Wait,
                Step::Tasks => self.step = after_tasks(table, order),
                Step::Reverse(Some(key)) if table.contains(key) => return Next::Wait,
                Step::Reverse(_) => match table.youngest() {
                    Some((key, child)) => {
                        self.step = Step::Reverse(Some(key));
                        table.awaited = Awaited::One(key);
                        return Next::Tell(child);
                    }
                    None => self.step = Step::Rest,
                },
                Step::TellAll => match table.next_of_round(false) {
                    Some(children) => return Next::TellSome(children),
                    None => self.step = Step::Rest,
                },
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
            Step::Tasks => {
                if let Some(table) = &mut lock(&owner.node().links).children {
                    self.step = after_tasks(table, owner.node().stop_order());
                }
            }
            Step::Reverse(Some(key)) => {
                if let Some(table) = &mut lock(&owner.node().links).children {
                    table.pass(key);
                }
                self.step = Step::Reverse(None);
            }
            // Nothing is left to go on to: what is overdue is for those who wait to report.
            Step::Begin | Step::TellTasks | Step::Reverse(None) | Step::TellAll | Step::Rest => {}
        }
    }

    fn order(&self) -> Order {
        match self.manner {
            Manner::Stop => Order::Stop,
            Manner::Drain => Order::Drain,
        }
    }
}

/// How it goes on when the tasks have ended, or been passed over.
fn after_tasks(table: &mut Children, order: StopOrder) -> Step {
    match order {
        StopOrder::Reverse => Step::Reverse(None),
        StopOrder::Concurrent => {
            table.awaited = Awaited::All;
            table.begin_round();
            Step::TellAll
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
