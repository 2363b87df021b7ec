//! Which nodes are overdue at or beneath a node whose end somebody waits for.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::error::{Blocker, Kind, Phase};
use crate::sync::{lock, saturating_add};
use crate::tree::node::{AnyNode, Children, Order, Outlook, OwnTime, request};

/// Looks for overdue nodes from outside: nodes at or beneath this one that were told to end, and whose own time and the
/// patience after it have passed. A node whose own time is up is killed. Most nodes do so themselves, but a blocking
/// job, or a node that does not yield, cannot.
///
/// A node is not blamed while a node beneath it still has time, as that may be what holds it up.
pub(super) fn outlook(root: &Arc<dyn AnyNode>, patience: Duration) -> Outlook {
    let mut scan = OverdueScan::new(patience, |table, now| {
        table.outlook(now).map_or(Beneath::ToSee, Beneath::Known)
    });
    scan.go_through(root);
    scan.keep();
    scan.total()
}

/// The nodes to blame, the deepest first.
pub(super) fn blockers(root: &Arc<dyn AnyNode>, patience: Duration) -> Vec<Blocker> {
    let mut scan = OverdueScan::new(patience, |_, _| Beneath::ToSee);
    scan.go_through(root);
    scan.into_blockers()
}

/// As [`blockers`], without those beneath an owner that was named in this way less than a patience ago: in a deep tree
/// somebody may look at each level, and each node is to be named once.
pub(super) fn unnamed_blockers(root: &Arc<dyn AnyNode>, patience: Duration) -> Vec<Blocker> {
    let mut scan = OverdueScan::new(patience, |table, now| {
        match table.name_once(now, patience) {
            true => Beneath::ToSee,
            false => Beneath::Known(Outlook::default()),
        }
    });
    scan.go_through(root);
    scan.into_blockers()
}

/// One look at everything at or beneath a node, except where `known` knows the result.
struct OverdueScan<F> {
    begin: Instant,
    patience: Duration,
    known: F,
    /// Each node comes after the node above it.
    seen: Vec<Seen>,
}

/// What a scan does beneath an owner.
enum Beneath {
    Known(Outlook),
    ToSee,
}

/// A node that has been looked at.
struct Seen {
    node: Arc<dyn AnyNode>,
    depth: usize,
    /// The place in the list of the node above it.
    above: Option<usize>,
    /// Its children were looked at as well, and there are some.
    has_looked_beneath: bool,
    /// Its shell has ended.
    shell_gone: bool,
    /// How much of its own time it has used, if it is overdue.
    overdue: Option<Duration>,
    /// What was seen of this node alone.
    own: Outlook,
    beneath: Outlook,
}

impl<F: FnMut(&mut Children, Instant) -> Beneath> OverdueScan<F> {
    fn new(patience: Duration, known: F) -> Self {
        Self {
            begin: Instant::now(),
            patience,
            known,
            seen: Vec::new(),
        }
    }

    fn go_through(&mut self, root: &Arc<dyn AnyNode>) {
        // A list, because the tree may be deep (rule 15).
        let mut pending = vec![(0, None, Arc::clone(root))];
        while let Some((depth, above, node)) = pending.pop() {
            let place = self.seen.len();
            let children = self.look_at(node, depth, above).into_iter();
            pending.extend(children.map(|child| (depth + 1, Some(place), child)));
        }
        for place in (0..self.seen.len()).rev() {
            let Seen { above, .. } = self.seen[place];
            let total = self.seen[place].total();
            if let Some(above) = above {
                self.seen[above].beneath.add(total);
            }
        }
    }

