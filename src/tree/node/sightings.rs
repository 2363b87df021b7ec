//! How long a node has been in its current activity, as far as looks have seen. The node's own code does not read the
//! clock for that.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use super::id::NodeId;
use crate::sync::lock;

/// How many nodes of each system are remembered. No more nodes can be in a poll than there are threads.
const MOST: usize = 16_384;

/// What has not been seen for so long is given up, however many nodes the same look has seen.
const FORGOTTEN: Duration = Duration::from_secs(60);

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
        all.tidy(now);
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

    /// Whenever the table has doubled since the last time, removes the half that was not seen for longest. What one look
    /// has seen goes or stays as a whole: if that is more than a half, it stays while it may be looked at again.
    fn tidy(&mut self, now: Instant) {
        if self.nodes.len() <= self.crowded.max(64) {
            return;
        }
        let mut times: Vec<Instant> = self.nodes.values().map(|sighting| sighting.seen).collect();
        let middle = times.len() / 2;
        let (older, &mut median, _) = times.select_nth_unstable(middle);
        let oldest = older.iter().copied().fold(median, Instant::min);
        let is_forgotten = now.duration_since(oldest) >= FORGOTTEN;
        let goes = |seen| seen < median || is_forgotten && seen == oldest;
        self.nodes.retain(|_, sighting| !goes(sighting.seen));
        self.crowded = (2 * self.nodes.len()).min(MOST - 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks at one clock, second by second.
    struct Looks {
        sightings: Sightings,
        began: Instant,
    }

    impl Looks {
        fn new() -> Self {
            Self {
                sightings: Sightings::default(),
                began: Instant::now(),
            }
        }

        /// Sees these nodes in this activity. Says since which second each has been in it.
        fn see(&self, second: u64, ids: &[NodeId], activity: Activity) -> Vec<u64> {
            let now = self.began + Duration::from_secs(second);
            let seen = ids.iter().map(|id| (*id, activity));
            let since = self.sightings.note(now, seen).into_iter();
            since.map(|since| (since - self.began).as_secs()).collect()
        }
    }

    fn ids(number: usize) -> Vec<NodeId> {
        (0..number).map(|_| NodeId::next()).collect()
    }

    const POLL: Activity = Activity::Poll(1);

    #[test]
    fn an_activity_lasts_until_another_of_its_kind_is_seen() {
        let looks = Looks::new();
        let node = ids(1);
        assert_eq!(looks.see(1, &node, POLL), [1]);
        assert_eq!(looks.see(2, &node, Activity::Handler(1)), [2]);
        assert_eq!(looks.see(3, &node, POLL), [1]);
        assert_eq!(looks.see(4, &node, Activity::Poll(2)), [4]);
        assert_eq!(looks.see(5, &node, Activity::Handler(1)), [2]);
    }

    #[test]
    fn nothing_is_forgotten_until_the_table_has_doubled() {
        let looks = Looks::new();
        let (some, others, one) = (ids(100), ids(100), ids(1));
        looks.see(1, &some, POLL);
        looks.see(2, &others, POLL);
        assert_eq!(looks.see(3, &some, POLL), [1; 100]);
        // From now on the others are those that were not seen for longest.
        looks.see(4, &one, POLL);
        assert_eq!(looks.see(5, &some, POLL), [1; 100]);
        assert_eq!(looks.see(6, &others, POLL), [6; 100]);
    }

    #[test]
    fn those_that_come_and_go_make_room_for_others() {
        let looks = Looks::new();
        // Some, and then so many that the table would be more than full when it has doubled.
        looks.see(1, &ids(64), POLL);
        looks.see(2, &ids(MOST / 2), POLL);
        for second in 3..203 {
            looks.see(second, &ids(64), POLL);
        }
        let late = ids(1);
        assert_eq!(looks.see(300, &late, POLL), [300]);
        assert_eq!(looks.see(301, &late, POLL), [300]);
    }

    #[test]
    fn no_more_than_the_most_are_remembered() {
        let looks = Looks::new();
        let (all, one) = (ids(MOST), ids(1));
        looks.see(1, &all, POLL);
        for second in 1..60 {
            assert_eq!(looks.see(second, &one, POLL), [second]);
        }
        assert!(looks.see(60, &all, POLL).iter().all(|since| *since == 1));
    }

    #[test]
    fn those_that_one_look_has_seen_make_room_when_nobody_looks_at_them_again() {
        let looks = Looks::new();
        looks.see(1, &ids(MOST), POLL);
        let late = ids(1);
        for second in [60, 61] {
            // The table is full, and is tidied after that.
            assert_eq!(looks.see(second, &late, POLL), [second]);
        }
        assert_eq!(looks.see(62, &late, POLL), [62]);
        assert_eq!(looks.see(63, &late, POLL), [62]);
    }
}
