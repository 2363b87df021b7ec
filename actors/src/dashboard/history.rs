//! The history that the page shows: numbers over ten minutes, and groups over five.

use std::collections::{HashMap, VecDeque};

use serde::Serialize;
use tenure::observe::{Group, Groups, Snapshot};
use tenure::{Kind, NodeId};

use super::rows::{Keyed, millis};

/// How long the page looks back, in milliseconds.
const SAMPLED: u64 = 600_000;
/// The most samples that are kept, however short the interval is.
const MOST_SAMPLES: usize = 1_200;
/// How far apart the groups that are kept are, and over how long they are compared, in milliseconds.
const GROUP_STEP: u64 = 10_000;
const COMPARED: u64 = 300_000;
/// How many counts the page has of each group.
const COUNTS: usize = 60;
/// How many groups the page has: those that have grown most, and the largest.
const MOST_GROUPS: usize = 200;

/// The numbers of one look.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Sample {
    pub(super) at: u64,
    pub(super) alive: usize,
    pub(super) trouble: usize,
    pub(super) rate: f64,
    pub(super) queued: u64,
    pub(super) restarts: u64,
    pub(super) letters: u64,
    /// Tasks of the runtime that are not nodes.
    pub(super) foreign: usize,
}

#[derive(Default)]
pub(super) struct Samples {
    kept: VecDeque<Sample>,
}

impl Samples {
    pub(super) fn add(&mut self, sample: Sample) {
        let old = sample.at.saturating_sub(SAMPLED);
        self.kept.push_back(sample);
        while self.kept.len() > MOST_SAMPLES || self.kept.front().is_some_and(|it| it.at < old) {
            self.kept.pop_front();
        }
    }

    pub(super) fn all(&self) -> Vec<Sample> {
        self.kept.iter().cloned().collect()
    }
}

/// How many messages are begun per second, by each actor and in all.
#[derive(Default)]
pub(super) struct Rates {
    at: Option<u64>,
    handled: HashMap<NodeId, u64>,
}

impl Rates {
    /// The rates since the last look: of each actor, and in all.
    pub(super) fn take(&mut self, snapshot: &Snapshot) -> (HashMap<NodeId, f64>, f64) {
        let at = millis(snapshot.taken_at);
        let seconds = self
            .at
            .map(|before| (at.saturating_sub(before)).max(1) as f64 / 1_000.0);
        let mut handled = HashMap::with_capacity(self.handled.len());
        let (mut rates, mut begun) = (HashMap::new(), 0);
        for node in snapshot.nodes.iter().filter(|node| node.mailbox.is_some()) {
            let before = self.handled.get(&node.id).copied().unwrap_or_default();
            let more = node.handled.saturating_sub(before);
            handled.insert(node.id, node.handled);
            if let Some(seconds) = seconds.filter(|_| more > 0) {
                begun += more;
                rates.insert(node.id, round(more as f64 / seconds));
            }
        }
        (self.at, self.handled) = (Some(at), handled);
        let all = seconds.map_or(0.0, |seconds| round(begun as f64 / seconds));
        (rates, all)
    }
}

/// Rounds a rate to what the page shows, so that small variations make no difference.
fn round(rate: f64) -> f64 {
    match rate {
        ..10.0 => (rate * 10.0).round() / 10.0,
        10.0..1_000.0 => rate.round(),
        _ => (rate / 10.0).round() * 10.0,
    }
}

/// The nodes of one type that were spawned in one place.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct GroupRow {
    id: u64,
    #[serde(rename = "type")]
    type_name: String,
    site: String,
    kind: Kind,
    count: usize,
    change: i64,
    unreachable: usize,
    trouble: usize,
    queued: u64,
    /// When the oldest was spawned.
    born: u64,
    example: String,
    /// How many there were, in steps of ten seconds, the newest last.
    counts: Vec<usize>,
}

impl Keyed for GroupRow {
    fn key(&self) -> u64 {
        self.id
    }
}

type Key = (String, String, Kind);

#[derive(Default)]
pub(super) struct GroupHistory {
    kept: VecDeque<Groups>,
    known: HashMap<Key, Known>,
    next: u64,
}

struct Known {
    id: u64,
    born: u64,
    counts: VecDeque<usize>,
}

impl GroupHistory {
    /// The groups, and over how many milliseconds they are compared.
    pub(super) fn see(&mut self, snapshot: &Snapshot) -> (Vec<GroupRow>, u64) {
        let at = millis(snapshot.taken_at);
        let groups = snapshot.groups();
        let last = self.kept.back().map(|groups| millis(groups.taken_at));
        let is_step = last.is_none_or(|last| at.saturating_sub(last) >= GROUP_STEP);
        if is_step {
            self.kept.push_back(groups.clone());
            let old = at.saturating_sub(COMPARED);
            // The youngest of those that are old enough to compare with stays.
            while self
                .kept
                .get(1)
                .is_some_and(|groups| millis(groups.taken_at) <= old)
            {
                self.kept.pop_front();
            }
        }
        let groups = match self.kept.front() {
            Some(earlier) => groups.since(earlier),
            None => groups,
        };
        let over = groups.compared_over.map_or(0, millis);
        let rows = groups.groups.iter().take(MOST_GROUPS);
        let rows = rows.map(|group| self.row(group, at, is_step)).collect();
        if is_step {
            self.forget(&groups);
        }
        (rows, over)
    }

    fn row(&mut self, group: &Group, at: u64, is_step: bool) -> GroupRow {
        let key = key_of(group);
        let born = at.saturating_sub(millis(group.oldest));
        let known = self.known.entry(key).or_insert_with(|| {
            self.next += 1;
            Known {
                id: self.next,
                born,
                counts: VecDeque::new(),
            }
        });
        if known.born.abs_diff(born) > 250 {
            known.born = born;
        }
        if is_step {
            known.counts.push_back(group.count);
            if known.counts.len() > COUNTS {
                known.counts.pop_front();
            }
        }
        GroupRow {
            id: known.id,
            type_name: group.type_name.to_string(),
            site: group.site.to_string(),
            kind: group.kind,
            count: group.count,
            change: group.change.unwrap_or_default(),
            unreachable: group.unreachable,
            trouble: group.trouble,
            queued: group.queued,
            born: known.born,
            example: group.example.clone(),
            counts: known.counts.iter().copied().collect(),
        }
    }

    /// Forgets groups that are neither there now nor compared with.
    fn forget(&mut self, groups: &Groups) {
        let there: std::collections::HashSet<Key> = groups.groups.iter().map(key_of).collect();
        self.known.retain(|key, _| there.contains(key));
    }
}

fn key_of(group: &Group) -> Key {
    (
        group.type_name.to_string(),
        group.site.to_string(),
        group.kind,
    )
}
