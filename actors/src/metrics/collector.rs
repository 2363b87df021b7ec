use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use tenure::NodeRef;
use tenure::observe::{Histogram, Snapshot, TypeTally, TypeTimes};
use tokio::runtime::{Handle, RuntimeMetrics};

use super::tally::{Handled, Labels, OfType, Tally};

/// How many types have their own label.
pub const MOST_TYPES: usize = 100;

/// All words of verdicts, so that a verdict that no node has now is a 0 and not a gap.
const WORDS: [&str; 11] = [
    "deadlocked",
    "stuck",
    "overdue",
    "stopping",
    "unreachable",
    "restarting",
    "full",
    "busy",
    "waiting",
    "starting",
    "idle",
];

/// The metrics of the tree at and beneath a node: see [`metrics`](super).
///
/// Its reference does not keep the node alive. When the node has ended, nothing is alive, and the counters stay as they
/// are.
pub struct TreeMetrics {
    root: NodeRef,
    handled: Mutex<Handled>,
    wrongs: Mutex<Labels>,
    timed: Mutex<Labels>,
    runtime: Option<RuntimeMetrics>,
}

impl TreeMetrics {
    /// The metrics of this node and all beneath it. For a whole system give its root,
    /// [`System::node`](tenure::Spawner::node).
    #[must_use]
    pub fn new(root: NodeRef) -> Self {
        Self {
            root,
            handled: Mutex::default(),
            wrongs: Mutex::default(),
            timed: Mutex::default(),
            runtime: None,
        }
    }

    /// Adds the number of tasks of this runtime that are not nodes. If the tree is that of the only system on the
    /// runtime, those are tasks of a raw `tokio::spawn`.
    #[must_use]
    pub fn foreign_tasks(mut self, runtime: &Handle) -> Self {
        self.runtime = Some(runtime.metrics());
        self
    }
}

impl Collector for TreeMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        // Read before the look: a task that starts in between is then not taken for a foreign one.
        let tasks = self.runtime.as_ref().map(RuntimeMetrics::num_alive_tasks);
        let began = Instant::now();
        let snapshot = self.root.snapshot();
        let took = began.elapsed();
        let tally = Tally::of(&snapshot, MOST_TYPES);
        // Not under the lock: where it is written to is the user's.
        let handled = locked(&self.handled).total(&snapshot, MOST_TYPES);
        let to = &mut encoder;
        nodes(to, &tally)?;
        types(to, &tally)?;
        let name = "tenure_messages_handled";
        let help = "Messages that were begun, as far as a scrape has seen it";
        let mut family = to.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (name, total) in &handled {
            family
                .encode_family(&[("type", name.as_str())])?
                .encode_counter::<NoLabelSet, _, u64>(total, None)?;
        }
        let tallies = locked(&self.wrongs).total(&snapshot.tallies, MOST_TYPES);
        wrongs(to, &tallies)?;
        let timed = locked(&self.timed).total(&snapshot.times, MOST_TYPES);
        times(to, &timed)?;
        if let Some(tasks) = tasks {
            let foreign = tasks.saturating_sub(snapshot.tasks() + snapshot.left_out.total());
            let help = "Tasks of the runtime that are no nodes";
            let metric =
                to.encode_descriptor("tenure_foreign_tasks", help, None, MetricType::Gauge)?;
            ConstGauge::new(foreign as u64).encode(metric)?;
        }
        whole(to, &snapshot, &tally, took)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn nodes(to: &mut DescriptorEncoder<'_>, tally: &Tally) -> fmt::Result {
    let name = "tenure_nodes";
    let mut family = to.encode_descriptor(name, "Live nodes", None, MetricType::Gauge)?;
    for ((kind, phase), count) in &tally.phases {
        let labels = [("kind", *kind), ("phase", *phase)];
        ConstGauge::new(*count).encode(family.encode_family(&labels)?)?;
    }
    let name = "tenure_verdicts";
    let help = "Live nodes by what is to be said of them first";
    let mut family = to.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for word in WORDS {
        let count = tally.verdicts.get(word).copied().unwrap_or_default();
        ConstGauge::new(count).encode(family.encode_family(&[("verdict", word)])?)?;
    }
    Ok(())
}

