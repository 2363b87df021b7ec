use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use slab::Slab;

use super::group::{Group, Turn};
use crate::error::{CutShort, Kind, StopReason};
use crate::sync::lock;
use crate::tree::node::any_node::AnyNode;
use crate::tree::node::edges::TaskWaits;
use crate::tree::node::node::Node;
use crate::tree::node::outlook::KeptOutlook;
use crate::tree::node::signals::Marks;

/// A child's place in its owner's table. The generation distinguishes it from an earlier child in the same place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Key {
    pub(in crate::tree) index: u32,
    pub(in crate::tree) generation: u32,
}

/// Which child the owner waits for, so that only the end of that child wakes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tree) enum Awaited {
    Nobody,
    One(Key),
    /// All tasks and blocking jobs.
    Tasks,
    All,
}

/// A child that has ended, and how.
pub(in crate::tree) struct EndedChild {
    pub(in crate::tree) node: Arc<dyn AnyNode>,
    pub(in crate::tree) reason: StopReason,
    /// The owner ends with this child, once it has seen this end.
    pub(in crate::tree) ends_owner: bool,
}

/// Marks the end of the list. As an index it is beyond the largest table.
pub(in crate::tree) const NONE: u32 = u32::MAX;

/// How many children are told to end before their owner lets other tasks run.
pub(in crate::tree) const AT_ONCE: usize = 32;

/// A node's children: the only place that holds them.
///
/// Invariants:
/// 1. The entries form a list in start order: `newest` is its end, and each entry knows the one
///    `older` and the one `newer` than itself.
/// 2. `tasks` counts the entries that are tasks or blocking jobs.
/// 3. `names` has exactly the names of the entries that have one.
/// 4. `significant` counts the entries that are marked so.
/// 5. `scopes` counts the entries that are scopes. `idle` counts the scopes among them that have only their body left:
///    nothing is beneath them, and nothing ever will be again.
/// 6. `next` is an entry or `NONE`: it moves on to the next older entry when its entry is removed.
pub(in crate::tree) struct Children {
    pub(in crate::tree) table: Slab<ChildEntry>,
    pub(in crate::tree) newest: u32,
    /// The next entry of the round that is under way.
    next: u32,
    generation: u32,
    tasks: usize,
    significant: usize,
    scopes: usize,
    idle: usize,
    names: Option<HashMap<Box<str>, u32>>,
    pub(in crate::tree) awaited: Awaited,
    /// The waits that tasks may have begun since the last look.
    pub(in crate::tree) task_waits: TaskWaits,
    /// The restart of a group of the children, if one is under way.
    pub(in crate::tree) group: Option<Group>,
    /// Ends that the owner has not looked at yet.
    pub(in crate::tree) ended: VecDeque<EndedChild>,
    /// What was cut short while the owner was ending.
    pub(in crate::tree) cuts: Vec<CutShort>,
    /// What somebody who waits for an end has seen beneath the owner.
    pub(in crate::tree) outlook: Option<Box<KeptOutlook>>,
}

pub(in crate::tree) struct ChildEntry {
    pub(in crate::tree) node: Arc<dyn AnyNode>,
    pub(in crate::tree) generation: u32,
    pub(in crate::tree) older: u32,
    pub(in crate::tree) newer: u32,
    pub(in crate::tree) turn: Turn,
    /// It did not yield in time, and the stop has skipped it.
    passed: bool,
    /// A scope that has only its body left.
    idle: bool,
}

impl Children {
    pub(in crate::tree) fn new() -> Self {
        Self {
            table: Slab::new(),
            newest: NONE,
            next: NONE,
            generation: 0,
            tasks: 0,
            significant: 0,
            scopes: 0,
            idle: 0,
            names: None,
            awaited: Awaited::Nobody,
            task_waits: TaskWaits::default(),
            group: None,
            ended: VecDeque::new(),
            cuts: Vec::new(),
            outlook: None,
        }
    }

    pub(in crate::tree) fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Whether there is no child left whose end can be waited for.
    pub(in crate::tree) fn is_quiet(&self) -> bool {
        self.table.len() == self.idle
    }

    /// How many children there have been so far (wrapping).
    pub(in crate::tree) fn generation(&self) -> u32 {
        self.generation
    }

    pub(in crate::tree) fn tasks(&self) -> usize {
        self.tasks
    }

    pub(in crate::tree) fn significant(&self) -> usize {
        self.significant
    }

    pub(in crate::tree) fn has_name(&self, name: &str) -> bool {
        self.names
            .as_ref()
            .is_some_and(|names| names.contains_key(name))
    }

    pub(in crate::tree) fn named(&self, name: &str) -> Option<Arc<dyn AnyNode>> {
        let index = *self.names.as_ref()?.get(name)?;
        self.table
            .get(index as usize)
            .map(|entry| Arc::clone(&entry.node))
    }

