//! How far a stop has come with the children of one node, and what it does next there.

use std::sync::Arc;

use tokio::time::Instant;

use crate::sync::lock;
use crate::tree::node::{AnyNode, Awaited, Children, Key, StopOrder, TaskWaits};

/// How the children of a node are told to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    Stop,
    Drain,
    /// The body of a scope has ended: plain tasks are waited for and not told (rule 4).
    Finish,
}

/// How far it has come with the children of one node.
#[derive(Debug, Clone, Copy)]
pub(super) struct Level {
    pub(super) step: LevelStep,
    /// The table's generation at the last look. If it has changed, there are new children, and the level begins again.
    generation: u32,
    /// All tasks of an earlier generation than this have been told.
    told_tasks: Option<u32>,
    /// The same of all children.
    told_all: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LevelStep {
    Begin,
    /// Tasks and blocking jobs are being told.
    TellTasks,
    /// All tasks have been told.
    AwaitTasks,
    /// The others are told, the youngest first, each joined before the next is told. This one was told last.
    Reverse(Option<Key>),
    /// Everyone is being told.
    TellAll,
    /// Everyone has been told.
    AwaitAll,
}

/// What there is to do next.
pub(super) enum Next {
    /// Tell some of many children. Telling all in one poll would block the owner's thread, and each child would be out
    /// of the caches when it ends.
    TellSome(Vec<Arc<dyn AnyNode>>),
    /// Tell the siblings whose ends tasks await. Siblings are told after the tasks have ended otherwise, so both would
    /// wait for ever.
    TellAwaited(TaskWaits),
    Tell(Arc<dyn AnyNode>),
    /// Go through what is beneath this child: a scope whose future somebody keeps, and which has been told.
    Adopt(Arc<dyn AnyNode>),
    Wait,
    /// Nobody is left whose end can be waited for.
    Gone,
}

impl Level {
    pub(super) const fn new() -> Self {
        Self {
            step: LevelStep::Begin,
            generation: 0,
            told_tasks: None,
            told_all: None,
        }
    }

    /// Goes to the next step if this one is over, and back to `Begin` if there are new children, which a draining node
    /// may start. Returns the bound of the node's end as well.
    pub(super) fn advance(
        &mut self,
        node: &Arc<dyn AnyNode>,
        manner: Manner,
    ) -> (Next, Option<Instant>) {
        let node = node.node();
        let mut state = lock(&node.state);
        // Waiting for children is not own time (rule 7).
        state.pause_own_time(node);
        let bound = state.bound().filter(|_| !node.signals.load().is_killed());
        let order = node.stop_order();
        let next = match state.children.as_mut().filter(|table| !table.is_quiet()) {
            Some(table) => self.next(table, order, manner),
            None => {
                self.step = LevelStep::Begin;
                Next::Gone
            }
        };
        (next, bound)
    }

    fn next(&mut self, table: &mut Children, order: StopOrder, manner: Manner) -> Next {
        let generation = table.generation();
        if generation != std::mem::replace(&mut self.generation, generation) {
            self.step = LevelStep::Begin;
        }
        loop {
            match self.step {
                LevelStep::Begin => {
                    self.step = LevelStep::TellTasks;
                    table.awaited = Awaited::Tasks;
                    table.task_waits = match manner != Manner::Stop && table.has_others() {
                        true => TaskWaits::All,
                        false => TaskWaits::default(),
                    };
                    table.begin_round();
                }
                LevelStep::TellTasks => match table.next_of_round(true, self.told_tasks) {
                    Some(tasks) => return Next::TellSome(tasks),
                    None => {
                        self.told_tasks = Some(generation);
                        self.step = LevelStep::AwaitTasks;
                    }
                },
                LevelStep::AwaitTasks if table.tasks() > 0 => {
                    let begun = table.task_waits.take();
                    return begun.map_or(Next::Wait, Next::TellAwaited);
                }
                LevelStep::AwaitTasks => self.step = LevelStep::after_tasks(table, order),
                LevelStep::Reverse(Some(key)) if table.lasts(key) => {
                    return table.kept_scope(key).map_or(Next::Wait, Next::Adopt);
                }
                LevelStep::Reverse(_) => match table.youngest() {
                    Some((key, child)) => {
                        self.step = LevelStep::Reverse(Some(key));
                        table.awaited = Awaited::One(key);
                        return Next::Tell(child);
                    }
                    None => self.step = LevelStep::AwaitAll,
                },
                LevelStep::TellAll => match table.next_of_round(false, self.told_all) {
                    Some(children) => return Next::TellSome(children),
                    None => {
                        self.told_all = Some(generation);
                        self.step = LevelStep::AwaitAll;
                    }
                },
                LevelStep::AwaitAll => {
                    table.awaited = Awaited::All;
                    return table.any_kept_scope().map_or(Next::Wait, Next::Adopt);
                }
            }
        }
    }

    /// The node whose end this step waits for: one child, or the node itself for all children.
    pub(super) fn awaited(&self, node: &Arc<dyn AnyNode>) -> Option<Arc<dyn AnyNode>> {
        match self.step {
            LevelStep::Reverse(Some(key)) => {
                let state = lock(&node.state);
                state.children.as_ref()?.get(key)
            }
            _ => Some(Arc::clone(node)),
        }
    }
}

impl LevelStep {
    /// The step that follows once the tasks have ended or been skipped.
    pub(super) fn after_tasks(table: &mut Children, order: StopOrder) -> Self {
        match order {
            StopOrder::Reverse => Self::Reverse(None),
            StopOrder::Concurrent => {
                table.awaited = Awaited::All;
                table.begin_round();
                Self::TellAll
            }
        }
    }
}
