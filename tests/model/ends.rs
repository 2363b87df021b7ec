//! The rules that hold when somebody is told of an end.

use tenure::{Kind, NodeId, Phase, RunError, StopError, StopReason};

use crate::world::{Sort, Tag, World};

impl World {
    /// A wait was refused because of a cycle, so there must be one (rule 16).
    pub fn refuses_wait(&self, waiter: Option<Tag>, target: Tag, what: &str) {
        let mut state = self.lock();
        state.log(format!("#{waiter:?} may not wait for #{target}: {what}"));
        let Some(waiter) = waiter else {
            return state.breach(format!("rule 16: {what}, for somebody who is no node"));
        };
        if self.simulated && !state.may_be_cyclic(waiter, target) {
            state.breach(format!(
                "rule 16: #{waiter} may not wait for #{target}, which does not wait for it: {what}"
            ));
        }
    }

    /// A wait was refused as one for one's own end, so the target must be the waiter or above it (rule 13).
    pub fn waits_for_itself(&self, waiter: Option<Tag>, target: Tag) {
        let mut state = self.lock();
        let is_above = waiter.is_some_and(|waiter| state.upward(waiter).any(|tag| tag == target));
        if !is_above {
            state.breach(format!(
                "rule 13: #{waiter:?} is said to wait for itself in #{target}"
            ));
        }
    }

    /// An owner is shown the end of a child.
    pub fn sees_exit(&self, owner: Tag, id: NodeId) {
        let Some(tag) = self.tag_of(id) else { return };
        self.log(format!("#{owner} sees the end of #{tag}"));
        self.check_gone(tag, "on_child_exit");
    }

    /// Somebody was told how a node ended.
    pub fn ended(&self, tag: Tag, how: &str, outcome: &Result<StopReason, StopError>) {
        let text = match outcome {
            Ok(reason) => format!("{reason:?}"),
            Err(error) => format!("{error}"),
        };
        self.log(format!("#{tag} has ended, says {how}: {text}"));
        match outcome {
            Err(StopError::Unjoined(unjoined)) => {
                // A scope whose future is kept ends only when that is polled or dropped.
                let is_kept = unjoined.nodes().iter().any(|node| node.kind == Kind::Scope);
                if self.exact && !is_kept {
                    self.breach(format!(
                        "#{tag} does not yield, says {how}, and nothing blocks: {text}"
                    ));
                }
                return;
            }
            Ok(_) | Err(StopError::CutShort(_) | StopError::Failed(_)) => {}
            Err(_) => return,
        }
        self.check_gone(tag, how);
        let mut state = self.lock();
        let fine = matches!(outcome, Ok(StopReason::Stopped | StopReason::Drained));
        if let Some(cut) = state.cut_beneath(tag).filter(|_| fine) {
            state.breach(format!(
                "rule 7: #{tag} has ended well, says {how}, and #{cut} beneath it was cut short"
            ));
        }
        // A value shows that the task finished, but not whether it was told to end.
        if matches!(outcome, Ok(StopReason::Finished)) && how == "a wait for a task" {
            return;
        }
        let before = state.nodes[tag]
            .outcome
            .get_or_insert_with(|| text.clone())
            .clone();
        if before != text {
            state.breach(format!(
                "rule 13: #{tag} has ended in two ways: {before}, and {text}"
            ));
        }
    }

    pub fn scope_ended(&self, tag: Tag, result: &Result<(), RunError>) {
        self.log(format!("#{tag} has ended: {result:?}"));
        match result {
            Err(RunError::Unjoined(unjoined))
                if self.exact && !unjoined.nodes().iter().any(|node| node.kind == Kind::Scope) =>
            {
                self.breach(format!(
                    "#{tag} does not yield, and nothing blocks: {result:?}"
                ));
            }
            Err(RunError::Unjoined(_) | RunError::Closed | RunError::NoRuntime) => {}
            _ => self.check_gone(tag, "its future"),
        }
    }

    /// The promise: nothing is left of a node that has ended, nor of anything beneath it.
    pub fn check_gone(&self, tag: Tag, how: &str) {
        let known = self.lock().nodes[tag].known.clone();
        let phase = known.as_ref().map(|node| node.phase());
        let left = known.as_ref().map_or(0, |node| node.snapshot().nodes.len());
        let mut state = self.lock();
        if phase.is_some_and(|phase| phase != Phase::Stopped) || left > 0 {
            state.breach(format!(
                "rule 13: #{tag} has ended, says {how}, and is {phase:?} with {left} alive"
            ));
        }
        let own = state.nodes[tag].pieces;
        if own != 0 && !matches!(state.nodes[tag].sort, Sort::Scope(_)) {
            state.breach(format!(
                "the promise: #{tag} has ended, says {how}, and {own} of its pieces are alive"
            ));
        }
        if let Some(other) = state.alive_beneath(tag, |_| true) {
            state.breach(format!(
                "the promise: #{tag} has ended, says {how}, and #{other} beneath it is alive"
            ));
        }
        drop(state);
        self.check_name(tag);
        drop(known);
    }

    /// The name of a node that has ended is free (rule 14).
    fn check_name(&self, tag: Tag) {
        let known = self.lock().nodes[tag].known.clone();
        let Some(node) = known else { return };
        if let (Some(owner), Some(_)) = (node.owner(), node.name())
            && owner.children().contains(&node)
        {
            self.breach(format!(
                "rule 14: #{tag} has ended, and is in its owner's table"
            ));
        }
    }
}
