//! What the page is sent: the whole of one look, and the changes from one look to the next.

use std::collections::HashMap;
use std::sync::OnceLock;

use axum::body::Bytes;
use serde::Serialize;
use tenure::NodeId;
use tenure::observe::Snapshot;

use super::ends::{EndLog, EndRow, EndsForm};
use super::history::{GroupHistory, GroupRow, Rates, Sample, Samples};
use super::letters::Letters;
use super::rows::{Keyed, Moments, Row, chosen, millis, number};

/// The version of what the page is sent.
pub(super) const VERSION: u32 = 1;

/// One look.
#[derive(Serialize)]
pub(super) struct View {
    version: u32,
    #[serde(flatten)]
    head: Head,
    rows: Vec<Row>,
    groups: Vec<GroupRow>,
    ends: Vec<EndRow>,
    letters: Vec<Letters>,
    samples: Vec<Sample>,
    #[serde(skip)]
    whole: OnceLock<Bytes>,
}

/// What is sent at each look.
#[derive(Clone, Serialize)]
struct Head {
    /// When the look was, on the snapshots' clock, as all moments here.
    at: u64,
    /// The path of the node that is shown.
    root: String,
    alive: usize,
    /// Nodes that have no row.
    without_row: usize,
    /// How many nodes the look has left out, at least.
    left_out: usize,
    /// Over how many milliseconds the groups are compared.
    groups_over: u64,
    /// Ends that are not listed because too many came at once.
    missed_ends: u64,
}

#[derive(Serialize)]
struct Change<'a> {
    #[serde(flatten)]
    head: &'a Head,
    rows: Difference<'a, Row>,
    groups: Difference<'a, GroupRow>,
    ends: &'a [EndRow],
    #[serde(skip_serializing_if = "Option::is_none")]
    letters: Option<&'a [Letters]>,
    sample: &'a Sample,
}

/// The rows that are new or have changed, and the numbers of those that are gone.
#[derive(Serialize)]
struct Difference<'a, T> {
    put: Vec<&'a T>,
    gone: Vec<u64>,
}

impl<'a, T: Keyed> Difference<'a, T> {
    fn between(before: &[T], now: &'a [T]) -> Self {
        let mut before: HashMap<u64, &T> = before.iter().map(|row| (row.key(), row)).collect();
        let put = now
            .iter()
            .filter(|row| before.remove(&row.key()) != Some(*row))
            .collect();
        let gone = before.into_keys().collect();
        Self { put, gone }
    }
}

impl View {
    /// The event that begins a page.
    pub(super) fn whole(&self) -> Bytes {
        self.whole.get_or_init(|| event("whole", self)).clone()
    }
}

fn event(name: &str, data: &impl Serialize) -> Bytes {
    // Cannot fail: there are no maps with other keys than strings, and no user code.
    let data = serde_json::to_string(data).unwrap_or_default();
    Bytes::from(format!("event: {name}\ndata: {data}\n\n"))
}

/// The state that is kept from one look to the next.
pub(super) struct Tracker {
    most_rows: usize,
    rows: Vec<Row>,
    groups: Vec<GroupRow>,
    letters: Vec<Letters>,
    ends: EndLog,
    at: u64,
    rates: Rates,
    samples: Samples,
    history: GroupHistory,
}

impl Tracker {
    pub(super) fn new(most_rows: usize, ends: EndLog) -> Self {
        Self {
            most_rows,
            rows: Vec::new(),
            groups: Vec::new(),
            letters: Vec::new(),
            ends,
            at: 0,
            rates: Rates::default(),
            samples: Samples::default(),
            history: GroupHistory::default(),
        }
    }

    /// The view of a look, and the event of its changes since the last look.
    pub(super) fn see(
        &mut self,
        snapshot: &Snapshot,
        letters: Vec<Letters>,
        foreign: usize,
    ) -> (View, Bytes) {
        let at = millis(snapshot.taken_at);
        self.at = at;
        let ends = self.ends.take(&self.rows);
        let (rates, rate) = self.rates.take(snapshot);
        let rows = self.rows_of(snapshot, &rates, at);
        let (groups, groups_over) = self.history.see(snapshot);
        let head = Head {
            at,
            root: snapshot
                .nodes
                .first()
                .map_or(String::new(), |root| root.path.clone()),
            alive: snapshot.nodes.len(),
            without_row: snapshot.nodes.len() - rows.len(),
            left_out: snapshot.left_out.total(),
            groups_over,
            missed_ends: self.ends.missed(),
        };
        let sample = sample(snapshot, at, rate, foreign);
        self.samples.add(sample.clone());
        let change = Change {
            head: &head,
            rows: Difference::between(&self.rows, &rows),
            groups: Difference::between(&self.groups, &groups),
            ends: &ends,
            letters: (letters != self.letters).then_some(&letters[..]),
            sample: &sample,
        };
        let change = event("change", &change);
        (self.rows, self.groups, self.letters) = (rows, groups, letters);
        (self.view(head), change)
    }

    /// The last ends, as of the last look.
    pub(super) fn last_ends(&self) -> EndsForm {
        EndsForm {
            version: VERSION,
            taken_at_ms: self.at,
            missed: self.ends.missed(),
            ends: self.ends.kept(),
        }
    }

    fn view(&self, head: Head) -> View {
        View {
            version: VERSION,
            head,
            rows: self.rows.clone(),
            groups: self.groups.clone(),
            ends: self.ends.kept(),
            letters: self.letters.clone(),
            samples: self.samples.all(),
            whole: OnceLock::new(),
        }
    }

    fn rows_of(&self, snapshot: &Snapshot, rates: &HashMap<NodeId, f64>, at: u64) -> Vec<Row> {
        let before: HashMap<u64, &Row> = self.rows.iter().map(|row| (row.key(), row)).collect();
        let chosen = chosen(snapshot, self.most_rows);
        let has_row = |id: &NodeId| chosen.as_ref().is_none_or(|chosen| chosen.contains(id));
        let nodes = snapshot.nodes.iter().filter(|node| has_row(&node.id));
        let rows = nodes.map(|node| {
            let before = before.get(&number(node.id)).copied();
            let rate = rates.get(&node.id).copied().unwrap_or_default();
            Row::new(node, before, rate, Moments { at })
        });
        rows.collect()
    }
}

fn sample(snapshot: &Snapshot, at: u64, rate: f64, foreign: usize) -> Sample {
    let nodes = &snapshot.nodes;
    let restarts = nodes.iter().filter_map(|node| node.restarts.as_ref());
    Sample {
        at,
        alive: nodes.len(),
        trouble: nodes
            .iter()
            .filter(|node| node.verdict.is_trouble())
            .count(),
        rate,
        queued: nodes.iter().map(|node| node.backlog()).sum(),
        restarts: restarts.map(|restarts| u64::from(restarts.recent)).sum(),
        letters: snapshot.dead_letters,
        foreign,
    }
}
