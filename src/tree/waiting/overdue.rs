use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::Instant;

use super::warnings::Warnings;
use crate::error::{Blocker, Kind, Phase};
use crate::sync::{FOR_EVER, after, lock, saturating_add};
use crate::tree::node::{AnyNode, Node, NodeState, Order, OwnTime, request};
use crate::tree::stall::LookTimer;

/// How long to wait at least before the next look.
const SHORTEST: Duration = Duration::from_millis(10);

/// Who holds up the end of a node, as seen from outside: of those at or beneath it that have been
/// told to end, the ones whose own time and the patience after it have passed.
#[derive(Debug, Default)]
pub(crate) struct Overdue {
    /// The deepest first.
    pub(crate) blockers: Vec<Blocker>,
    /// When the next one will be overdue, if nothing ends before.
    pub(crate) next: Option<Instant>,
    /// How many nodes are alive.
    pub(crate) alive: usize,
}

/// Looks for overdue nodes, and kills those that have used up their own time: most do so
/// themselves, but a blocking job, or a node that does not yield, cannot.
///
/// A node is not blamed while one beneath it still has time: what holds it up may be that.
pub(crate) fn overdue(root: &Arc<dyn AnyNode>, reach: Reach<'_>, patience: Duration) -> Overdue {
    let now = Instant::now();
    let mut found = Overdue::default();
    let mut blockers: Vec<(usize, usize, Blocker)> = Vec::new();
    let mut seen: Vec<Seen> = Vec::new();
    let mut pending = vec![(0, None, Arc::clone(root))];
    while let Some((depth, above, next)) = pending.pop() {
        let index = seen.len();
        let node = next.node();
        let (own_time, bound, goes_with_owner, is_gone, looks) = {
            let mut state = lock(&node.state);
            if state.phase == Phase::Stopped {
                continue;
            }
            let looks = reach.ends_at(node, &state);
            if let Some(children) = state.children.as_ref().filter(|_| !looks) {
                let children = children.all().into_iter();
                pending.extend(children.map(|child| (depth + 1, Some(index), child)));
            }
            let goes_with_owner = state.goes_with_owner(node);
            let is_gone = state.shell_gone;
            (
                state.own_time(node),
                state.bound(),
                goes_with_owner,
                is_gone,
                looks,
            )
        };
        found.alive += 1;
        seen.push(Seen {
            above,
            is_gone,
            // One beneath it may have, and only it knows.
            beneath_has_time: looks,
            has_time: false,
            is_overdue: false,
        });
        if let Some(bound) = bound {
            found.heed(&next, bound, now);
        }
        let Some(OwnTime { used, until }) = own_time else {
            continue;
        };
        let limit = limit_of(&next, until, now, patience);
        if limit <= now {
            // What goes with its owner's code is to blame if that is, or has gone without it. The owner was looked at before.
            let is_owners =
                goes_with_owner && above.is_some_and(|above: usize| seen[above].may_end());
            seen[index].is_overdue = !is_owners;
            if !is_owners {
                blockers.push((depth, index, node.blocker(&*next, used)));
            }
        } else {
            seen[index].has_time = true;
            found.look_at(limit);
        }
    }
    note_time_beneath(&mut seen);
    blockers.retain(|(_, index, _)| !seen[*index].beneath_has_time);
    blockers.sort_by_key(|(depth, ..)| std::cmp::Reverse(*depth));
    found.blockers = blockers.into_iter().map(|(.., blocker)| blocker).collect();
    found
}

/// How far down a look goes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reach<'a> {
    /// All that is beneath.
    All,
    /// From this owner down to those that wait for children of their own. What is beneath such a one is its own
    /// to look at: if each level of a deep tree looked at all beneath, that would take time quadratic in the depth,
    /// of which the levels that have something to do would get the least (rule 15).
    NextOwners(&'a Node),
}

impl Reach<'_> {
    /// Whether this node looks itself at what is beneath it. Nobody may poll the future of a scope.
    fn ends_at(self, node: &Node, state: &NodeState) -> bool {
        let Self::NextOwners(owner) = self else {
            return false;
        };
        node.id() != owner.id()
            && matches!(node.kind(), Kind::Actor | Kind::Task)
            && !state.shell_gone
            && state.has_children()
            && node.is_joining()
    }
}

/// From when on a node is to be blamed. One that has used up its own time is killed.
fn limit_of(node: &Arc<dyn AnyNode>, until: Instant, now: Instant, patience: Duration) -> Instant {
    // A system has no steps of its own that could be cut short; its shell may only be late.
    let has_steps = node.kind() != Kind::System;
    if until <= now && has_steps && !node.signals.load().is_killed() {
        request(node, Order::Cut);
    }
    if until <= now || node.signals.load().is_killed() {
        saturating_add(until, patience)
    } else {
        until
    }
}

/// Tells each node whether one beneath it still has time.
fn note_time_beneath(seen: &mut [Seen]) {
    // Each comes after the one above it.
    for index in (0..seen.len()).rev() {
        let Seen { above, .. } = seen[index];
        if let Some(above) = above {
            seen[above].beneath_has_time |= seen[index].has_time || seen[index].beneath_has_time;
        }
    }
}

