//! What the page shows of each node. A row does not change as time goes by: instead of a duration it has the moment at
//! which that began, on the snapshots' clock. So a row is sent again only if something else has changed.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use serde::Serialize;
use tenure::observe::{Fate, GateInfo, NodeInfo, OrderKind, Snapshot, Verdict, WaitInfo, WaitKind};
use tenure::{Kind, NodeId, Phase};

/// Two readings of one moment may differ by this much, in milliseconds.
const STEADY: u64 = 250;

/// A row that is sent again only if it has changed.
pub(super) trait Keyed: PartialEq + Serialize {
    fn key(&self) -> u64;
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Row {
    pub(super) id: NodeId,
    pub(super) owner: Option<NodeId>,
    pub(super) path: String,
    kind: Kind,
    #[serde(rename = "type")]
    type_name: String,
    site: String,
    phase: Phase,
    born: u64,
    word: &'static str,
    /// The rest of the verdict, without times.
    #[serde(skip_serializing_if = "String::is_empty")]
    what: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    due: Option<u64>,
    #[serde(skip_serializing_if = "is_zero")]
    queued: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    capacity: Option<u32>,
    #[serde(skip_serializing_if = "is_zero")]
    senders: u64,
    #[serde(skip_serializing_if = "is_open")]
    gate: Option<GateInfo>,
    /// Messages begun per second, since the last look.
    #[serde(skip_serializing_if = "is_nothing")]
    rate: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<String>,
    #[serde(skip_serializing_if = "is_false")]
    blocks: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<Order>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    waits: Vec<Wait>,
    #[serde(skip_serializing_if = "is_zero")]
    restarts: u64,
    children: usize,
}

/// The order to end that a node was given.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Order {
    kind: OrderKind,
    /// In words: by whom and where.
    text: String,
    since: Option<u64>,
    due: Option<u64>,
    then: Option<Fate>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Wait {
    kind: WaitKind,
    /// The wait in words, without times.
    text: String,
    to: Option<NodeId>,
    path: Option<String>,
    others: usize,
    since: Option<u64>,
    due: Option<u64>,
    limited: bool,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn is_nothing(number: &f64) -> bool {
    *number == 0.0
}

fn is_false(flag: &bool) -> bool {
    !flag
}

fn is_open(gate: &Option<GateInfo>) -> bool {
    matches!(gate, None | Some(GateInfo::Open))
}

impl Keyed for Row {
    fn key(&self) -> u64 {
        number(self.id)
    }
}

/// The number of a node, as it is also in JSON.
pub(super) fn number(id: NodeId) -> u64 {
    // An id serializes as a number.
    serde_json::to_value(id)
        .ok()
        .and_then(|id| id.as_u64())
        .unwrap_or_default()
}

pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Turns durations into moments. A moment stays as it was if it has hardly moved.
#[derive(Clone, Copy)]
pub(super) struct Moments {
    pub(super) at: u64,
}

impl Moments {
    fn since(self, lasted: Option<Duration>, before: Option<u64>) -> Option<u64> {
        lasted.map(|lasted| steady(self.at.saturating_sub(millis(lasted)), before))
    }

    fn due(self, left: Option<Duration>, before: Option<u64>) -> Option<u64> {
        left.map(|left| steady(self.at.saturating_add(millis(left)), before))
    }
}

fn steady(moment: u64, before: Option<u64>) -> u64 {
    before
        .filter(|before| before.abs_diff(moment) <= STEADY)
        .unwrap_or(moment)
}

impl Row {
    pub(super) fn new(node: &NodeInfo, before: Option<&Self>, rate: f64, moments: Moments) -> Self {
        let (lasted, left) = times(&node.verdict);
        let mailbox = node.mailbox;
        let restarts = node.restarts.as_ref();
        let born = moments.since(Some(node.age), before.map(|row| row.born));
        Self {
            id: node.id,
            owner: node.owner,
            path: node.path.clone(),
            kind: node.kind,
            type_name: node.type_name.to_string(),
            site: node.site.to_string(),
            phase: node.phase,
            born: born.unwrap_or_default(),
            word: node.verdict.word(),
            what: what(&node.verdict),
            since: moments.since(lasted, before.and_then(|row| row.since)),
            due: moments.due(left, before.and_then(|row| row.due)),
            queued: node.backlog(),
            capacity: mailbox.and_then(|mailbox| mailbox.capacity),
            senders: mailbox.map_or(0, |mailbox| u64::from(mailbox.senders_waiting)),
            gate: mailbox.map(|mailbox| mailbox.gate),
            rate,
            label: node.label.as_ref().map(ToString::to_string),
            blocks: node.holds_up_stop,
            order: Order::new(node, before.and_then(|row| row.order.as_ref()), moments),
            waits: waits(node, before, moments),
            restarts: restarts.map_or(0, |restarts| u64::from(restarts.recent)),
            children: node.children,
        }
    }
}

impl Row {
    /// The verdict in words, without times.
    pub(super) fn verdict(&self) -> String {
        match &*self.what {
            "" => self.word.to_owned(),
            what => format!("{} {what}", self.word),
        }
    }
}

impl Order {
    fn new(node: &NodeInfo, before: Option<&Self>, moments: Moments) -> Option<Self> {
        let order = node.order.as_ref()?;
        let grace = node.grace.as_ref();
        Some(Self {
            kind: order.kind,
            text: order.to_string(),
            since: moments.since(order.ago, before.and_then(|before| before.since)),
            due: moments.due(
                grace.and_then(|grace| grace.left),
                before.and_then(|before| before.due),
            ),
            then: grace.map(|grace| grace.then),
        })
    }
}

fn waits(node: &NodeInfo, before: Option<&Row>, moments: Moments) -> Vec<Wait> {
    let waits = node.waits.iter().enumerate().map(|(place, wait)| {
        let before = before.and_then(|row| row.waits.get(place));
        let target = wait.target.as_ref();
        let to = target.map(|target| target.id);
        let before = before.filter(|before| before.to == to && before.kind == wait.kind);
        Wait {
            kind: wait.kind,
            text: without_times(wait),
            to,
            path: target.map(|target| target.path.clone()),
            others: wait.others,
            since: moments.since(wait.lasted, before.and_then(|before| before.since)),
            due: moments.due(wait.due_in, before.and_then(|before| before.due)),
            limited: wait.is_limited,
        }
    });
    waits.collect()
}

fn without_times(wait: &WaitInfo) -> String {
    let mut wait = wait.clone();
    (wait.lasted, wait.due_in) = (None, None);
    wait.to_string()
}

/// How long the verdict has held, and how long it will still hold.
fn times(verdict: &Verdict) -> (Option<Duration>, Option<Duration>) {
    match verdict {
        Verdict::Stuck { lasted, .. }
        | Verdict::Unreachable { lasted, .. }
        | Verdict::Full { lasted, .. }
        | Verdict::Starting { lasted } => (Some(*lasted), None),
        Verdict::Overdue { by, .. } => (Some(*by), None),
        Verdict::Stopping { lasted, left, .. } => (*lasted, *left),
        Verdict::Restarting { due_in, .. } => (None, *due_in),
        Verdict::Busy { lasted, .. } => (*lasted, None),
        Verdict::Waiting { what: Some(wait) } => (wait.lasted, wait.due_in),
        _ => (None, None),
    }
}

fn what(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Deadlocked { cycle, is_limited } => {
            let first = cycle.first().map_or("", String::as_str);
            let until = if *is_limited {
                ", until a limit ends it"
            } else {
                ""
            };
            format!("{} → {first}{until}", cycle.join(" → "))
        }
        Verdict::Stuck { .. } => "in one poll".to_owned(),
        Verdict::Overdue { .. } => "its time is over".to_owned(),
        Verdict::Stopping { waits_for, .. } => {
            let wait = waits_for.as_ref().map(without_times);
            wait.map_or(String::new(), |wait| format!("waits for {wait}"))
        }
        Verdict::Unreachable { .. } => "nothing can wake it again".to_owned(),
        Verdict::Restarting { attempt, limit, .. } => format!("attempt {attempt} of {limit}"),
        Verdict::Full { senders, .. } => format!("{senders} waiting for room"),
        Verdict::Waiting { what: Some(wait) } => format!("for {}", without_times(wait)),
        Verdict::Waiting { what: None } => "for something outside".to_owned(),
        _ => String::new(),
    }
}

/// Which nodes have a row: `None` if all have. If there are too many, those in trouble or that hold up a stop come
/// first, with all above them, then those nearest to the root.
pub(super) fn chosen(snapshot: &Snapshot, most: usize) -> Option<HashSet<NodeId>> {
    if snapshot.nodes.len() <= most {
        return None;
    }
    let owners: HashMap<NodeId, Option<NodeId>> = snapshot
        .nodes
        .iter()
        .map(|node| (node.id, node.owner))
        .collect();
    let mut nodes: Vec<&NodeInfo> = snapshot.nodes.iter().collect();
    nodes.sort_by_key(|node| {
        let is_urgent = node.holds_up_stop || node.verdict.is_trouble();
        (!is_urgent, if is_urgent { 0 } else { node.depth })
    });
    let mut chosen = HashSet::new();
    for node in nodes {
        let mut way = Vec::new();
        let mut next = Some(node.id);
        while let Some(id) = next.filter(|id| !chosen.contains(id)) {
            let Some(owner) = owners.get(&id) else { break };
            way.push(id);
            next = *owner;
        }
        if chosen.len() + way.len() > most {
            continue;
        }
        chosen.extend(way);
    }
    Some(chosen)
}