    pub(in crate::tree) fn contains(&self, key: Key) -> bool {
        self.entry(key).is_some()
    }

    pub(in crate::tree) fn get(&self, key: Key) -> Option<Arc<dyn AnyNode>> {
        self.entry(key).map(|entry| Arc::clone(&entry.node))
    }

    /// The key of the next child; `None` if the table is full, with 2^32 - 1 children.
    pub(in crate::tree) fn next_key(&self) -> Option<Key> {
        let index = u32::try_from(self.table.vacant_key()).ok()?;
        (index != NONE).then_some(Key {
            index,
            generation: self.generation,
        })
    }

    /// Inserts the child that was made with this key.
    pub(in crate::tree) fn insert(&mut self, key: Key, node: Arc<dyn AnyNode>, name: Option<&str>) {
        // Looked up once: through `dyn AnyNode` each look is a call.
        let child = node.node();
        self.tasks += usize::from(is_task(child));
        self.scopes += usize::from(is_scope(child));
        self.significant += usize::from(child.signals.marks().has(Marks::SIGNIFICANT));
        self.table.insert(ChildEntry {
            node,
            generation: key.generation,
            older: self.newest,
            newer: NONE,
            turn: Turn::Live,
            passed: false,
            idle: false,
        });
        self.generation = self.generation.wrapping_add(1);
        if let Some(older) = self.table.get_mut(self.newest as usize) {
            older.newer = key.index;
        }
        self.newest = key.index;
        if let Some(name) = name {
            self.names
                .get_or_insert_default()
                .insert(name.into(), key.index);
        }
    }

    /// The key of a child; `None` if it has left, as its place may be taken by another.
    pub(in crate::tree) fn key_of(&self, child: &Node) -> Option<Key> {
        let entry = self.table.get(child.index as usize)?;
        (entry.node.id() == child.id()).then_some(Key {
            index: child.index,
            generation: entry.generation,
        })
    }

    pub(in crate::tree) fn remove(
        &mut self,
        key: Key,
        name: Option<&str>,
    ) -> Option<Arc<dyn AnyNode>> {
        self.entry(key)?;
        let entry = self.table.remove(key.index as usize);
        match self.table.get_mut(entry.newer as usize) {
            Some(newer) => newer.older = entry.older,
            None => self.newest = entry.older,
        }
        if let Some(older) = self.table.get_mut(entry.older as usize) {
            older.newer = entry.newer;
        }
        if self.next == key.index {
            self.next = entry.older;
        }
        if let Some(group) = &mut self.group {
            group.forget(key.index, entry.older, entry.newer);
        }
        let child = entry.node.node();
        self.tasks -= usize::from(is_task(child));
        self.scopes -= usize::from(is_scope(child));
        self.significant -= usize::from(child.signals.marks().has(Marks::SIGNIFICANT));
        self.idle -= usize::from(entry.idle);
        if let (Some(name), Some(names)) = (name, &mut self.names) {
            names.remove(name);
        }
        Some(entry.node)
    }

    /// Whether the owner waits for the end of the child that had this key.
    pub(in crate::tree) fn was_awaited(&self, key: Key) -> bool {
        match self.awaited {
            Awaited::Nobody => false,
            Awaited::One(one) => one == key,
            Awaited::Tasks => self.tasks == 0,
            Awaited::All => self.is_quiet(),
        }
    }

    /// Whether the owner waits for the end of this child, provided that it is joining.
    pub(in crate::tree) fn awaits(&self, child: &Node) -> bool {
        match self.awaited {
            Awaited::Nobody => false,
            Awaited::One(one) => self.key_of(child) == Some(one),
            Awaited::Tasks => matches!(child.kind(), Kind::Task | Kind::Blocking),
            Awaited::All => true,
        }
    }

    /// The youngest child that is not a task and that the stop has not skipped.
    pub(in crate::tree) fn youngest(&self) -> Option<(Key, Arc<dyn AnyNode>)> {
        self.walk()
            .find(|(_, entry)| !entry.passed && !entry.idle && !is_task(&entry.node))
            .map(|(key, entry)| (key, Arc::clone(&entry.node)))
    }

    /// Whether the end of the child with this key can still be waited for.
    pub(in crate::tree) fn lasts(&self, key: Key) -> bool {
        self.entry(key).is_some_and(|entry| !entry.idle)
    }

    /// The child with this key, if it is a scope whose future somebody keeps.
    pub(in crate::tree) fn kept_scope(&self, key: Key) -> Option<Arc<dyn AnyNode>> {
        let entry = self.entry(key)?;
        entry.is_kept_scope().then(|| Arc::clone(&entry.node))
    }