/// A node that has been looked at.
#[derive(Debug)]
struct Seen {
    /// The place of the one above it.
    above: Option<usize>,
    /// Its code is gone, and its shell.
    is_gone: bool,
    has_time: bool,
    beneath_has_time: bool,
    is_overdue: bool,
}

impl Seen {
    /// Whether its code may still end, and take with it what it has.
    const fn may_end(&self) -> bool {
        !self.is_gone && !self.is_overdue
    }
}

impl Overdue {
    /// Whoever asked for its end has given it so much time.
    fn heed(&mut self, node: &Arc<dyn AnyNode>, bound: Instant, now: Instant) {
        if node.signals.load().is_killed() {
            return;
        }
        if bound <= now {
            request(node, Order::Cut);
        } else {
            self.look_at(bound);
        }
    }

    fn look_at(&mut self, moment: Instant) {
        self.next = Some(self.next.map_or(moment, |first| first.min(moment)));
    }
}

/// Looks at what is overdue each time that something may have become so, and only then.
///
/// It sets no timer before the wait has lasted, see [`LookTimer`].
#[derive(Debug, Default)]
pub(crate) struct OverdueTimer {
    timer: LookTimer,
    /// It has lasted, and the first look is set.
    lasts: bool,
    alive: usize,
    warnings: Option<Box<Warnings>>,
}

impl OverdueTimer {
    /// Gives the blockers once there are any, and nothing has ended since the last look. With
    /// `all`, only once nobody is left who still has time. Most polls need no root and no reach: the root
    /// is `beneath` this node, or itself.
    #[inline]
    pub(crate) fn poll<'a>(
        &mut self,
        beneath: &Arc<dyn AnyNode>,
        root: impl FnOnce() -> Option<(Arc<dyn AnyNode>, Reach<'a>)>,
        all: bool,
        cx: &mut Context<'_>,
    ) -> Poll<Vec<Blocker>> {
        ready!(self.timer.poll(&beneath.shared.stalls, cx));
        match root() {
            Some((root, reach)) => self.look(&root, reach, all, cx),
            None => Poll::Pending,
        }
    }

    /// The wait has lasted, and it is time to look.
    #[cold]
    fn look(
        &mut self,
        root: &Arc<dyn AnyNode>,
        reach: Reach<'_>,
        all: bool,
        cx: &mut Context<'_>,
    ) -> Poll<Vec<Blocker>> {
        let stalls = &root.shared.stalls;
        // In a foreign executor the clock is that of the tree's own runtime.
        let is_foreign = Handle::try_current().is_err();
        let _clock = is_foreign.then(|| root.shared.handle.enter());
        let patience = root.shared.patience;
        if !std::mem::replace(&mut self.lasts, true) {
            let first = first_look(root, patience).min(self.warning(root));
            self.timer.set(first);
        }
        loop {
            ready!(self.timer.poll(stalls, cx));
            let warning = self.warning(root);
            let found = overdue(root, reach, patience);
            let progress = found.alive < std::mem::replace(&mut self.alive, found.alive);
            let settled = !all || found.next.is_none();
            let now = Instant::now();
            if !found.blockers.is_empty() && !progress && settled {
                self.timer.set(saturating_add(now, patience.max(SHORTEST)));
                return Poll::Ready(found.blockers);
            }
            // Others may be told meanwhile who have less time.
            let look = after(patience.max(SHORTEST)).min(warning);
            let next = found.next.map_or(look, |next| next.min(look));
            self.timer.set(next.max(now + SHORTEST));
        }
    }

    /// Whether the wait has lasted, so that somebody has looked.
    #[inline]
    pub(in crate::tree) fn lasts(&self) -> bool {
        self.lasts
    }

    /// Warns of those that hold up the wait.
    pub(in crate::tree) fn warn(&mut self) {
        self.warnings = Some(Box::default());
    }

    fn warning(&mut self, root: &Arc<dyn AnyNode>) -> Instant {
        match &mut self.warnings {
            Some(warnings) => warnings.look(root),
            None => after(FOR_EVER),
        }
    }

    /// Somebody has changed what is overdue, and when.
    pub(in crate::tree) fn look_again(&mut self) {
        if self.lasts {
            self.timer.set(Instant::now());
        }
    }
}

/// The first moment at which something may be overdue, or have to be killed.
///
/// A root that waits for its children has no time of its own, but they may have. No deeper
/// nodes are asked: each owner looks at its own children, see [`Reach`].
fn first_look(root: &Arc<dyn AnyNode>, patience: Duration) -> Instant {
    let beneath = || {
        let children = root.children();
        children
            .iter()
            .filter_map(|child| due(child, patience))
            .min()
    };
    // What is beneath may not have been told yet, and have less time than the root has.
    let look = after(patience.max(SHORTEST));
    let first = due(root, patience).or_else(beneath).unwrap_or(look);
    first.min(look).max(Instant::now())
}

/// When a node that uses its own time to end has to be killed, or is overdue because it has been.
fn due(node: &Arc<dyn AnyNode>, patience: Duration) -> Option<Instant> {
    let until = node.time_limit()?;
    if node.signals.load().is_killed() {
        Some(saturating_add(until, patience))
    } else {
        Some(until)
    }
}
