use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use super::departure::{is_contained, note_cuts};
use super::exit::Exit;
use crate::error::{Cause, CutShort, Error, Failure, StopReason};
use crate::sync::lock;
use crate::sync::panic_message;
use crate::tree::child_exit::ChildExit;
use crate::tree::node::signals::Snapshot;
use crate::tree::node::{AnyNode, EndedChild, Node, is_own_code};

/// What went wrong while a node ended, collected on the way. Nothing is left out (rule 8).
#[derive(Debug, Default)]
pub(crate) struct Report(Option<Box<Causes>>);

/// Boxed, because hardly any end has causes.
#[derive(Debug, Default)]
struct Causes {
    list: Vec<Cause>,
}

impl Report {
    /// Whether nothing went wrong so far.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    pub(crate) fn panicked(&mut self, message: String) {
        self.push(Cause::Panic(message));
    }

    /// A destructor of something the node held has panicked. This fails the node, but a kill stays a kill (rule 8).
    pub(crate) fn panicked_in_drop(
        &mut self,
        message: String,
        node: &Arc<dyn AnyNode>,
        what: &'static str,
    ) {
        if node.signals.load().is_killed() {
            tracing::warn!(
                name: "tenure.panic",
                what,
                panic = message,
                "panicked when it was dropped in a kill"
            );
        } else {
            self.panicked(message);
        }
    }

    /// Notes an error. In a stopping tree, an error that only says that something was stopped is not a failure (rule
    /// 4).
    pub(crate) fn failed(&mut self, error: Error, node: &Arc<dyn AnyNode>) {
        let is_stop = error.is_stopped() && node.is_in_stopping_tree();
        // The parts that are not kept are dropped here, which may panic.
        let kept = catch_unwind(AssertUnwindSafe(move || {
            (!is_stop).then(|| error.without_refused())
        }));
        match kept {
            Ok(error) => error
                .into_iter()
                .for_each(|error| self.push(Cause::Error(error))),
            Err(panic) => self.panicked(panic_message(panic)),
        }
    }

    /// No further restart is allowed. This becomes the first cause, before anything that went wrong earlier.
    pub(crate) fn ended_too_often(&mut self, limit: u32, within: Duration) {
        let causes = self.0.get_or_insert_default();
        let cause = Cause::TooManyRestarts { limit, within };
        causes.list.insert(0, cause);
    }

    /// Puts the causes of an earlier report before these.
    pub(crate) fn follow(&mut self, before: Self) {
        let Some(mut before) = before.0 else { return };
        if let Some(after) = self.0.take() {
            before.list.extend(after.list);
        }
        self.0 = Some(before);
    }

    /// Traces and drops the causes: a restart had settled them before the node was told to end.
    pub(crate) fn settle(self, exit: &mut Exit) {
        let Some(causes) = self.0 else { return };
        let path = exit.any().path(exit.any().type_name());
        tracing::warn!(name: "tenure.failure", %path, causes = ?causes.list, "told to end in a restart");
        // They may be errors of users, which may panic when they are dropped.
        if let Err(panic) = exit.as_current(|| catch_unwind(AssertUnwindSafe(|| drop(causes)))) {
            let panic = panic_message(panic);
            tracing::warn!(name: "tenure.panic", %path, panic, "an error panicked when it was dropped");
        }
    }

    /// How the node has ended, including the ends of children that nobody has looked at.
    pub(crate) fn finish(self, node: &Arc<dyn AnyNode>) -> StopReason {
        let signals = node.signals.load();
        if self.is_empty() && !signals.had_children() && !signals.is_cut() {
            return told(signals);
        }
        self.gather(node, signals)
    }

    fn gather(self, node: &Arc<dyn AnyNode>, signals: Snapshot) -> StopReason {
        let (mut beneath, mut cuts) = take_ended(node);
        let causes = self.0.map(|causes| causes.list).unwrap_or_default();
        let failed = !causes.is_empty() || !beneath.is_empty();
        if !failed {
            return asked_for(node, signals, cuts);
        }
        if signals.is_cut() {
            cuts.push(CutShort::new(Some(cut(node)), vec![]));
        }
        let mut own = Vec::new();
        for cause in causes {
            let (error, failure) = match &cause {
                Cause::Error(error) => (error, error.failure()),
                _ => {
                    own.push(cause);
                    continue;
                }
            };
            let says_more = failure.is_none_or(|failure| !error.says_only(failure));
            if let Some(failure) = failure {
                beneath.insert(0, failure.clone());
            }
            if says_more {
                own.push(cause);
            }
        }
        let mut beneath = Failure::distinct(beneath);
        let (path, type_name) = (path_above(node, &beneath), node.type_name());
        let owner = node.owner().map_or(0, |owner| owner.id().get());
        let mut own = own.into_iter();
        let cause = own.next().unwrap_or(Cause::Beneath);
        beneath.extend(own.map(|more| Failure::new(path.clone(), type_name, more, vec![], vec![])));
        let failure = Failure::new(path, type_name, cause, beneath, cuts);
        StopReason::Failed(failure.of_child(owner))
    }

    fn push(&mut self, cause: Cause) {
        self.0.get_or_insert_default().list.push(cause);
    }
}

