use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use super::AnyNode;
use crate::error::Blocker;

const SECOND: Duration = Duration::from_secs(1);
/// How many of those that hold up a stop a warning names.
const NAMED: usize = 5;

/// Names each second those that hold up a stop, while it is waited for.
#[derive(Debug, Default)]
pub(super) struct Warnings(Option<Interval>);

impl Warnings {
    pub(super) fn poll(&mut self, root: &Arc<dyn AnyNode>, cx: &mut Context<'_>) {
        let ticks = self.0.get_or_insert_with(every_second);
        while ticks.poll_tick(cx).is_ready() {
            for holder in holders(root).iter().take(NAMED) {
                tracing::warn!(
                    path = %holder.blocker.path,
                    phase = %holder.blocker.phase,
                    handling = holder.blocker.label.unwrap_or("-"),
                    held_for = ?holder.blocker.held_for,
                    time_left = ?holder.left,
                    "holds up the stop"
                );
            }
        }
    }
}

/// A node that is using its own time to end.
struct Holder {
    blocker: Blocker,
    /// How much it has left.
    left: Duration,
}

/// Those at or beneath a node that hold up its end now, the longest first.
fn holders(root: &Arc<dyn AnyNode>) -> Vec<Holder> {
    let now = Instant::now();
    let mut found = Vec::new();
    let mut pending = vec![Arc::clone(root)];
    while let Some(next) = pending.pop() {
        let node = next.node();
        pending.extend(node.children());
        if let Some(own) = node.own_time() {
            found.push(Holder {
                blocker: node.blocker(&*next, own.used),
                left: own.until.saturating_duration_since(now),
            });
        }
    }
    found.sort_by_key(|holder| std::cmp::Reverse(holder.blocker.held_for));
    found
}

fn every_second() -> Interval {
    let mut ticks = interval_at(Instant::now() + SECOND, SECOND);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    ticks
}