/// The metrics by type. All but the number of nodes are only for types with actors.
fn types(to: &mut DescriptorEncoder<'_>, tally: &Tally) -> fmt::Result {
    let name = "tenure_type_nodes";
    let mut family = to.encode_descriptor(name, "Live nodes by type", None, MetricType::Gauge)?;
    for (name, of) in &tally.types {
        let labels = [("type", name.as_str())];
        ConstGauge::new(of.nodes).encode(family.encode_family(&labels)?)?;
    }
    let mut gauge = |name: &str, help: &str, value: fn(&OfType) -> f64| {
        let mut family = to.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (name, of) in tally.types.iter().filter(|(_, of)| of.actors > 0) {
            let labels = [("type", name.as_str())];
            ConstGauge::new(value(of)).encode(family.encode_family(&labels)?)?;
        }
        fmt::Result::Ok(())
    };
    gauge(
        "tenure_mailbox_queued",
        "Messages that wait in the mailboxes of the type",
        |of| of.queued as f64,
    )?;
    gauge(
        "tenure_mailbox_queued_max",
        "Messages that wait in the fullest mailbox of the type",
        |of| of.queued_max as f64,
    )?;
    gauge(
        "tenure_mailbox_senders_waiting",
        "Senders that wait for room in a mailbox of the type",
        |of| of.senders as f64,
    )?;
    gauge(
        "tenure_handling_seconds_max",
        "For how long the longest handler at work has been",
        |of| of.handling_max.as_secs_f64(),
    )?;
    gauge(
        "tenure_mailbox_oldest_seconds_max",
        "For how long the oldest of the messages in the mailboxes of the type has waited",
        |of| of.oldest_max.as_secs_f64(),
    )?;
    gauge(
        "tenure_restarts_in_window",
        "Restarts within the windows of their limits",
        |of| of.restarts as f64,
    )
}

/// What has gone wrong since the system started.
fn wrongs(to: &mut DescriptorEncoder<'_>, wrongs: &BTreeMap<String, TypeTally>) -> fmt::Result {
    let mut counter = |name: &str, help: &str, value: fn(&TypeTally) -> u64| {
        let mut family = to.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (name, tally) in wrongs {
            family
                .encode_family(&[("type", name.as_str())])?
                .encode_counter::<NoLabelSet, _, u64>(&value(tally), None)?;
        }
        fmt::Result::Ok(())
    };
    counter(
        "tenure_failures",
        "Nodes that failed or panicked of themselves",
        |of| of.failures,
    )?;
    counter("tenure_restarts", "Nodes that were restarted", |of| {
        of.restarts
    })?;
    counter(
        "tenure_cut_short",
        "Nodes that were killed because their time to end was up",
        |of| of.cut_short,
    )?;
    counter(
        "tenure_unjoined",
        "Waits for an end that were told that a node does not yield",
        |of| of.unjoined,
    )
}

/// How long messages have waited and handlers have taken, since the system started.
fn times(to: &mut DescriptorEncoder<'_>, times: &BTreeMap<String, TypeTimes>) -> fmt::Result {
    let mut histogram = |name: &str, help: &str, value: fn(&TypeTimes) -> &Histogram| {
        let mut family = to.encode_descriptor(name, help, None, MetricType::Histogram)?;
        for (name, times) in times {
            let histogram = value(times);
            let bounds = Histogram::BOUNDS.iter().map(Duration::as_secs_f64);
            let bounds = bounds.chain([f64::INFINITY]);
            let buckets: Vec<_> = bounds.zip(histogram.buckets.iter().copied()).collect();
            family
                .encode_family(&[("type", name.as_str())])?
                .encode_histogram::<NoLabelSet>(
                    histogram.sum.as_secs_f64(),
                    histogram.count(),
                    &buckets,
                    None,
                )?;
        }
        fmt::Result::Ok(())
    };
    histogram(
        "tenure_mailbox_seconds",
        "How long messages have waited in a mailbox of the type",
        |of| &of.in_mailbox,
    )?;
    histogram(
        "tenure_handler_seconds",
        "How long handlers of the type have taken",
        |of| &of.in_handler,
    )
}

fn whole(
    to: &mut DescriptorEncoder<'_>,
    snapshot: &Snapshot,
    tally: &Tally,
    took: Duration,
) -> fmt::Result {
    let help = "Messages that were accepted and are never handled";
    to.encode_descriptor("tenure_dead_letters", help, None, MetricType::Counter)?
        .encode_counter::<NoLabelSet, _, u64>(&snapshot.dead_letters, None)?;
    let mut gauge = |name: &str, help: &str, value: f64| {
        let metric = to.encode_descriptor(name, help, None, MetricType::Gauge)?;
        ConstGauge::new(value).encode(metric)
    };
    gauge(
        "tenure_holding_up_stop",
        "Nodes whose end a stop waits for",
        tally.blockers as f64,
    )?;
    gauge(
        "tenure_left_out_nodes",
        "Nodes that were too many for the look",
        snapshot.left_out.total() as f64,
    )?;
    gauge(
        "tenure_look_seconds",
        "How long the look at the tree has taken",
        took.as_secs_f64(),
    )
}

impl fmt::Debug for TreeMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TreeMetrics")
            .field("root", &self.root)
            .finish_non_exhaustive()
    }
}