/// The failures of children that nobody has looked at, and what was cut short.
fn take_ended(node: &Arc<dyn AnyNode>) -> (Vec<Failure>, Vec<CutShort>) {
    let (ended, cuts) = {
        let mut state = lock(&node.state);
        state
            .children
            .as_mut()
            .map(|table| {
                let ended = std::mem::take(&mut table.ended);
                (ended, std::mem::take(&mut table.cuts))
            })
            .unwrap_or_default()
    };
    let failures = ended.into_iter().filter_map(|end| match end.reason {
        StopReason::Failed(failure) if !is_contained(end.node.node()) => Some(failure),
        _ => None,
    });
    (failures.collect(), cuts)
}

/// The path of a node that failed because of what is beneath it. It is taken from a child's path where possible: a
/// failure that passes through ten thousand levels must not walk up to the root at each (rule 15).
fn path_above(node: &Arc<dyn AnyNode>, beneath: &[Failure]) -> String {
    let (id, type_name) = (node.id().get(), node.type_name());
    let child = beneath.iter().find(|failure| failure.owner() == id);
    child
        .and_then(|child| node.path_above(type_name, child.path()))
        .unwrap_or_else(|| node.path(type_name))
}

/// The reason of an end without failures.
fn asked_for(node: &Arc<dyn AnyNode>, signals: Snapshot, cuts: Vec<CutShort>) -> StopReason {
    if signals.is_cut() {
        return StopReason::CutShort(CutShort::new(Some(cut(node)), cuts));
    }
    if !cuts.is_empty() {
        return StopReason::CutShort(CutShort::new(None, cuts));
    }
    told(signals)
}

/// The reason that follows from the node's signals alone.
fn told(signals: Snapshot) -> StopReason {
    match signals {
        kill if kill.is_killed() => StopReason::Killed,
        own if own.is_by_self() => StopReason::Finished,
        stop if stop.is_stopped() => StopReason::Stopped,
        drain if drain.is_drained() => StopReason::Drained,
        _ => StopReason::Finished,
    }
}

fn cut(node: &Arc<dyn AnyNode>) -> crate::error::Blocker {
    let used = node.own_time().map(|own| own.used);
    node.blocker(&**node, used.unwrap_or_default())
}

/// The next end of a child that the owner has not looked at, and whether the owner ends with it.
pub(crate) fn next_child_exit(node: &Arc<dyn AnyNode>) -> Option<(ChildExit, bool)> {
    let mut state = lock(&node.state);
    let end = state.children.as_mut()?.ended.pop_front()?;
    drop(state);
    Some((ChildExit::new(end.node, end.reason), end.ends_owner))
}

/// The owner tolerates this failure. Cuts in it still count for the owner's end.
pub(crate) fn tolerated(owner: &Arc<dyn AnyNode>, reason: &StopReason) {
    note_cuts(owner, &mut lock(&owner.state), reason);
}

/// The owner's own code has awaited the end of this child, so the owner need not be shown it.
pub(crate) fn forget_child_exit(child: &Node) {
    let Some(owner) = child.owner() else { return };
    if !owner.signals.load().has_child_exits() || !is_own_code(owner.node()) {
        return;
    }
    let seen = {
        let mut state = lock(&owner.state);
        let ended = state.children.as_mut().map(|table| &mut table.ended);
        ended.and_then(|ended| {
            let is_it = |end: &EndedChild| {
                end.node.id() == child.id()
                    && !end.ends_owner
                    && !matches!(end.reason, StopReason::Failed(_))
            };
            let place = ended.iter().rposition(is_it)?;
            ended.remove(place)
        })
    };
    drop(seen);
}
