//! The waits of the model, and what it says about cycles of them (rule 16).

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use tenure::Phase;

use crate::world::{Sort, State, Tag, World};

#[derive(Default)]
pub struct Waits {
    next: u64,
    all: BTreeMap<u64, Wait>,
}

#[derive(Debug, Clone)]
struct Wait {
    /// Code outside of all nodes waits as nobody.
    waiter: Option<Tag>,
    target: Tag,
    what: What,
    /// It ends by itself after a while.
    limited: bool,
    /// It may be a part of a cycle.
    allowed: bool,
}

impl Waits {
    /// The open asks, and the actors that have them.
    pub fn replies(&self) -> impl Iterator<Item = (usize, Tag)> {
        self.all.values().filter_map(|wait| match wait.what {
            What::Reply(message) => Some((message, wait.target)),
            _ => None,
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    Reply(usize),
    Room,
    Start,
    End,
}

/// A wait, which lasts as long as this value.
pub struct Waiting(Arc<World>, u64);

impl Waiting {
    pub fn new(
        world: &Arc<World>,
        waiter: Option<Tag>,
        target: Tag,
        what: What,
        limited: bool,
        allowed: bool,
    ) -> Self {
        let mut state = world.lock();
        state.waits.next += 1;
        let key = state.waits.next;
        let wait = Wait {
            waiter,
            target,
            what,
            limited,
            allowed,
        };
        state.waits.all.insert(key, wait);
        Self(Arc::clone(world), key)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.lock().waits.all.remove(&self.1);
    }
}

impl State {
    /// Whether the target may be waiting for the refused waiter, in the widest reading of the rule.
    pub fn may_be_cyclic(&self, waiter: Tag, target: Tag) -> bool {
        let mut known = HashSet::new();
        let mut pending = vec![target];
        for wait in self.waits.all.values() {
            if let What::Reply(message) = wait.what
                && wait.waiter == Some(waiter)
                && wait.target == target
            {
                pending.extend(&self.messages[message].forwarded);
            }
        }
        // The body of a scope runs as the node that polls it.
        let goals: HashSet<Tag> = self.carriers(waiter).collect();
        while let Some(next) = pending.pop() {
            if goals.contains(&next) {
                return true;
            }
            if known.insert(next) {
                pending.extend(self.widest(next));
            }
        }
        false
    }

    /// The node itself, and for a scope the nodes that poll it.
    fn carriers(&self, tag: Tag) -> impl Iterator<Item = Tag> {
        let mut next = Some(tag);
        std::iter::from_fn(move || {
            let tag = next?;
            next = match self.nodes[tag].sort {
                Sort::Scope(_) => self.nodes[tag].owner,
                _ => None,
            };
            Some(tag)
        })
    }

    fn widest(&self, tag: Tag) -> Vec<Tag> {
        let mut found = Vec::new();
        for wait in self.waits.all.values() {
            if wait.waiter == Some(tag) && !wait.limited {
                found.push(wait.target);
                if let What::Reply(message) = wait.what {
                    found.extend(&self.messages[message].forwarded);
                }
            }
        }
        let phase = |tag: Tag| self.nodes[tag].known.as_ref().map(|node| node.phase());
        let own = phase(tag);
        let joins = matches!(self.nodes[tag].sort, Sort::Scope(_) | Sort::System)
            || matches!(
                own,
                Some(Phase::Stopping | Phase::Restarting | Phase::Stopped)
            );
        for (other, node) in self.nodes.iter().enumerate() {
            let is_child = node.owner == Some(tag);
            let is_sibling = node.owner.is_some() && node.owner == self.nodes[tag].owner;
            let is_scope = matches!(node.sort, Sort::Scope(_));
            if is_child && (joins || is_scope || self.is_told(tag))
                || is_sibling && matches!(own, Some(Phase::Restarting | Phase::Starting))
            {
                found.push(other);
            }
        }
        found
    }

    fn is_told(&self, tag: Tag) -> bool {
        self.upward(tag)
            .any(|tag| !self.nodes[tag].orders.is_empty())
    }

    /// A cycle of waits that was not refused, among those waits about which the rule leaves no doubt.
    pub fn cycle(&self) -> Option<Vec<Tag>> {
        let mut plain: BTreeMap<Tag, Vec<Tag>> = BTreeMap::new();
        for wait in self.waits.all.values() {
            let Some(waiter) = wait.waiter.filter(|_| !wait.limited && !wait.allowed) else {
                continue;
            };
            // The waits in a scope that no node polls are not seen, as `DESIGN.md` says.
            let carrier = self.carriers(waiter).last();
            if carrier.is_none_or(|tag| matches!(self.nodes[tag].sort, Sort::Scope(_))) {
                continue;
            }
            let stands = match wait.what {
                What::Reply(message) => {
                    let target = &self.nodes[wait.target];
                    self.messages[message].forwarded.is_empty()
                        && (self.messages[message].begun.is_none()
                            && !self.messages[message].dropped
                            || target.handling == Some(message))
                }
                What::End | What::Start => true,
                What::Room => false,
            };
            if stands {
                plain.entry(waiter).or_default().push(wait.target);
            }
        }
        plain.keys().find_map(|start| walk(&plain, *start))
    }
}

/// The path from a node back to itself.
fn walk(edges: &BTreeMap<Tag, Vec<Tag>>, start: Tag) -> Option<Vec<Tag>> {
    let mut known = HashSet::new();
    let mut pending = vec![vec![start]];
    while let Some(way) = pending.pop() {
        let last = *way.last()?;
        for next in edges.get(&last).into_iter().flatten() {
            if *next == start {
                return Some(way);
            }
            if known.insert(*next) {
                let mut longer = way.clone();
                longer.push(*next);
                pending.push(longer);
            }
        }
    }
    None
}
