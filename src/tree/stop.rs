use std::sync::Arc;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::AnyNode;
use super::links::Links;
use super::signals::{ALWAYS, BY_SELF, CUT, DRAIN, KILL, RENEW, STOP};
use crate::error::{Kind, Phase};
use crate::mailbox::Gate;
use crate::sync::{WakeList, lock};

/// What a node can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Drain,
    Stop,
    Kill,
    /// A kill that a stop or drain has become because its time was up.
    Cut,
}

/// Tells a node to end. This is the only way in which any node is told so; it never waits, and
/// says it once or a thousand times to the same effect (rule 13).
pub(crate) fn request(target: &Arc<dyn AnyNode>, order: Order) {
    match order {
        Order::Kill => kill(target, KILL),
        Order::Cut => kill(target, KILL | CUT),
        Order::Drain | Order::Stop if has_no_time(target) => kill(target, KILL | CUT),
        Order::Drain => end(target, DRAIN, Gate::Draining),
        Order::Stop => end(target, STOP, Gate::Closed),
    }
}

/// With a grace of zero every stop is a kill. A scope and a system have no steps of their own that
/// could take any.
fn has_no_time(target: &Arc<dyn AnyNode>) -> bool {
    let node = target.node();
    node.grace().is_zero() && !matches!(node.kind(), Kind::Scope | Kind::System)
}

/// What is left of an order at this moment becomes a kill. `before` is what the same caller had set before
/// this, which it replaces; of several callers' bounds the earliest holds.
pub(crate) fn bound(target: &Arc<dyn AnyNode>, at: Instant, before: Option<Instant>) {
    {
        let mut links = lock(&target.node().links);
        if links.phase == Phase::Stopped {
            return;
        }
        let bound = &mut links.rare.get_or_insert_default().bound;
        *bound = match *bound {
            Some(known) if before != Some(known) => Some(known.min(at)),
            _ => Some(at),
        };
    }
    // Its shell has another moment to look at.
    target.wake();
}

/// The node tells itself: it ends once what it is doing now has ended.
pub(crate) fn request_own(target: &Arc<dyn AnyNode>, order: Order) {
    if !target.node().signals.has(STOP | DRAIN | KILL) {
        target.node().signals.set(BY_SELF);
    }
    request(target, order);
}

/// The node comes to an end of its own: for good, or for this incarnation.
pub(crate) fn finish(target: &Arc<dyn AnyNode>) {
    if !target.node().signals.has(ALWAYS) {
        return request_own(target, Order::Stop);
    }
    target.node().signals.set(RENEW);
    target.wake();
}

fn end(target: &Arc<dyn AnyNode>, bit: u32, gate: Gate) {
    let node = target.node();
    let (wakes, token) = {
        let mut links = lock(&node.links);
        if links.phase == Phase::Stopped || node.signals.has(bit | KILL | STOP) {
            return;
        }
        node.signals.set(bit);
        let wakes = links.begin_stopping();
        links.closed |= bit == STOP;
        // An actor's token fires after its last message, which is for its shell to see (rule 4).
        let fires = bit != DRAIN || node.kind() != Kind::Actor;
        (wakes, links.token().filter(|_| fires))
    };
    target.close(gate);
    if let Some(token) = token {
        token.cancel();
    }
    wakes.wake();
}

/// Kills a node and all beneath it at once: one that does not yield must not keep what is beneath
/// it alive. The tree is walked with a list, not by recursion (rule 15).
fn kill(target: &Arc<dyn AnyNode>, bits: u32) {
    let now = Instant::now();
    let mut pending = vec![Arc::clone(target)];
    while let Some(next) = pending.pop() {
        let node = next.node();
        let (wakes, token) = {
            let mut links = lock(&node.links);
            if links.phase == Phase::Stopped || node.signals.has(KILL) {
                continue;
            }
            node.signals.set(bits);
            links.phase = Phase::Stopping;
            // The patience of those who wait begins now.
            let wakes = links.watchers();
            links.closed = true;
            links.end_own_time(now, node);
            if let Some(children) = &links.children {
                pending.extend(children.all());
            }
            (wakes, links.token())
        };
        next.close(Gate::Closed);
        if let Some(token) = token {
            token.cancel();
        }
        wakes.wake();
    }
}

impl Links {
    /// Those who wait for the end are to look when it begins: a system does not wait for ever for
    /// the end of its root.
    pub(super) fn begin_stopping(&mut self) -> WakeList {
        if self.phase >= Phase::Stopping {
            return WakeList::new();
        }
        self.phase = Phase::Stopping;
        self.watchers()
    }

    /// All who wait for the end, to be woken for a look.
    pub(super) fn watchers(&mut self) -> WakeList {
        let mut watchers = WakeList::new();
        self.wake_waiters(&mut watchers);
        watchers
    }

    /// Adds all who wait for the end to those to be woken.
    #[inline]
    pub(super) fn wake_waiters(&mut self, wakes: &mut WakeList) {
        if let Some(rare) = &mut self.rare {
            rare.waiters.wake_all(wakes);
        }
    }

    fn token(&self) -> Option<CancellationToken> {
        self.rare.as_ref().and_then(|rare| rare.token.clone())
    }
}
