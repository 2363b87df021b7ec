use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use super::facts::{
    GraceInfo, MailboxInfo, OrderInfo, RestartsInfo, Site, SourcesInfo, Target, WaitInfo,
};
use super::groups::Groups;
use super::text::time;
use super::times::TypeTimes;
use super::verdict::Verdict;
use crate::error::{Kind, Phase};
use crate::tree::NodeId;

/// What is alive at and beneath a node, what each node does, and what it waits for: the counterpart of a goroutine dump
/// or a JVM's thread dump.
///
/// It is taken node by node and not all at once, so nothing is held up by it, and what changes meanwhile may appear as
/// it was before or after. One lock is held at a time, and no user code is run.
///
/// `Display` prints it as an indented tree. A `*` marks nodes that hold up a stop, and a `!` other
/// [trouble](Verdict::is_trouble).
///
/// ```
/// # use tenure::prelude::*;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), RunError> {
/// tenure::scope(async |scope| {
///     let _waiting = scope.task_with(|token| async move { token.cancelled().await })?;
///     let snapshot = scope.node().snapshot();
///     assert_eq!(snapshot.count(), 1);
///     println!("{snapshot}");
///     scope.node().children()[0].stop().await?;
///     assert_eq!(scope.node().snapshot().count(), 0);
///     Ok(())
/// })
/// .await
/// # }
/// ```
///
/// # Unreachable
///
/// An actor is [unreachable](Verdict::Unreachable) if nothing can ever make it do anything again. This is a proven
/// leak: it is in no handler, its mailbox is empty and nobody holds room in it; it has no child, task, timer, stream or
/// watch; it has no name by which it could be looked up; and nobody has an [`ActorRef`](crate::ActorRef),
/// [`Recipient`](crate::Recipient), [`NodeRef`](crate::NodeRef) or [`Spawner`](crate::Spawner) of it, or a future that
/// was made from one.
///
/// The proof assumes three things. Nobody goes through the children of its owner to get a reference. Its own state
/// holds no counted reference to it: such a reference hides the leak, as it could be given to anybody
/// ([`Context::me_weak`](crate::Context::me_weak) makes a weak one). And weak references are its own; the verdict says
/// how many there are.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Snapshot {
    /// The version of the serialized form. Additions do not change it.
    #[cfg(feature = "serde")]
    pub version: u32,
    /// When it was taken, on a clock of the process. It orders the snapshots of one process and is not a time of day.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "taken_at_ms", with = "super::millis")
    )]
    pub taken_at: Duration,
    /// The live nodes, each after its owner, siblings in start order.
    pub nodes: Vec<NodeInfo>,
    /// What was left out.
    pub left_out: LeftOut,
    /// How many messages of the system were accepted and never handled
    /// ([`Spawner::dead_letters`](crate::Spawner::dead_letters)).
    pub dead_letters: u64,
    /// What went wrong in the system, by type. Types with which nothing went wrong are absent.
    #[cfg_attr(feature = "serde", serde(default))]
    pub tallies: Vec<TypeTally>,
    /// How long messages have waited and how long they were handled in the system, by type, if
    /// [timings](crate::Builder::timings) are on.
    #[cfg_attr(feature = "serde", serde(default))]
    pub times: Vec<TypeTimes>,
}

/// How often things went wrong with nodes of one type since their system began.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct TypeTally {
    /// The type name, as in [`NodeInfo::type_name`].
    pub type_name: Cow<'static, str>,
    /// How often one failed or panicked, other than only because of what is beneath it. Includes failures that were
    /// contained, and those after which it was restarted.
    pub failures: u64,
    /// How often one was restarted.
    pub restarts: u64,
    /// How often one was killed because its time to end was up.
    pub cut_short: u64,
    /// How often one was the deepest node in an [`Unjoined`](crate::Unjoined) error.
    pub unjoined: u64,
}

/// What a [`Snapshot`] has left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct LeftOut {
    /// Nodes beyond the limit. What is beneath them was not counted.
    pub by_number: usize,
    /// Nodes that are too deep. What is beneath them was not counted.
    pub by_depth: usize,
    /// Nodes that did not match the filters.
    pub by_filter: usize,
}

impl LeftOut {
    /// How many nodes were left out, at least.
    #[must_use]
    pub const fn total(&self) -> usize {
        self.by_number + self.by_depth + self.by_filter
    }
}

