use std::sync::Arc;

use tokio::time::Instant;

use super::any_node::AnyNode;
use super::node::Node;
use super::overrun::log_overrun;
use super::signals::{Marks, Snapshot};
use super::state::NodeState;
use crate::error::{Kind, Phase};
use crate::mailbox::Gate;
use crate::sync::explored::{Ordering, fence};
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
    request_with(target, order, |_| ());
}

/// As [`request`], and notes something under the node's lock if the order says anything new.
pub(super) fn request_with(
    target: &Arc<dyn AnyNode>,
    order: Order,
    note: impl FnOnce(&mut NodeState),
) {
    let is_gentle = matches!(order, Order::Drain | Order::Stop);
    if is_gentle && !has_no_time(target) {
        begin_end(target, Ending::order(target, order), |state, _| {
            note(state);
            true
        });
        return;
    }
    {
        let mut state = lock(&target.state);
        if state.phase == Phase::Stopped || target.signals.load().is_killed() {
            return;
        }
        note(&mut state);
    }
    if order == Order::Cut {
        log_overrun(target);
    }
    kill(target, order != Order::Kill);
}

/// With a grace of zero every stop is a kill. A scope and a system have no steps of their own that
/// could take any.
fn has_no_time(target: &Arc<dyn AnyNode>) -> bool {
    let node = target.node();
    node.grace().is_zero() && !matches!(node.kind(), Kind::Scope | Kind::System)
}

/// What is left of an order at this moment becomes a kill. Of several such bounds, whoever has set them, the
/// earliest holds.
pub(crate) fn bound(target: &Arc<dyn AnyNode>, at: Instant) {
    {
        let mut state = lock(&target.state);
        if state.phase == Phase::Stopped {
            return;
        }
        let bound = &mut state.extras.get_or_insert_default().bound;
        *bound = Some(bound.map_or(at, |known| known.min(at)));
    }
    // Its shell has another moment to look at.
    target.wake();
    tell_of_scope(target);
}

/// Nobody may poll the future of a scope that has been told something: those above whose code may have it are to look.
fn tell_of_scope(target: &Arc<dyn AnyNode>) {
    let mut next = target;
    while next.kind() == Kind::Scope
        && let Some(owner) = next.owner()
    {
        // One that joins its children goes through its scopes as well.
        if !owner.signals.load().is_joining() {
            owner.signals.tell_of_scope();
            owner.wake();
        }
        next = owner;
    }
}

/// The node tells itself: it ends once what it is doing now has ended.
pub(crate) fn request_own(target: &Arc<dyn AnyNode>, order: Order) {
    match order {
        Order::Drain | Order::Stop if !has_no_time(target) => {
            let own = Ending::order(target, order);
            begin_end(
                target,
                Ending {
                    by_self: true,
                    ..own
                },
                |_, _| true,
            );
        }
        order => request(target, order),
    }
}

/// The node's own code has ended, and with it its life: what is left of it has its grace as in a stop.
pub(crate) fn end_by_itself(target: &Arc<dyn AnyNode>) {
    end_own(target, &mut |_, _| true);
}

/// The code of a node that was told to drain has ended. If that was before it had drained, and it has not failed, that is
/// a stop (rule 4): it gave an error that says no more than that something was stopped, or was dropped for its group.
#[cold]
pub(crate) fn end_drain(target: &Arc<dyn AnyNode>, has_failed: bool) {
    let has_drained = lock(&target.state).closed;
    if has_failed || has_drained {
        end_by_itself(target);
    } else {
        begin_end(target, Ending::order(target, Order::Stop), |_, _| true);
    }
}

/// As [`end_by_itself`], together with what `close` closes, if it does: nobody sees that closed, and the node
/// still running. `close` is run under the node's lock.
///
/// One that `has_drained` ends only if nobody is beneath. One that has not ends only if nobody has told it to drain: a
/// drain that comes first is to be served, hook and all, and one that comes later finds an end that is the node's own.
pub(crate) fn end_if(
    target: &Arc<dyn AnyNode>,
    has_drained: bool,
    close: &mut dyn FnMut(&mut WakeList) -> bool,
) -> bool {
    end_own(target, &mut |state, wakes| {
        let may_end = match has_drained {
            true => state.is_quiet(),
            false => !target.signals.load().is_drained(),
        };
        may_end && close(wakes)
    })
}

fn end_own(
    target: &Arc<dyn AnyNode>,
    when: &mut dyn FnMut(&mut NodeState, &mut WakeList) -> bool,
) -> bool {
    begin_end(target, Ending::by_itself(target), when)
}

/// What is beneath a node is to end: its token fires, and a scope takes no orders for that.
pub(crate) fn fire(target: &Arc<dyn AnyNode>) {
    begin_end_of_one(target, Ending::FIRE, |_, _| true);
}

/// The node comes to an end of its own: for good, or for this incarnation.
pub(crate) fn finish(target: &Arc<dyn AnyNode>) {
    if !target.signals.marks().has(Marks::ALWAYS) {
        return request_own(target, Order::Stop);
    }
    target.signals.request_restart();
    target.wake();
}

