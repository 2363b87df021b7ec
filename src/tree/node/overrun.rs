//! What is logged when a node's time to end is up: the nodes that hold up its end, the deepest first. The log is
//! bounded, however many nodes there are and however many are late.

use std::fmt::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::Instant;

use super::any_node::AnyNode;
use super::record::OrderNote;
use crate::error::Blocker;
use crate::sync::lock;

/// How many nodes are looked at.
const MOST_LOOKED_AT: usize = 10_000;
/// How many are named.
const MOST_NAMED: usize = 16;
/// How many overruns of one system are logged within a second.
const MOST_LOGGED: u32 = 8;
const SECOND: Duration = Duration::from_secs(1);

/// How many overruns of a system have been logged of late.
#[derive(Debug, Default)]
pub(crate) struct OverrunLog(Mutex<Logged>);

#[derive(Debug, Default)]
struct Logged {
    since: Option<Instant>,
    count: u32,
}

impl OverrunLog {
    /// Whether one more is logged. Returns how many were left out before it.
    fn admit(&self, now: Instant) -> Option<u32> {
        let mut logged = lock(&self.0);
        let is_over = |since: Instant| now.saturating_duration_since(since) >= SECOND;
        let mut left_out = 0;
        if logged.since.is_none_or(is_over) {
            left_out = logged.count.saturating_sub(MOST_LOGGED);
            *logged = Logged {
                since: Some(now),
                count: 0,
            };
        }
        logged.count = logged.count.saturating_add(1);
        (logged.count <= MOST_LOGGED).then_some(left_out)
    }
}

/// Logs that this node's time is up. It is about to be killed for that.
#[cold]
pub(super) fn log_overrun(target: &Arc<dyn AnyNode>) {
    let now = Instant::now();
    let Some(left_out) = target.shared.overruns.admit(now) else {
        return;
    };
    let (holders, more) = holders(target, now);
    let mut tree = String::new();
    for (depth, holder) in holders {
        // Writing to a string cannot fail.
        write!(tree, "\n{:1$}{holder}", "", 2 * depth.min(16)).unwrap_or_default();
    }
    if more > 0 {
        write!(tree, "\n(and {more} more)").unwrap_or_default();
    }
    let order = lock(&target.state).order_note();
    let site = order.and_then(|order| order.site);
    let site = site.map_or_else(|| String::from("-"), ToString::to_string);
    tracing::warn!(
        name: "tenure.overrun",
        path = %target.path(target.type_name()),
        grace = ?target.grace(),
        asked_at = site,
        others_since_the_last = left_out,
        "its time to end is over, and it is killed; what holds it up, the deepest first:{tree}"
    );
}

/// The nodes at or beneath `target` that are using their own time, the deepest first, and how many more there are.
fn holders(target: &Arc<dyn AnyNode>, now: Instant) -> (Vec<(usize, Blocker)>, usize) {
    let mut found = Vec::new();
    let mut looked_at = 0;
    let mut pending = vec![(0, Arc::clone(target))];
    while let Some((depth, next)) = pending.pop() {
        looked_at += 1;
        let own_time = {
            let state = lock(&next.state);
            let table = state.children.as_deref();
            let room = MOST_LOOKED_AT.saturating_sub(looked_at + pending.len());
            let children = table.into_iter().flat_map(|table| table.walk()).take(room);
            pending.extend(children.map(|(_, entry)| (depth + 1, Arc::clone(&entry.node))));
            state.own_time_at(now, &next)
        };
        found.extend(own_time.map(|own| (depth, next, own.used)));
    }
    found.sort_by_key(|(depth, ..)| std::cmp::Reverse(*depth));
    let more = found.len().saturating_sub(MOST_NAMED);
    let named = found.into_iter().take(MOST_NAMED);
    let named = named.map(|(depth, node, used)| (depth, node.blocker(&*node, used)));
    (named.collect(), more)
}

impl super::state::NodeState {
    fn order_note(&self) -> Option<OrderNote> {
        self.extras.as_ref()?.order.as_deref().cloned()
    }
}
