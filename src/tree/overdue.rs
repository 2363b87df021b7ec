use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use super::signals::{DRAIN, KILL, STOP};
use super::{AnyNode, Order, request};
use crate::error::{Blocker, Phase};
use crate::sync::lock;

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
pub(crate) fn overdue(root: &Arc<dyn AnyNode>, patience: Duration) -> Overdue {
    let now = Instant::now();
    let mut found = Overdue::default();
    let mut blockers: Vec<(usize, Blocker)> = Vec::new();
    let mut pending = vec![(0, Arc::clone(root))];
    while let Some((depth, next)) = pending.pop() {
        let node = next.node();
        let (own_time, told) = {
            let links = lock(&node.links);
            if links.phase == Phase::Stopped {
                continue;
            }
            if let Some(children) = &links.children {
                pending.extend(children.all().into_iter().map(|child| (depth + 1, child)));
            }
            (links.own_time(), node.signals.has(STOP | DRAIN | KILL))
        };
        found.alive += 1;
        let Some((since, until)) = own_time.filter(|_| told) else {
            continue;
        };
        if until <= now && !node.signals.has(KILL) {
            request(&next, Order::Cut);
        }
        let limit = if until <= now || node.signals.has(KILL) {
            until + patience
        } else {
            until
        };
        if limit <= now {
            blockers.push((depth, node.blocker(&*next, now - since)));
        } else {
            found.next = Some(found.next.map_or(limit, |first| first.min(limit)));
        }
    }
    blockers.sort_by_key(|(depth, _)| std::cmp::Reverse(*depth));
    found.blockers = blockers.into_iter().map(|(_, blocker)| blocker).collect();
    found
}

/// A node that is using its own time to end.
#[derive(Debug)]
pub(crate) struct Holder {
    pub(crate) blocker: Blocker,
    /// How much it has left.
    pub(crate) left: Duration,
}

/// Those at or beneath a node that hold up its end now, the longest first.
pub(crate) fn holders(root: &Arc<dyn AnyNode>) -> Vec<Holder> {
    let now = Instant::now();
    let mut found = Vec::new();
    let mut pending = vec![Arc::clone(root)];
    while let Some(next) = pending.pop() {
        let node = next.node();
        pending.extend(node.children());
        if let Some((since, until)) = node.own_time()
            && node.phase() == Phase::Stopping
        {
            found.push(Holder {
                blocker: node.blocker(&*next, now - since),
                left: until.saturating_duration_since(now),
            });
        }
    }
    found.sort_by_key(|holder| std::cmp::Reverse(holder.blocker.held_for));
    found
}

/// Looks at what is overdue each time that something may have become so, and only then.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    timer: Option<Pin<Box<Sleep>>>,
    alive: usize,
}

impl Watch {
    /// Gives the blockers once there are any, and nothing has ended since the last look. With
    /// `all`, only once nobody is left who still has time.
    pub(crate) fn poll(
        &mut self,
        root: &Arc<dyn AnyNode>,
        patience: Duration,
        all: bool,
        cx: &mut Context<'_>,
    ) -> Poll<Vec<Blocker>> {
        let first = || {
            let now = Instant::now();
            let until = root.node().own_time().map_or(now, |(_, until)| until);
            sleep_until(until.max(now) + self_patience(root, patience))
        };
        let timer = self.timer.get_or_insert_with(|| Box::pin(first()));
        loop {
            ready!(timer.as_mut().poll(cx));
            let found = overdue(root, patience);
            let progress = found.alive < std::mem::replace(&mut self.alive, found.alive);
            let settled = !all || found.next.is_none();
            if !found.blockers.is_empty() && !progress && settled {
                timer.as_mut().reset(Instant::now() + patience);
                return Poll::Ready(found.blockers);
            }
            let now = Instant::now();
            let next = found.next.unwrap_or(now + patience);
            timer
                .as_mut()
                .reset(next.max(now + Duration::from_millis(1)));
        }
    }
}

/// A node that has been killed already is overdue after the patience, one that has time left is to
/// be looked at when that is up.
fn self_patience(root: &Arc<dyn AnyNode>, patience: Duration) -> Duration {
    if root.node().signals.has(KILL) {
        patience
    } else {
        Duration::ZERO
    }
}
