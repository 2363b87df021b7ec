//! Adds up a snapshot, by type.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use tenure::observe::{Histogram, NodeInfo, Snapshot, TypeTally, TypeTimes};
use tenure::{Kind, NodeId, Phase};

/// The nodes of one type.
#[derive(Debug, Default, Clone)]
pub(super) struct OfType {
    pub(super) nodes: u64,
    pub(super) actors: u64,
    pub(super) queued: u64,
    pub(super) queued_max: u64,
    pub(super) senders: u64,
    pub(super) handling_max: Duration,
    pub(super) oldest_max: Duration,
    pub(super) restarts: u64,
}

impl OfType {
    fn add(&mut self, node: &NodeInfo) {
        self.nodes += 1;
        self.actors += u64::from(node.kind == Kind::Actor);
        self.queued += node.backlog();
        self.queued_max = self.queued_max.max(node.backlog());
        self.senders += node
            .mailbox
            .map_or(0, |mailbox| u64::from(mailbox.senders_waiting));
        self.handling_max = self.handling_max.max(node.handling_for.unwrap_or_default());
        let oldest = node.mailbox.and_then(|mailbox| mailbox.oldest_for);
        self.oldest_max = self.oldest_max.max(oldest.unwrap_or_default());
        self.restarts += node
            .restarts
            .as_ref()
            .map_or(0, |restarts| u64::from(restarts.recent));
    }
}

/// A snapshot, counted.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) types: BTreeMap<String, OfType>,
    pub(super) phases: BTreeMap<(&'static str, &'static str), u64>,
    pub(super) verdicts: BTreeMap<&'static str, u64>,
    pub(super) blockers: u64,
}

impl Tally {
    /// Adds up a snapshot. If there are more than `most` types, the rarest are counted as one.
    pub(super) fn of(snapshot: &Snapshot, most: usize) -> Self {
        let mut tally = Self::default();
        for node in &snapshot.nodes {
            let place = (kind(node.kind), phase(node.phase));
            *tally.phases.entry(place).or_default() += 1;
            *tally.verdicts.entry(node.verdict.word()).or_default() += 1;
            tally.blockers += u64::from(node.holds_up_stop);
        }
        let names = Names::of(snapshot, most);
        for node in &snapshot.nodes {
            let name = names.label(&node.type_name);
            match tally.types.get_mut(name) {
                Some(known) => known.add(node),
                None => tally.types.entry(name.to_owned()).or_default().add(node),
            }
        }
        tally
    }
}

/// The types that have their own label; `None` if all have.
struct Names<'a>(Option<HashSet<&'a str>>);

impl<'a> Names<'a> {
    fn of(snapshot: &'a Snapshot, most: usize) -> Self {
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for node in &snapshot.nodes {
            *counts.entry(&node.type_name).or_default() += 1;
        }
        if counts.len() <= most {
            return Self(None);
        }
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_by(|one, other| (other.1, one.0).cmp(&(one.1, other.0)));
        Self(Some(
            counts
                .into_iter()
                .take(most)
                .map(|(name, _)| name)
                .collect(),
        ))
    }

    fn label<'b>(&self, name: &'b str) -> &'b str {
        let is_own = self.0.as_ref().is_none_or(|own| own.contains(name));
        if is_own { name } else { OTHER }
    }
}

const OTHER: &str = "other";

/// How many messages were begun, by type, as far as looks have seen it. The numbers never fall.
#[derive(Debug, Default)]
pub(super) struct Handled {
    /// The numbers of the actors that were alive at the last look.
    seen: HashMap<NodeId, u64>,
    totals: BTreeMap<String, u64>,
}

impl Handled {
    /// The numbers by now. Types beyond the first `most` are counted under the common name.
    pub(super) fn total(&mut self, snapshot: &Snapshot, most: usize) -> BTreeMap<String, u64> {
        let mut seen = HashMap::with_capacity(self.seen.len());
        let is_whole = snapshot.left_out.total() == 0;
        for node in snapshot.nodes.iter().filter(|node| node.mailbox.is_some()) {
            let before = self.seen.get(&node.id).copied();
            // An actor that a cut look shows again would otherwise be counted twice.
            let before = before.unwrap_or(if is_whole { 0 } else { node.handled });
            // Two concurrent scrapes may arrive in the other order.
            let handled = node.handled.max(before);
            seen.insert(node.id, handled);
            let is_known = self.totals.contains_key(&*node.type_name);
            let has_room = is_known || self.totals.len() < most;
            let name = if has_room { &*node.type_name } else { OTHER };
            match self.totals.get_mut(name) {
                Some(total) => *total += handled - before,
                None => {
                    self.totals.insert(name.to_owned(), handled - before);
                }
            }
        }
        self.seen = seen;
        self.totals.clone()
    }
}

/// A count of the system for one type.
pub(super) trait Counted: Clone {
    fn type_name(&self) -> &str;
    fn add(&mut self, more: &Self);
}

impl Counted for TypeTally {
    fn type_name(&self) -> &str {
        &self.type_name
    }

    fn add(&mut self, more: &Self) {
        self.failures += more.failures;
        self.restarts += more.restarts;
        self.cut_short += more.cut_short;
        self.unjoined += more.unjoined;
    }
}

impl Counted for TypeTimes {
    fn type_name(&self) -> &str {
        &self.type_name
    }

    fn add(&mut self, more: &Self) {
        add_times(&mut self.in_mailbox, &more.in_mailbox);
        add_times(&mut self.in_handler, &more.in_handler);
    }
}

fn add_times(to: &mut Histogram, more: &Histogram) {
    for (count, more) in to.buckets.iter_mut().zip(&more.buckets) {
        *count += more;
    }
    to.sum += more.sum;
}

/// The types that have their own label. A type keeps its label, so that no counter falls.
#[derive(Debug, Default)]
pub(super) struct Labels(HashSet<String>);

impl Labels {
    /// Adds up the counts by label. Types beyond the first `most` are counted under the common name.
    pub(super) fn total<C: Counted>(&mut self, counted: &[C], most: usize) -> BTreeMap<String, C> {
        let mut totals: BTreeMap<String, C> = BTreeMap::new();
        for one in counted {
            let name = one.type_name();
            if self.0.len() < most && !self.0.contains(name) {
                self.0.insert(name.to_owned());
            }
            let is_own = self.0.contains(name);
            let label = if is_own { name } else { OTHER };
            match totals.get_mut(label) {
                Some(total) => total.add(one),
                None => {
                    totals.insert(label.to_owned(), one.clone());
                }
            }
        }
        totals
    }
}

/// The values of the label. They are part of the public contract.
pub(super) const fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Actor => "actor",
        Kind::Task => "task",
        Kind::Blocking => "blocking",
        Kind::Scope => "scope",
        Kind::System => "system",
        _ => OTHER,
    }
}

pub(super) const fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Starting => "starting",
        Phase::Running => "running",
        Phase::Restarting => "restarting",
        Phase::Stopping => "stopping",
        Phase::Stopped => "stopped",
    }
}
