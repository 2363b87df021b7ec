//! How a node begins to end, once it has been told to or its code has ended.

use std::sync::Arc;

use tokio::time::Instant;

use super::any_node::AnyNode;
use super::order::Order;
use super::signals::{Marks, Snapshot};
use super::state::NodeState;
use super::wakes::wake_restarting;
use crate::error::{Kind, Phase};
use crate::mailbox::Gate;
use crate::sync::{WakeList, lock};

/// How a node begins to end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ending {
    /// The order, if there is one.
    order: Option<Order>,
    /// Its code has ended already, whatever the order.
    has_ended: bool,
    gate: Gate,
    /// The node takes no more children.
    closes: bool,
    fires: bool,
    /// The node does this itself, unless it was told before.
    by_self: bool,
}

impl Ending {
    /// What is beneath the node is to end, but not the node yet.
    pub(super) const FIRE: Self = Self {
        order: None,
        has_ended: false,
        gate: Gate::Open,
        closes: false,
        fires: true,
        by_self: false,
    };

    /// The node's own code has ended.
    pub(super) fn by_itself(target: &Arc<dyn AnyNode>) -> Self {
        Self {
            has_ended: true,
            ..Self::own_order(target, Order::Stop)
        }
    }

    /// The node gives itself an order.
    pub(super) fn own_order(target: &Arc<dyn AnyNode>, order: Order) -> Self {
        Self {
            by_self: true,
            ..Self::order(target, order)
        }
    }

    /// Whether a node with these signals has gone further already.
    fn is_late(&self, told: Snapshot) -> bool {
        !self.has_ended && self.order.is_some_and(|order| told.covers(order))
    }

    /// The signals of a node after this, if it had `told` before.
    fn signals_after(&self, told: Snapshot) -> Snapshot {
        let after = if self.fires {
            told.with_token_fired()
        } else {
            told
        };
        match self.order {
            None => after,
            Some(_) if self.has_ended && told.is_told_to_end() => after,
            Some(order) if self.by_self && !told.is_told_to_end() => {
                after.with_order(order).with_by_self()
            }
            Some(order) => after.with_order(order),
        }
    }

    pub(super) fn order(target: &Arc<dyn AnyNode>, order: Order) -> Self {
        if order == Order::Drain {
            Self {
                order: Some(order),
                has_ended: false,
                gate: Gate::Draining,
                closes: false,
                // The token of an actor fires once its accepted mail is handled (rule 4).
                fires: target.kind() != Kind::Actor,
                by_self: false,
            }
        } else {
            Self {
                order: Some(order),
                has_ended: false,
                gate: Gate::Closed,
                closes: true,
                fires: true,
                by_self: false,
            }
        }
    }
}

/// The one way in which a node begins to end, other than a kill.
///
/// If a node with open scopes is told to stop, the bodies of the scopes and what is beneath them go on within the
/// node's grace. But tasks with a token beneath them are told at once, and their own grace begins (rule 6).
pub(super) fn begin_end(
    target: &Arc<dyn AnyNode>,
    ending: Ending,
    when: impl FnOnce(&mut NodeState, &mut WakeList) -> bool,
) -> bool {
    let Some(mut scopes) = begin_end_of_one(target, ending, when) else {
        return false;
    };
    // A list, because scopes may be nested deeply (rule 15).
    while let Some(scope) = scopes.pop() {
        if scope.signals.load().is_killed() {
            // Everything beneath it is killed as well. In a deep tree in which each level is killed by itself, each
            // would go through all others.
            continue;
        }
        scopes.extend(
            begin_end_of_one(&scope, Ending::FIRE, |_, _| true)
                .into_iter()
                .flatten(),
        );
        for task in tasks(&scope) {
            if task.signals.marks().has(Marks::TOKENLESS) {
                // A plain task goes on, and so do the bodies of its own scopes.
                scopes.extend(open_scopes(&task));
            } else if has_no_time(&task) {
                kill(&task, true);
            } else {
                let order = Ending::order(&task, Order::Stop);
                scopes.extend(
                    begin_end_of_one(&task, order, |_, _| true)
                        .into_iter()
                        .flatten(),
                );
            }
        }
    }
    true
}

