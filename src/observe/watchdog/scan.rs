//! One pass over all nodes of a system, few of which are looked at closely. It keeps no list of all nodes, so its
//! memory is bounded by the depth of the tree.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::super::info::is_unreachable;
use crate::error::Kind;
use crate::tree::{Activity, AnyNode, ChildrenLook, look};

/// How many findings of one pass are kept.
const MOST: usize = 16_384;

/// A node with an activity that may last.
pub(super) struct Sight {
    pub(super) node: Arc<dyn AnyNode>,
    pub(super) activity: Activity,
}

/// A node whose time to end is up, and for how long.
pub(super) struct Overrun {
    pub(super) node: Arc<dyn AnyNode>,
    pub(super) by: Duration,
}

#[derive(Default)]
pub(super) struct Scan {
    pub(super) sights: Vec<Sight>,
    pub(super) overruns: Vec<Overrun>,
}

impl Scan {
    pub(super) fn of(system: &Arc<dyn AnyNode>, now: Instant) -> Self {
        let mut scan = Self::default();
        scan.look_at(system, now);
        // For each level, the children that are fetched but not visited yet. A list instead of recursion (rule 15).
        let mut way = vec![ChildPages::new(system)];
        while let Some(level) = way.last_mut() {
            match level.next() {
                None => drop(way.pop()),
                Some(node) => {
                    scan.look_at(&node, now);
                    if node.has_children() {
                        way.push(ChildPages::new(&node));
                    }
                }
            }
        }
        scan
    }

    fn look_at(&mut self, node: &Arc<dyn AnyNode>, now: Instant) {
        // Records the first look, from which its age is counted.
        node.born(now);
        let polls = node.polls();
        if polls.is_in_poll() && blocks_its_thread(node) {
            self.add(node, Activity::Poll(polls.ended()));
        }
        if node.signals.load().ends_incarnation() && node.kind() != Kind::System {
            self.look_at_end(node, now);
        }
        let Some(mail) = node.look_at_mail() else {
            return;
        };
        if mail.senders_waiting > 0 {
            self.add(node, Activity::Full);
        }
        let is_busy = !mail.is_asleep || node.signals.load().is_from_source();
        if is_busy && node.label().is_some() {
            self.add(node, Activity::Handler(mail.handler));
        }
        // Somebody has a reference to nearly every node.
        let own = node.own_references().filter(|_| !is_busy);
        if own.is_some_and(|own| Arc::strong_count(node) <= own + 1)
            && let Some(look) = look(node, now)
            && is_unreachable(node, &look, Some(&mail), Some(0)).is_some()
        {
            self.add(node, Activity::Unreachable);
        }
    }

    fn look_at_end(&mut self, node: &Arc<dyn AnyNode>, now: Instant) {
        let own = look(node, now).and_then(|look| look.own_time);
        let by = own.map(|own| now.saturating_duration_since(own.until));
        let by = by.filter(|by| !by.is_zero() && self.overruns.len() < MOST);
        self.overruns.extend(by.map(|by| Overrun {
            node: Arc::clone(node),
            by,
        }));
    }

    fn add(&mut self, node: &Arc<dyn AnyNode>, activity: Activity) {
        if self.sights.len() < MOST {
            self.sights.push(Sight {
                node: Arc::clone(node),
                activity,
            });
        }
    }
}

/// Whether a poll of this node blocks a thread by itself. A job has a thread of its own, and the body of a scope is a
/// part of its owner's poll.
fn blocks_its_thread(node: &Arc<dyn AnyNode>) -> bool {
    let is_part = || {
        let owner = node.owner().filter(|_| node.kind() == Kind::Scope);
        owner.is_some_and(|owner| owner.polls().is_in_poll())
    };
    node.kind() != Kind::Blocking && !is_part()
}

/// Iterates over the children of one node, some at a time.
struct ChildPages {
    owner: Arc<dyn AnyNode>,
    look: ChildrenLook,
    some: Vec<(u32, Arc<dyn AnyNode>)>,
    has_more: bool,
}

impl ChildPages {
    fn new(owner: &Arc<dyn AnyNode>) -> Self {
        Self {
            owner: Arc::clone(owner),
            look: ChildrenLook::new(),
            some: Vec::new(),
            has_more: true,
        }
    }

    fn next(&mut self) -> Option<Arc<dyn AnyNode>> {
        while self.some.is_empty() && self.has_more {
            self.has_more = self.look.next(&self.owner, &mut self.some);
        }
        self.some.pop().map(|(_, node)| node)
    }
}