/// How a node begins to end.
#[derive(Debug, Clone, Copy)]
struct Ending {
    /// What it is told, if it is told anything.
    order: Option<Order>,
    /// It has ended already, whatever it is told.
    has_ended: bool,
    gate: Gate,
    /// It takes no more children.
    closes: bool,
    fires: bool,
    /// It is the node's own doing, unless it has been told already.
    by_self: bool,
}

impl Ending {
    /// What is beneath the node is to end, and not yet the node.
    const FIRE: Self = Self {
        order: None,
        has_ended: false,
        gate: Gate::Open,
        closes: false,
        fires: true,
        by_self: false,
    };

    /// The node's own code has ended.
    fn by_itself(target: &Arc<dyn AnyNode>) -> Self {
        Self {
            by_self: true,
            has_ended: true,
            ..Self::order(target, Order::Stop)
        }
    }

    /// Whether a node that has these signals has come further already.
    fn is_late(&self, told: Snapshot) -> bool {
        !self.has_ended && self.order.is_some_and(|order| told.covers(order))
    }

    /// The signals of a node that had these.
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

    fn order(target: &Arc<dyn AnyNode>, order: Order) -> Self {
        if order == Order::Drain {
            Self {
                order: Some(order),
                has_ended: false,
                gate: Gate::Draining,
                closes: false,
                // An actor's fires after the mail that it has accepted (rule 4).
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

/// The one way in which a node begins to end, but for a kill.
///
/// A node with open scopes that is told to stop: their bodies go on within its grace, and so does what is
/// beneath them; but whoever has a token there is told at once, and its own grace begins (rule 6).
fn begin_end(
    target: &Arc<dyn AnyNode>,
    ending: Ending,
    when: impl FnOnce(&mut NodeState, &mut WakeList) -> bool,
) -> bool {
    let Some(mut scopes) = begin_end_of_one(target, ending, when) else {
        return false;
    };
    // A list, because such scopes may be nested deeply (rule 15).
    while let Some(scope) = scopes.pop() {
        if scope.signals.load().is_killed() {
            // So is all beneath it. Where each of many levels ends by its own kill, each would go through all the others.
            continue;
        }
        scopes.extend(
            begin_end_of_one(&scope, Ending::FIRE, |_, _| true)
                .into_iter()
                .flatten(),
        );
        for task in tasks(&scope) {
            if task.signals.marks().has(Marks::TOKENLESS) {
                // It goes on, and so do the bodies of its own scopes.
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

/// Under the node's lock its phase, its signals and what it closes change in one step, and after that
/// whoever has to be is woken. Gives the open scopes that are to be told as well; `None` if it has come
/// further already.
///
/// An end of its own does not change what the node was told before: a drained node that has ended is
/// drained, and not stopped.
fn begin_end_of_one(
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
        // Its body may be waiting for a task that waits for its token.
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

/// Kills a node and all beneath it at once: one that does not yield must not keep what is beneath
/// it alive. With `cut`, because its time was up. The tree is walked with a list, not by recursion (rule 15).
fn kill(target: &Arc<dyn AnyNode>, cut: bool) {
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
            // The patience of those who wait begins now.
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

/// The node has got these signals, with which nothing beneath it is restarted: what waits there for its next
/// incarnation is to look. One that has them already has seen to that, for all beneath it.
pub(in crate::tree) fn wake_restarting(node: &Node, signals: Snapshot) {
    fence(Ordering::SeqCst);
    if node.shared.restarting.load(Ordering::Relaxed) == 0 {
        return;
    }
    let has_all = |node: &Node| node.signals.load().includes(signals);
    if node.owner().is_some_and(|owner| has_all(owner.node())) {
        return;
    }
    // A list, because the tree may be deep (rule 15).
    let mut pending = node.children();
    while let Some(next) = pending.pop() {
        if next.signals.load().is_restarting() {
            next.wake();
        }
        if !has_all(next.node()) {
            pending.append(&mut next.children());
        }
    }
}

/// Wakes the owner, if it waits for this end. Above a scope that nobody polls it is one of those above the scope that
/// waits: not the next, if nobody polls that either.
pub(in crate::tree) fn wake_owner(owner: &Arc<dyn AnyNode>, awaits: bool) {
    if awaits {
        owner.wake();
    }
    if !owner.signals.load().passes_wakes_on() {
        return;
    }
    let mut next = owner;
    while next.kind() == Kind::Scope
        && let Some(above) = next.owner()
    {
        above.wake();
        next = above;
    }
}

impl NodeState {
    /// Those who wait for the end are to look when it begins: a system does not wait for ever for
    /// the end of its root.
    #[inline]
    pub(in crate::tree) fn begin_stopping(&mut self, wakes: &mut WakeList) {
        if self.phase < Phase::Stopping {
            self.phase = Phase::Stopping;
            self.wake_waiters(wakes);
        }
    }

    /// All who wait for the end, to be woken for a look.
    pub(in crate::tree) fn watchers(&mut self) -> WakeList {
        let mut watchers = WakeList::new();
        self.wake_waiters(&mut watchers);
        watchers
    }

    /// Adds all who wait for the end to those to be woken.
    #[inline]
    pub(in crate::tree) fn wake_waiters(&mut self, wakes: &mut WakeList) {
        if let Some(extras) = &mut self.extras {
            extras.waiters.wake_all(wakes);
        }
    }
}