    /// Looks at one node. Returns its children, if they have to be looked at.
    fn look_at(
        &mut self,
        node: Arc<dyn AnyNode>,
        depth: usize,
        above: Option<usize>,
    ) -> Vec<Arc<dyn AnyNode>> {
        let this = node.node();
        let mut state = lock(&this.state);
        if state.phase == Phase::Stopped {
            return Vec::new();
        }
        let table = state
            .children
            .as_deref_mut()
            .filter(|table| !table.is_empty());
        let (children, beneath) = match table {
            None => (Vec::new(), Outlook::default()),
            Some(table) => match (self.known)(table, self.begin) {
                Beneath::Known(outlook) => (Vec::new(), outlook),
                Beneath::ToSee => (table.all(), Outlook::default()),
            },
        };
        let own_time = state.own_time(this);
        let bound = state.bound();
        let goes_with_owner = state.goes_with_owner(this);
        let shell_gone = state.shell_gone;
        drop(state);
        let mut own = Outlook {
            alive: 1,
            ..Outlook::default()
        };
        if let Some(bound) = bound {
            apply_bound(&node, bound, self.begin, &mut own);
        }
        // A scope that ends with its owner's code is to blame only if that code is overdue itself, or is gone. The
        // owner was looked at before.
        let is_owners = || goes_with_owner && above.is_some_and(|above| self.seen[above].may_end());
        let overdue =
            own_time.filter(|time| self.is_late(&node, time.until, &mut own) && !is_owners());
        self.seen.push(Seen {
            depth,
            above,
            has_looked_beneath: !children.is_empty(),
            shell_gone,
            overdue: overdue.map(|OwnTime { used, .. }| used),
            own,
            beneath,
            node,
        });
        children
    }

    /// Whether its own time and patience have passed. A node whose own time is up is killed.
    fn is_late(&self, node: &Arc<dyn AnyNode>, until: Instant, own: &mut Outlook) -> bool {
        let now = self.begin;
        // A system has no steps of its own that could be cut short; only its shell may be late.
        let has_steps = node.kind() != Kind::System;
        if until <= now && has_steps && !node.signals.load().is_killed() {
            request(node, Order::Cut);
        }
        let is_up = until <= now || node.signals.load().is_killed();
        let limit = if is_up {
            saturating_add(until, self.patience)
        } else {
            until
        };
        if limit > now {
            own.has_time = true;
            own.look_at(limit);
        }
        limit <= now
    }

    /// What was seen in total: nothing if the root has ended.
    fn total(&self) -> Outlook {
        self.seen.first().map_or_else(Outlook::default, Seen::total)
    }

    /// Has the owners keep what was seen beneath them, for the next ones who look.
    fn keep(&self) {
        let end = Instant::now();
        for seen in self.seen.iter().filter(|seen| seen.has_looked_beneath) {
            if let Some(table) = &mut lock(&seen.node.state).children {
                table.keep_outlook(seen.beneath, self.begin, end);
            }
        }
    }

    fn into_blockers(self) -> Vec<Blocker> {
        let mut blamed: Vec<_> = self
            .seen
            .iter()
            .filter_map(|seen| Some((seen, seen.blamed()?)))
            .collect();
        blamed.sort_by_key(|(seen, _)| std::cmp::Reverse(seen.depth));
        blamed
            .into_iter()
            .map(|(seen, used)| seen.node.blocker(&*seen.node, used))
            .collect()
    }
}

impl Seen {
    /// Whether its code may still end in time, and drop what it holds.
    const fn may_end(&self) -> bool {
        !self.shell_gone && self.overdue.is_none()
    }

    /// How much of its own time it has used, if it is to blame.
    fn blamed(&self) -> Option<Duration> {
        self.overdue.filter(|_| !self.beneath.has_time)
    }

    /// What was seen of this node and beneath.
    fn total(&self) -> Outlook {
        let mut total = self.own;
        total.is_held_up = self.blamed().is_some();
        total.add(self.beneath);
        total
    }
}

/// Cuts a node whose bound has passed; otherwise the next look is at the bound.
fn apply_bound(node: &Arc<dyn AnyNode>, bound: Instant, now: Instant, own: &mut Outlook) {
    if node.signals.load().is_killed() {
        return;
    }
    if bound <= now {
        request(node, Order::Cut);
    } else {
        own.look_at(bound);
    }
}
