use std::sync::Arc;
use std::time::Duration;

use super::signals::{BY_SELF, CUT, DRAIN, KILL, STOP};
use super::{AnyNode, ChildExit};
use crate::error::{Cause, CutShort, Error, Failure, StopReason};
use crate::sync::lock;

/// What went wrong in a node's end, gathered on the way: nothing of it is left out (rule 8).
#[derive(Debug, Default)]
pub(crate) struct Report {
    causes: Vec<Cause>,
}

impl Report {
    pub(crate) fn panicked(&mut self, message: String) {
        self.causes.push(Cause::Panic(message));
    }

    /// Notes an error, unless all that it says is that something had been stopped, in a tree that
    /// is stopping: that is a stop, not a failure (rule 4).
    pub(crate) fn failed(&mut self, error: Error, node: &Arc<dyn AnyNode>) {
        if !(error.is_stopped() && node.node().is_in_stopping_tree()) {
            self.causes.push(Cause::Error(error));
        }
    }

    /// How the node has ended, with all that ended beneath it and was not looked at.
    pub(crate) fn finish(self, node: &Arc<dyn AnyNode>) -> StopReason {
        let (mut beneath, cuts) = take_ended(node);
        let failed = !self.causes.is_empty() || !beneath.is_empty();
        if !failed {
            return asked_for(node, cuts);
        }
        let (path, type_name) = (node.node().path(node.type_name()), node.type_name());
        let mut own = None;
        for cause in self.causes {
            match (cause_or_failure(cause), &own) {
                (Err(failure), _) => beneath.insert(0, failure),
                (Ok(cause), None) => own = Some(cause),
                (Ok(more), Some(_)) => {
                    beneath.push(Failure::new(path.clone(), type_name, more, vec![], vec![]));
                }
            }
        }
        let cause = own.unwrap_or(Cause::Beneath);
        StopReason::Failed(Failure::new(path, type_name, cause, beneath, cuts))
    }
}

/// The ends of children that nobody has looked at: what failed, and what was cut short.
fn take_ended(node: &Arc<dyn AnyNode>) -> (Vec<Failure>, Vec<CutShort>) {
    let ended = {
        let mut links = lock(&node.node().links);
        links
            .children
            .as_mut()
            .map(|table| std::mem::take(&mut table.ended))
            .unwrap_or_default()
    };
    let (mut failures, mut cuts) = (Vec::new(), Vec::new());
    for end in ended {
        match end.reason {
            StopReason::Failed(failure) => failures.push(failure),
            StopReason::CutShort(cut) => cuts.push(cut),
            _ => {}
        }
    }
    (failures, cuts)
}

/// A child's failure that the owner passed on is a cause beneath it, not one of its own.
fn cause_or_failure(cause: Cause) -> Result<Cause, Failure> {
    match cause {
        Cause::Error(error) => match error.into_failure() {
            Ok(failure) => Err(failure),
            Err(error) => Ok(Cause::Error(error)),
        },
        other => Ok(other),
    }
}

/// The reason of a node that did nothing wrong.
fn asked_for(node: &Arc<dyn AnyNode>, cuts: Vec<CutShort>) -> StopReason {
    let signals = node.node().signals.load();
    if signals & CUT != 0 {
        return StopReason::CutShort(CutShort::new(Some(cut(node)), cuts));
    }
    if !cuts.is_empty() {
        return StopReason::CutShort(CutShort::new(None, cuts));
    }
    match signals {
        kill if kill & KILL != 0 => StopReason::Killed,
        own if own & BY_SELF != 0 => StopReason::Finished,
        stop if stop & STOP != 0 => StopReason::Stopped,
        drain if drain & DRAIN != 0 => StopReason::Drained,
        _ => StopReason::Finished,
    }
}

fn cut(node: &Arc<dyn AnyNode>) -> crate::error::Blocker {
    let held_for = node
        .node()
        .own_time()
        .map_or(Duration::ZERO, |(since, _)| since.elapsed());
    node.node().blocker(&**node, held_for)
}

/// The next end of a child that the owner has not looked at.
pub(crate) fn next_ended(node: &Arc<dyn AnyNode>) -> Option<ChildExit> {
    let mut links = lock(&node.node().links);
    let end = links.children.as_mut()?.ended.pop_front()?;
    drop(links);
    Some(ChildExit::new(end.node, end.reason))
}
