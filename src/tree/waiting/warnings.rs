use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::error::Blocker;
use crate::tree::node::AnyNode;

const SECOND: Duration = Duration::from_secs(1);
/// How many of the nodes that hold up a stop a warning names.
const NAMED: usize = 5;

/// Names the nodes that hold up a stop while somebody waits for it: from half of a node's grace on, and then less and
/// less often.
#[derive(Debug)]
pub(in crate::tree) struct Warnings {
    next: Option<Instant>,
    pause: Duration,
}

impl Default for Warnings {
    fn default() -> Self {
        Self {
            next: None,
            pause: SECOND,
        }
    }
}

impl Warnings {
    /// Warns if it is time to. Returns when to look again.
    pub(in crate::tree) fn look(&mut self, root: &Arc<dyn AnyNode>) -> Instant {
        let now = Instant::now();
        let next = *self.next.get_or_insert(now + SECOND);
        if next > now {
            return next;
        }
        let holders = holders(root, now);
        for holder in holders.iter().take(NAMED) {
            tracing::warn!(
                name: "tenure.stop_held_up",
                path = %holder.blocker.path,
                type_name = holder.blocker.type_name,
                site = %holder.blocker.site,
                phase = %holder.blocker.phase,
                handling = holder.blocker.label.unwrap_or("-"),
                held_for = ?holder.blocker.held_for,
                time_left = ?holder.left,
                "holds up the stop"
            );
        }
        let pause = self.pause;
        if !holders.is_empty() {
            self.pause = self.pause.saturating_mul(2);
        }
        self.next = Some(now + pause);
        now + pause
    }
}

/// A node that is using its own time to end.
struct SlowEnd {
    blocker: Blocker,
    /// How much own time it has left.
    left: Duration,
}

/// The nodes at or beneath `root` that hold up its end now and have used half of their time, the longest first.
fn holders(root: &Arc<dyn AnyNode>, now: Instant) -> Vec<SlowEnd> {
    let mut found = Vec::new();
    let mut pending = vec![Arc::clone(root)];
    while let Some(next) = pending.pop() {
        let node = next.node();
        pending.extend(node.children());
        let Some(own) = node.own_time() else { continue };
        let left = own.until.saturating_duration_since(now);
        if own.used >= left {
            found.push(SlowEnd {
                blocker: node.blocker(&*next, own.used),
                left,
            });
        }
    }
    found.sort_by_key(|holder| std::cmp::Reverse(holder.blocker.held_for));
    found
}