/// Changes the node's phase, its signals and what is closed in one step under its lock, and then does the wakes.
/// Returns the open scopes that are to be told as well; `None` if the node has gone further already, or `when` refuses.
///
/// If the node ends by itself, earlier orders stay: a node that was told to drain and has ended is drained, not
/// stopped.
pub(super) fn begin_end_of_one(
    target: &Arc<dyn AnyNode>,
    ending: Ending,
    when: impl FnOnce(&mut NodeState, &mut WakeList) -> bool,
) -> Option<Vec<Arc<dyn AnyNode>>> {
    let node = target.node();
    let mut wakes = WakeList::new();
    let (tokens, mut scopes, news) = {
        let mut state = lock(&node.state);
        let told = node.signals.load();
        if state.phase == Phase::Stopped || ending.is_late(told) || !when(&mut state, &mut wakes) {
            drop(state);
            wakes.wake();
            return None;
        }
        let after = ending.signals_after(told);
        if after != told {
            node.signals.add(after);
        }
        state.closed |= ending.closes;
        let tokens = if ending.fires {
            state.tokens(ending.closes)
        } else {
            None
        };
        let table = state
            .children
            .as_ref()
            .filter(|_| ending.closes || ending.order.is_none());
        let scopes = table.map_or_else(Vec::new, |table| table.scopes());
        state.begin_stopping(&mut wakes);
        let news = after
            .new_bans_of_restarts(told)
            .filter(|_| told.had_children());
        (tokens, scopes, news)
    };
    if ending.gate != Gate::Open {
        target.close(ending.gate);
    }
    if let Some(tokens) = tokens {
        tokens.cancel();
    }
    wakes.wake();
    if let Some(news) = news {
        wake_restarting(node, news);
    }
    if node.kind() == Kind::Scope && ending.order.is_some() {
        if !ending.by_self {
            tell_of_scope(target);
        }
        // Its body may be waiting for a task that waits for the token.
        scopes.push(Arc::clone(target));
    }
    Some(scopes)
}

/// The tasks and jobs of a scope.
fn tasks(scope: &Arc<dyn AnyNode>) -> Vec<Arc<dyn AnyNode>> {
    let state = lock(&scope.state);
    let table = state.children.as_ref();
    table.map_or_else(Vec::new, |table| table.all_tasks())
}

fn open_scopes(node: &Arc<dyn AnyNode>) -> Vec<Arc<dyn AnyNode>> {
    let state = lock(&node.state);
    let table = state.children.as_ref();
    table.map_or_else(Vec::new, |table| table.scopes())
}

/// Kills a node and everything beneath it at once: a node that does not yield must not keep what is beneath it alive.
/// With `cut`, because its time was up. Walks the tree with a list, not by recursion (rule 15).
pub(super) fn kill(target: &Arc<dyn AnyNode>, cut: bool) {
    let now = Instant::now();
    let mut pending = vec![Arc::clone(target)];
    while let Some(next) = pending.pop() {
        let node = next.node();
        let (wakes, tokens) = {
            let mut state = lock(&node.state);
            if state.phase == Phase::Stopped || node.signals.load().is_killed() {
                continue;
            }
            state.end_own_time(now, node);
            node.signals.kill(cut);
            state.phase = Phase::Stopping;
            // Those who wait look now: their patience begins.
            let wakes = state.watchers();
            state.closed = true;
            if let Some(children) = &state.children {
                pending.extend(children.all());
            }
            (wakes, state.tokens(true))
        };
        next.close(Gate::Closed);
        if let Some(tokens) = tokens {
            tokens.cancel();
        }
        wakes.wake();
    }
}

/// With a grace of zero every stop is a kill. Not for scopes and systems, which have no steps of their own.
pub(super) fn has_no_time(target: &Arc<dyn AnyNode>) -> bool {
    let node = target.node();
    node.grace().is_zero() && !matches!(node.kind(), Kind::Scope | Kind::System)
}

/// Perhaps nobody polls the future of a scope that was told something. Has the nodes above look, whose code may hold
/// it.
pub(super) fn tell_of_scope(target: &Arc<dyn AnyNode>) {
    let mut next = target;
    while next.kind() == Kind::Scope
        && let Some(owner) = next.owner()
    {
        // A node that is joining goes through its scopes anyway.
        if !owner.signals.load().is_joining() {
            owner.signals.tell_of_scope();
            owner.wake();
        }
        next = owner;
    }
}
