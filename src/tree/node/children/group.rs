//! Siblings that are restarted together.
//!
//! No task coordinates this: the owner's handler may be busy, and each sibling may be told to end at any time. The
//! owner's table records the progress. A child that changes it (it has ended its incarnation, has started again, or is
//! gone) takes the next step: it tells the youngest child that is still to end, or, once all have ended, releases the
//! oldest that waits.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::policies::Strategy;
use super::table::{Children, Key, NONE, is_older};
use crate::error::Kind;
use crate::tree::node::any_node::AnyNode;
use crate::tree::node::node::Node;
use crate::tree::node::shared::Shared;
use crate::tree::node::state::NodeState;

/// Where a child is in the restart of its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    Live,
    /// It is to end its incarnation.
    Told,
    /// It has ended its incarnation, and waits.
    Parked,
    /// It has been released, and is not running yet.
    Starting,
}

/// The restart of a group that is under way, in the owner's table.
#[derive(Debug)]
pub(in crate::tree) struct Group {
    stage: GroupStage,
    /// The current entry. Entries that the cursor has passed are done.
    cursor: u32,
    /// The oldest entry that is to end; `None` for all.
    last: Option<u32>,
    _count: GroupCount,
}

/// Counts a restart of a group in its system for as long as it is under way.
#[derive(Debug)]
struct GroupCount(Arc<Shared>);

impl GroupCount {
    fn new(shared: &Arc<Shared>) -> Self {
        shared.group_restarts.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(shared))
    }
}

impl Drop for GroupCount {
    fn drop(&mut self) {
        self.0.group_restarts.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum GroupStage {
    /// The youngest first.
    Ending,
    /// The oldest first.
    Starting,
}

/// What to do next, once the owner's lock is released.
#[derive(Default)]
#[must_use]
pub(in crate::tree) enum GroupStep {
    Tell(Arc<dyn AnyNode>),
    Release(Arc<dyn AnyNode>),
    #[default]
    Wait,
}

impl Group {
    fn new(newest: u32, last: Option<u32>, shared: &Arc<Shared>) -> Self {
        Self {
            _count: GroupCount::new(shared),
            stage: GroupStage::Ending,
            cursor: newest,
            last,
        }
    }

    /// An entry leaves the table.
    pub(in crate::tree) fn forget(&mut self, gone: u32, older: u32, newer: u32) {
        let at_it = self.cursor == gone;
        match self.stage {
            GroupStage::Starting if at_it => self.cursor = newer,
            GroupStage::Ending if at_it && self.last == Some(gone) => self.cursor = NONE,
            GroupStage::Ending if at_it => self.cursor = older,
            _ => {}
        }
        if self.last == Some(gone) {
            self.last = Some(newer);
        }
    }
}

impl Children {
    /// A child has ended its incarnation, and waits for its turn.
    pub(in crate::tree) fn park(&mut self, child: &Node, strategy: Strategy) {
        let Some(key) = self.key_of(child) else {
            return;
        };
        let Some(entry) = self.entry_of_mut(child) else {
            return;
        };
        let was = std::mem::replace(&mut entry.turn, Turn::Parked);
        let last = (strategy == Strategy::RestForOne).then_some(key.index);
        let newest = self.newest;
        let extends = self
            .group
            .as_ref()
            .is_some_and(|group| self.is_older(key, group.last));
        match &mut self.group {
            Some(_) if was == Turn::Told => {}
            // It failed again, or another did: children that have not started yet stay parked.
            Some(group) if group.stage == GroupStage::Starting => {
                *group = Group::new(newest, last, &child.shared)
            }
            Some(group) if last.is_none() || extends => group.last = last,
            Some(_) => {}
            none => *none = Some(Group::new(newest, last, &child.shared)),
        }
    }

    /// Moves the cursor on, and gives the next step if one can be taken now.
    pub(in crate::tree) fn advance(&mut self) -> GroupStep {
        loop {
            let Some(group) = &mut self.group else {
                return GroupStep::Wait;
            };
            let (stage, cursor, last) = (group.stage, group.cursor, group.last);
            let Some(entry) = self.table.get_mut(cursor as usize) else {
                if stage == GroupStage::Starting {
                    self.group = None;
                    return GroupStep::Wait;
                }
                self.turn_round();
                continue;
            };
            match (stage, entry.turn) {
                (GroupStage::Ending, Turn::Live | Turn::Starting) if is_actor(&*entry.node) => {
                    entry.turn = Turn::Told;
                    return GroupStep::Tell(Arc::clone(&entry.node));
                }
                (GroupStage::Starting, Turn::Parked) => {
                    entry.turn = Turn::Starting;
                    return GroupStep::Release(Arc::clone(&entry.node));
                }
                (GroupStage::Ending, Turn::Told) | (GroupStage::Starting, Turn::Starting) => {
                    return GroupStep::Wait;
                }
                (GroupStage::Ending, _) if last == Some(cursor) => self.turn_round(),
                (GroupStage::Ending, _) => group.cursor = entry.older,
                (GroupStage::Starting, _) => group.cursor = entry.newer,
            }
        }
    }

    /// The child for which the parked ones wait: until it has ended its incarnation, or has started.
    pub(in crate::tree) fn next_in_turn(&self) -> Option<(&Arc<dyn AnyNode>, Turn)> {
        let entry = self.table.get(self.group.as_ref()?.cursor as usize)?;
        matches!(entry.turn, Turn::Told | Turn::Starting).then_some((&entry.node, entry.turn))
    }

    /// Called once all have ended: they are started from the oldest on.
    fn turn_round(&mut self) {
        let first = self.walk().last().map_or(NONE, |(key, _)| key.index);
        if let Some(group) = &mut self.group {
            group.stage = GroupStage::Starting;
            group.cursor = first;
        }
    }

    /// Whether the child with this key is older than the child in this entry.
    fn is_older(&self, key: Key, than: Option<u32>) -> bool {
        let than = than.and_then(|index| self.table.get(index as usize));
        than.is_some_and(|than| is_older(key.generation, than.generation))
    }
}

impl NodeState {
    /// Where this child is in the restart of its group.
    pub(in crate::tree) fn turn_of(&self, child: &Node) -> Turn {
        let table = self.children.as_ref();
        let entry = table.and_then(|table| table.entry_of(child));
        entry.map_or(Turn::Live, |entry| entry.turn)
    }
}

fn is_actor(node: &dyn AnyNode) -> bool {
    node.kind() == Kind::Actor
}
