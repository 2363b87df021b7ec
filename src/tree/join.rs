use std::future::poll_fn;
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
    /// The generation of the youngest child that has been told.
    told: u64,
    watch: Watch,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Tasks {
        told: bool,
    },
    /// The youngest first, each joined before the next is told.
    Reverse {
        awaited: Option<Key>,
    },
    /// Everyone has been told.
    Rest {
        told: bool,
    },
}

impl StopChildren {
    pub(crate) fn new(manner: Manner) -> Self {
        Self {
            manner,
            step: Step::Tasks { told: false },
            told: 0,
            watch: Watch::default(),
        }
    }

    /// Whether all that is left to do is to wait.
    pub(crate) fn all_told(&self) -> bool {
        matches!(self.step, Step::Rest { told: true })
    }

    /// Ready once the node has no children. Until then the node's shell is woken when there is
    /// something to go on with.
    pub(crate) fn poll(&mut self, owner: &Arc<dyn AnyNode>, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if !owner.node().has_children() {
                owner.node().signals.clear(WAITING);
                self.step = Step::Tasks { told: false };
                return Poll::Ready(());
            }
            // A draining owner may have started others meanwhile, who have not been told.
            let youngest = youngest_generation(owner);
            if youngest != std::mem::replace(&mut self.told, youngest) {
                self.step = Step::Tasks { told: false };
            }
            owner.node().signals.set(WAITING);
            if self.manner == Manner::Drain && owner.node().signals.has(STOP) {
                self.manner = Manner::Stop;
                self.step = Step::Tasks { told: false };
            }
            if owner.node().signals.has(KILL) && !matches!(self.step, Step::Rest { .. }) {
                // All beneath have been killed with their owner.
                self.step = Step::Rest { told: true };
            }
            let gone = match self.step {
                Step::Tasks { told } => self.poll_tasks(owner, told, cx),
                Step::Reverse { awaited } => self.poll_reverse(owner, awaited, cx),
                Step::Rest { told } => self.poll_rest(owner, told, cx),
            };
            if gone.is_pending() {
                return Poll::Pending;
            }
        }
    }

    fn poll_tasks(
        &mut self,
        owner: &Arc<dyn AnyNode>,
        told: bool,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        if !told {
            self.step = Step::Tasks { told: true };
            for task in await_for(owner, Awaited::Tasks, true) {
                request(&task, self.order());
            }
        }
        let left = {
            let links = lock(&owner.node().links);
            links.children.as_ref().map_or(0, |table| table.tasks())
        };
        if left > 0
            && self
                .watch
                .poll(owner, owner.node().patience(), false, cx)
                .is_pending()
        {
            return Poll::Pending;
        }
        self.step = match owner.node().stop_order() {
            StopOrder::Reverse => Step::Reverse { awaited: None },
            StopOrder::Concurrent => Step::Rest { told: false },
        };
        Poll::Ready(())
    }

    fn poll_reverse(
        &mut self,
        owner: &Arc<dyn AnyNode>,
        awaited: Option<Key>,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        if let Some(key) = awaited
            && let Some(child) = child(owner, key)
        {
            if self
                .watch
                .poll(&child, owner.node().patience(), false, cx)
                .is_pending()
            {
                return Poll::Pending;
            }
            // It does not yield. Its elder siblings still get their stop; it stays owned.
            if let Some(table) = &mut lock(&owner.node().links).children {
                table.pass(key);
            }
        }
        let youngest = {
            let mut links = lock(&owner.node().links);
            links.since = None;
            links.children.as_mut().and_then(|table| {
                let youngest = table.youngest()?;
                table.awaited = Awaited::One(youngest.0);
                Some(youngest)
            })
        };
        self.step = match youngest {
            Some((key, child)) => {
                request(&child, self.order());
                Step::Reverse { awaited: Some(key) }
            }
            None => Step::Rest { told: true },
        };
        Poll::Ready(())
    }

    fn poll_rest(
        &mut self,
        owner: &Arc<dyn AnyNode>,
        told: bool,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        let all = await_for(owner, Awaited::All, false);
        if !told {
            self.step = Step::Rest { told: true };
            for child in &all {
                request(child, self.order());
            }
        }
        if all.is_empty() {
            return Poll::Ready(());
        }
        // Nothing is left to go on to: what is overdue is for those who wait to report.
        while self
            .watch
            .poll(owner, owner.node().patience(), false, cx)
            .is_ready()
        {}
        Poll::Pending
    }

    fn order(&self) -> Order {
        match self.manner {
            Manner::Stop => Order::Stop,
            Manner::Drain => Order::Drain,
        }
    }
}

/// From here on the owner waits for these children, which is not its own time (rule 7).
fn await_for(owner: &Arc<dyn AnyNode>, awaited: Awaited, tasks: bool) -> Vec<Arc<dyn AnyNode>> {
    let mut links = lock(&owner.node().links);
    links.since = None;
    let Some(table) = &mut links.children else {
        return Vec::new();
    };
    table.awaited = awaited;
    if tasks {
        table.all_tasks()
    } else {
        table.all()
    }
}

/// Stops and joins what is beneath a node whose own code has ended.
pub(crate) async fn join_children(node: &Arc<dyn AnyNode>) {
    node.node().set_stopping();
    if node.node().has_children() {
        let mut children = StopChildren::new(Manner::Stop);
        poll_fn(|cx| children.poll(node, cx)).await;
    }
}

fn youngest_generation(owner: &Arc<dyn AnyNode>) -> u64 {
    let links = lock(&owner.node().links);
    links
        .children
        .as_ref()
        .map_or(0, |table| table.generation())
}

fn child(owner: &Arc<dyn AnyNode>, key: Key) -> Option<Arc<dyn AnyNode>> {
    let links = lock(&owner.node().links);
    links.children.as_ref()?.get(key)
}
