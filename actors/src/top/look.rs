//! One look at the data of the dashboard, and the rates since the last look.

use std::collections::HashMap;
use std::time::Duration;

use serde::Deserialize;
use tenure::observe::{Ended, Groups};
use tenure::{NodeId, Snapshot};

/// The last ends, as the dashboard serves them.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct EndsForm {
    pub(super) taken_at_ms: u64,
    pub(super) missed: u64,
    pub(super) ends: Vec<Ended>,
}

impl EndsForm {
    pub(super) const VERSION: u32 = 1;
}

#[derive(Debug)]
pub(super) struct Look {
    pub(super) snapshot: Snapshot,
    pub(super) ends: Option<EndsForm>,
    pub(super) groups: Groups,
    /// How many messages each node has begun per second, and all of them.
    pub(super) rates: HashMap<NodeId, f64>,
    pub(super) rate: f64,
}

impl Look {
    pub(super) fn new(snapshot: Snapshot, ends: Option<EndsForm>) -> Self {
        Self {
            groups: snapshot.groups(),
            snapshot,
            ends,
            rates: HashMap::new(),
            rate: 0.0,
        }
    }

    /// Compares this look with the last one, and its groups with the first groups.
    pub(super) fn compare(&mut self, before: Option<&Self>, first: &Groups) {
        self.groups = self.groups.clone().since(first);
        let Some(before) = before else { return };
        let lasted = self
            .snapshot
            .taken_at
            .saturating_sub(before.snapshot.taken_at);
        if lasted < Duration::from_millis(1) {
            return;
        }
        let nodes = before.snapshot.nodes.iter();
        let handled: HashMap<NodeId, u64> = nodes.map(|node| (node.id, node.handled)).collect();
        for node in &self.snapshot.nodes {
            let before = handled.get(&node.id).copied().unwrap_or_default();
            let more = node.handled.saturating_sub(before);
            if more > 0 {
                let rate = more as f64 / lasted.as_secs_f64();
                self.rates.insert(node.id, rate);
                self.rate += rate;
            }
        }
    }
}
