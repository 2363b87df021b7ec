//! The orders that a node can be given, by others and by itself.

use std::sync::Arc;

use tokio::time::Instant;

use super::any_node::AnyNode;
use super::ending::{Ending, begin_end, begin_end_of_one, has_no_time, kill, tell_of_scope};
use super::overrun::log_overrun;
use super::signals::Marks;
use super::state::NodeState;
use crate::error::Phase;
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

/// Tells a node to end. All orders go through here. It never waits, and repeating an order has no further effect (rule
/// 13).
pub(crate) fn request(target: &Arc<dyn AnyNode>, order: Order) {
    request_with(target, order, |_| ());
}

/// As [`request`]. If the order is new, `note` is run under the node's lock.
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

/// Bounds an order: at this moment what is left becomes a kill. The earliest of all bounds holds.
pub(crate) fn bound(target: &Arc<dyn AnyNode>, at: Instant) {
    {
        let mut state = lock(&target.state);
        if state.phase == Phase::Stopped {
            return;
        }
        let bound = &mut state.extras.get_or_insert_default().bound;
        *bound = Some(bound.map_or(at, |known| known.min(at)));
    }
    // The shell has to reset its timer.
    target.wake();
    tell_of_scope(target);
}

/// The node gives itself an order: it ends once its current step has ended.
pub(crate) fn request_own(target: &Arc<dyn AnyNode>, order: Order) {
    match order {
        Order::Drain | Order::Stop if !has_no_time(target) => {
            begin_end(target, Ending::own_order(target, order), |_, _| true);
        }
        order => request(target, order),
    }
}

/// The node's own code has ended, so the node ends. What is left of it has its grace as in a stop.
pub(crate) fn end_by_itself(target: &Arc<dyn AnyNode>) {
    end_own(target, &mut |_, _| true);
}

/// The code of a node that was told to drain has ended. If it had not drained yet and has not failed, this is a stop
/// (rule 4): it returned an error that only says that something was stopped, or was dropped for its group.
#[cold]
pub(crate) fn end_drain(target: &Arc<dyn AnyNode>, has_failed: bool) {
    let has_drained = lock(&target.state).closed;
    if has_failed || has_drained {
        end_by_itself(target);
    } else {
        begin_end(target, Ending::order(target, Order::Stop), |_, _| true);
    }
}

/// As [`end_by_itself`], if `close` returns true. `close` is run under the node's lock, so that nobody sees what it
/// closes while the node still counts as running.
///
/// With `has_drained`, it ends only if it is quiet. Otherwise it ends only if nobody has told it to drain: a drain that
/// comes first is served, including its hook; a drain that comes later finds that the node has ended by itself.
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

/// Fires the node's token, because what is beneath is to end. The node itself is told nothing.
pub(crate) fn fire(target: &Arc<dyn AnyNode>) {
    begin_end_of_one(target, Ending::FIRE, |_, _| true);
}

/// Has the node end as if by itself: for good or, if it is always restarted, only this incarnation.
pub(crate) fn finish(target: &Arc<dyn AnyNode>) {
    if !target.signals.marks().has(Marks::ALWAYS) {
        return request_own(target, Order::Stop);
    }
    target.signals.request_restart();
    target.wake();
}