/// One node of a [`Snapshot`].
///
/// Names, labels and types of more than 128 bytes are cut, and control characters in them are escaped.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct NodeInfo {
    /// Its number.
    pub id: NodeId,
    /// The number of the node above it.
    pub owner: Option<NodeId>,
    /// How far it is beneath the node of the snapshot, which has depth 0.
    pub depth: usize,
    /// Its path.
    pub path: String,
    /// The name that its spec gave it.
    pub name: Option<String>,
    /// What sort of node it is.
    pub kind: Kind,
    /// The type name of the actor, or the name of the function in which the task, job or scope was written. For a
    /// future with a named type it is that type's name.
    pub type_name: Cow<'static, str>,
    /// Where it was spawned.
    pub site: Site,
    /// How long it has lived. With [timings](crate::Builder::timings), from its spawn; without, at least from the first
    /// look. In milliseconds during the first 37 hours of a process, in seconds after that.
    #[cfg_attr(feature = "serde", serde(rename = "age_ms", with = "super::millis"))]
    pub age: Duration,
    /// The phase it was in.
    pub phase: Phase,
    /// How long it has been in that phase. For a running node this counts from the begin of its start.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "phase_for_ms", with = "super::millis::option")
    )]
    pub phase_for: Option<Duration>,
    /// What is most important about it.
    #[cfg_attr(feature = "serde", serde(with = "super::verdict_form"))]
    pub verdict: Verdict,
    /// Whether a stop waits for this node itself now.
    pub holds_up_stop: bool,
    /// The order that it was given, if it was told to end.
    pub order: Option<Box<OrderInfo>>,
    /// How much time it has to end.
    pub grace: Option<Box<GraceInfo>>,
    /// An actor's mailbox.
    pub mailbox: Option<MailboxInfo>,
    /// How many messages of its mailbox it has started.
    pub handled: u64,
    /// The label of the message that it was handling, if it was handling one.
    pub label: Option<Cow<'static, str>>,
    /// How long it has been handling that message. With [timings](crate::Builder::timings) this is exact; without, it
    /// counts from the first look.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "handling_for_ms", with = "super::millis::option")
    )]
    pub handling_for: Option<Duration>,
    /// How often its code was polled; wraps around at 2^30.
    pub polls: u32,
    /// How long it has been in the middle of a poll, if it is in one, from the first look.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "in_poll_for_ms", with = "super::millis::option")
    )]
    pub in_poll_for: Option<Duration>,
    /// What it waits for; if there are very many waits, some of them.
    pub waits: Vec<WaitInfo>,
    /// How many waits were left out.
    pub more_waits: usize,
    /// An actor's sources.
    pub sources: Option<SourcesInfo>,
    /// The restarts of an actor, if there were any.
    pub restarts: Option<Box<RestartsInfo>>,
    /// How many live children it has.
    pub children: usize,
    /// How many counted references there are to an actor, including those in its own state: actor references,
    /// recipients, spawners, and futures that wait for it.
    pub references: Option<usize>,
}

impl NodeInfo {
    /// How many messages wait in its mailbox.
    #[must_use]
    pub fn backlog(&self) -> u64 {
        self.mailbox.map_or(0, |mailbox| mailbox.queued)
    }

    /// The nodes that it waits for.
    pub fn targets(&self) -> impl Iterator<Item = &Target> {
        self.waits.iter().filter_map(|wait| wait.target.as_ref())
    }
}

impl Snapshot {
    /// The version of the serialized form of a snapshot.
    #[cfg(feature = "serde")]
    pub const VERSION: u32 = 1;

    /// How many live nodes are beneath the node of the snapshot, without those that were left out.
    #[must_use]
    pub fn count(&self) -> usize {
        self.nodes.iter().filter(|node| node.depth > 0).count()
    }

    /// How many tokio tasks its nodes are. An actor, a task and a system are one each; a scope runs in its caller's
    /// task, and a blocking job on a thread. Further tasks of the runtime, except for what was [left
    /// out](Snapshot::left_out), were started by a raw `tokio::spawn`, or belong to another system.
    #[must_use]
    pub fn tasks(&self) -> usize {
        self.nodes.iter().filter(|node| is_task(node.kind)).count()
    }

    /// The node with this path.
    #[must_use]
    pub fn find(&self, path: &str) -> Option<&NodeInfo> {
        self.nodes.iter().find(|node| node.path == path)
    }

    /// The node with this number.
    #[must_use]
    pub fn node(&self, id: NodeId) -> Option<&NodeInfo> {
        self.nodes.iter().find(|node| node.id == id)
    }

    /// The nodes that hold up a stop, the deepest first.
    #[must_use]
    pub fn blockers(&self) -> Vec<&NodeInfo> {
        let mut blockers: Vec<_> = self
            .nodes
            .iter()
            .filter(|node| node.holds_up_stop)
            .collect();
        blockers.sort_by_key(|node| std::cmp::Reverse(node.depth));
        blockers
    }

    /// The nodes at which somebody should look, the most urgent first.
    #[must_use]
    pub fn trouble(&self) -> Vec<&NodeInfo> {
        let mut trouble: Vec<_> = self
            .nodes
            .iter()
            .filter(|node| node.verdict.is_trouble())
            .collect();
        trouble.sort_by_key(|node| node.verdict.rank());
        trouble
    }

    /// The nodes counted by type and place of spawn, the largest group first. A slow leak is a group that grows.
    #[must_use]
    pub fn groups(&self) -> Groups {
        Groups::of(self)
    }

    /// The groups with their changes since an earlier snapshot.
    ///
    /// To save memory, keep only the earlier [`groups`](Snapshot::groups) and compare with [`Groups::since`].
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Groups {
        self.groups().since(&earlier.groups())
    }
}

/// Whether a node of this kind is a tokio task.
pub(crate) fn is_task(kind: Kind) -> bool {
    match kind {
        Kind::Actor | Kind::Task | Kind::System => true,
        Kind::Blocking | Kind::Scope => false,
    }
}

impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for node in &self.nodes {
            let mark = match node {
                node if node.holds_up_stop => '*',
                node if node.verdict.is_trouble() => '!',
                _ => ' ',
            };
            // No terminal is wide enough for deeper indentation.
            let width = 2 * node.depth.min(64);
            writeln!(f, "{mark} {:width$}{node}", "")?;
        }
        match self.left_out.total() {
            0 => Ok(()),
            more => writeln!(f, "  (at least {more} more are left out)"),
        }
    }
}

impl fmt::Display for NodeInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.path, self.verdict)?;
        let queued = self.backlog();
        if queued > 0 && !matches!(self.verdict, Verdict::Full { .. }) {
            write!(f, ", {queued} queued")?;
            if let Some(oldest) = self.mailbox.and_then(|mailbox| mailbox.oldest_for) {
                write!(f, ", the oldest for {}", time(oldest))?;
            }
        }
        if let Some(order) = &self.order {
            write!(f, ", {order}")?;
        }
        write!(f, " ({} at {})", self.type_name, self.site)
    }
}