    /// Any kept scope that has not been gone through.
    pub(in crate::tree) fn any_kept_scope(&self) -> Option<Arc<dyn AnyNode>> {
        if self.scopes == self.idle {
            return None;
        }
        let mut entries = self.walk().map(|(_, entry)| entry);
        let scope = entries.find(|entry| !entry.idle && entry.is_kept_scope())?;
        Some(Arc::clone(&scope.node))
    }

    /// Only the body of this scope is left.
    pub(in crate::tree) fn set_idle(&mut self, scope: &Node) {
        if let Some(entry) = self.entry_of_mut(scope)
            && !std::mem::replace(&mut entry.idle, true)
        {
            self.idle += 1;
        }
    }

    /// The scopes among the children. Their bodies may be running.
    pub(in crate::tree) fn scopes(&self) -> Vec<Arc<dyn AnyNode>> {
        if self.scopes == 0 {
            return Vec::new();
        }
        let all = self.walk().map(|(_, entry)| &entry.node);
        all.filter(|node| is_scope(node)).cloned().collect()
    }

    pub(in crate::tree) fn all_tasks(&self) -> Vec<Arc<dyn AnyNode>> {
        if self.tasks == 0 {
            return Vec::new();
        }
        let all = self.walk().map(|(_, entry)| &entry.node);
        all.filter(|node| is_task(node)).cloned().collect()
    }

    /// Whether there are children other than tasks.
    pub(in crate::tree) fn has_others(&self) -> bool {
        self.table.len() > self.tasks
    }

    pub(in crate::tree) fn has_plain_task(&self) -> bool {
        self.walk()
            .any(|(_, entry)| entry.node.signals.marks().has(Marks::TOKENLESS))
    }

    pub(in crate::tree) fn pass(&mut self, key: Key) {
        if let Some(entry) = self.table.get_mut(key.index as usize) {
            entry.passed |= entry.generation == key.generation;
        }
    }

    /// All children, the oldest first.
    pub(in crate::tree) fn all(&self) -> Vec<Arc<dyn AnyNode>> {
        let mut all: Vec<_> = self
            .walk()
            .map(|(_, entry)| Arc::clone(&entry.node))
            .collect();
        all.reverse();
        all
    }

    /// Begins a round through the children, the youngest first.
    pub(in crate::tree) fn begin_round(&mut self) {
        self.next = self.newest;
    }

    /// Some more children (or only tasks and blocking jobs) of generation `since` or later; `None` at the end of the
    /// round. Children that have left meanwhile are left out.
    pub(in crate::tree) fn next_of_round(
        &mut self,
        only_tasks: bool,
        since: Option<u32>,
    ) -> Option<Vec<Arc<dyn AnyNode>>> {
        let mut some = Vec::new();
        if only_tasks && self.tasks == 0 {
            self.next = NONE;
        }
        while some.len() < AT_ONCE
            && let Some(entry) = self.table.get(self.next as usize)
        {
            if since.is_some_and(|since| is_older(entry.generation, since)) {
                self.next = NONE;
                break;
            }
            self.next = entry.older;
            if !only_tasks || is_task(&entry.node) {
                some.push(Arc::clone(&entry.node));
            }
        }
        (!some.is_empty()).then_some(some)
    }

    fn entry(&self, key: Key) -> Option<&ChildEntry> {
        let entry = self.table.get(key.index as usize)?;
        (entry.generation == key.generation).then_some(entry)
    }

    /// The entry of a child that has not left.
    pub(in crate::tree) fn entry_of(&self, child: &Node) -> Option<&ChildEntry> {
        let entry = self.table.get(child.index as usize)?;
        (entry.node.id() == child.id()).then_some(entry)
    }

    pub(in crate::tree) fn entry_of_mut(&mut self, child: &Node) -> Option<&mut ChildEntry> {
        let entry = self.table.get_mut(child.index as usize)?;
        (entry.node.id() == child.id()).then_some(entry)
    }

    /// The entries, the youngest first.
    pub(in crate::tree) fn walk(&self) -> impl Iterator<Item = (Key, &ChildEntry)> {
        let mut index = self.newest;
        std::iter::from_fn(move || {
            let entry = self.table.get(index as usize)?;
            let key = Key {
                index,
                generation: entry.generation,
            };
            index = entry.older;
            Some((key, entry))
        })
    }
}

impl ChildEntry {
    /// Takes the child's lock, which comes after the owner's.
    fn is_kept_scope(&self) -> bool {
        is_scope(&self.node) && !lock(&self.node.state).shell_gone
    }
}

/// Generations count up and may wrap around.
pub(in crate::tree) fn is_older(one: u32, than: u32) -> bool {
    one.wrapping_sub(than) > u32::MAX / 2
}

fn is_scope(node: &Node) -> bool {
    node.kind() == Kind::Scope
}

fn is_task(node: &Node) -> bool {
    matches!(node.kind(), Kind::Task | Kind::Blocking)
}
