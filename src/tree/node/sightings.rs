//! How long a node has been in its current activity, as far as looks have seen. The node's own code does not read the
//! clock for that.

use std::collections::HashMap;
use std::sync::Mutex;

use tokio::time::Instant;

use super::id::NodeId;
use crate::sync::lock;

/// How many nodes of each system are remembered. No more nodes can be in a poll than there are threads.
const MOST: usize = 16_384;

/// An activity that may last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Activity {
    /// In the middle of the poll with this number.
    Poll(u32),
    /// In the handler with this number.
    Handler(u64),
    /// Its mailbox is full, and a sender waits for room.
    Full,
    /// Nothing can wake it.
    Unreachable,
}

impl Activity {
    fn place(self) -> usize {
        match self {
            Self::Poll(_) => 0,
            Self::Handler(_) => 1,
            Self::Full => 2,
            Self::Unreachable => 3,
        }
    }
}

/// What was seen of the nodes of a system, and since when. Shared by all who look.
#[derive(Debug, Default)]
pub(crate) struct Sightings(Mutex<SightingTable>);

#[derive(Debug, Default)]
struct SightingTable {
    nodes: HashMap<(NodeId, usize), Sighting>,
    /// Above this size, entries that nobody has seen for long are removed.
    crowded: usize,
}

#[derive(Debug, Clone, Copy)]
struct Sighting {
    activity: Activity,
    since: Instant,
    seen: Instant,
}

impl Sightings {
    /// Notes what these nodes are doing now. Returns since when they have been doing it, at least.
    pub(crate) fn note(
        &self,
        now: Instant,
        seen: impl Iterator<Item = (NodeId, Activity)>,
    ) -> Vec<Instant> {
        let mut all = lock(&self.0);
        let since = seen.map(|(id, activity)| all.note(now, id, activity));
        let since = since.collect();
        all.tidy();
        since
    }
}

impl SightingTable {
    fn note(&mut self, now: Instant, id: NodeId, activity: Activity) -> Instant {
        let key = (id, activity.place());
        if self.nodes.len() >= MOST && !self.nodes.contains_key(&key) {
            return now;
        }
        let fresh = Sighting {
            activity,
            since: now,
            seen: now,
        };
        let known = self.nodes.entry(key).or_insert(fresh);
        if known.activity != activity {
            *known = fresh;
        }
        known.seen = now;
        known.since
    }

    /// Whenever the table has doubled since the last time, removes the half that was not seen for longest.
    fn tidy(&mut self) {
        if self.nodes.len() <= self.crowded.max(64) {
            return;
        }
        let mut times: Vec<Instant> = self.nodes.values().map(|sighting| sighting.seen).collect();
        let middle = times.len() / 2;
        let (_, median, _) = times.select_nth_unstable(middle);
        let median = *median;
        self.nodes.retain(|_, sighting| sighting.seen >= median);
        self.crowded = (2 * self.nodes.len()).min(MOST - 1);
    }
}
