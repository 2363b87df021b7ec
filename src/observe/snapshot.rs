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

/// What is alive at and beneath a node, what each does, and what it waits for: the counterpart of counting and
/// dumping goroutines, or of a JVM's thread dump.
///
/// It is taken node by node, and not of the whole at once: nothing is held up for it, and what moves meanwhile may
/// appear as it was before or after. The lock of one node is held at a time, and no code of a user's is run.
///
/// `Display` prints it as an indented tree. A `*` marks what holds up a stop, and a `!` what else is
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
/// An actor is [unreachable](Verdict::Unreachable) if nothing can ever have it do anything again. That is a leak, and is
/// proved: it is in no handler, nothing is queued for it and nobody holds room in its mailbox; it has no child, task,
/// timer, stream or watch; it has no name by which it could be looked up; and nobody has a reference to it: no
/// [`ActorRef`](crate::ActorRef), [`Recipient`](crate::Recipient), [`NodeRef`](crate::NodeRef) or
/// [`Spawner`](crate::Spawner), nor a future of theirs.
///
/// The proof assumes three things. Nobody goes through the children of its owner to get a reference from there. What its
/// state itself holds are no counted references: one hides the leak, as it may have been given to anybody
/// ([`Context::me_weak`](crate::Context::me_weak) gives one that is not counted). And references that are not counted
/// are its own: how many there are stands in the verdict.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Snapshot {
    /// The version of the form in which this is serialized. What is added does not change it.
    #[cfg(feature = "serde")]
    pub version: u32,
    /// When it was taken, on a clock of the process's own: it tells the snapshots of one process apart, and is no
    /// time of day.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "taken_at_ms", with = "super::millis")
    )]
    pub taken_at: Duration,
    /// The live nodes, each after its owner, siblings in start order.
    pub nodes: Vec<NodeInfo>,
    /// What is not among them.
    pub left_out: LeftOut,
    /// How many messages of the system have been accepted and are never handled
    /// ([`Spawner::dead_letters`](crate::Spawner::dead_letters)).
    pub dead_letters: u64,
    /// What has gone wrong in the system, by type; types of which nothing has are not there.
    #[cfg_attr(feature = "serde", serde(default))]
    pub tallies: Vec<TypeTally>,
    /// How long messages have waited and were handled in the system, by type, if [timings](crate::Builder::timings) are on.
    #[cfg_attr(feature = "serde", serde(default))]
    pub times: Vec<TypeTimes>,
}

/// How often things have gone wrong with the nodes of one type, since their system began.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct TypeTally {
    /// The name of the type, as [`NodeInfo::type_name`] has it.
    pub type_name: Cow<'static, str>,
    /// How often one failed or panicked: not because of what is beneath it alone. Failures that are contained, and those
    /// that a restart follows, are among them.
    pub failures: u64,
    /// How often one was restarted.
    pub restarts: u64,
    /// How often one was killed because its time to end was up.
    pub cut_short: u64,
    /// How often somebody who waited for an end was told that one does not yield, and was the deepest of those.
    pub unjoined: u64,
}

/// What a [`Snapshot`] has left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct LeftOut {
    /// Nodes that were too many. What is beneath them was not counted.
    pub by_number: usize,
    /// Nodes that are too deep. What is beneath them was not counted.
    pub by_depth: usize,
    /// Nodes that were not asked for.
    pub by_filter: usize,
}

impl LeftOut {
    /// How many nodes there are at least that are left out.
    #[must_use]
    pub const fn total(&self) -> usize {
        self.by_number + self.by_depth + self.by_filter
    }
}

/// One node of a [`Snapshot`].
///
/// Names, labels and types of more than 128 bytes are cut, and control characters in them escaped.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct NodeInfo {
    /// Its number.
    pub id: NodeId,
    /// The number of the node above it.
    pub owner: Option<NodeId>,
    /// How far below the node that the snapshot is of; that one has 0.
    pub depth: usize,
    /// Its path.
    pub path: String,
    /// The name that its spec gave it.
    pub name: Option<String>,
    /// What sort of node it is.
    pub kind: Kind,
    /// The name of the actor's type, or that of the function in which the task, job or scope was written; a
    /// future of a type of its own has the type's.
    pub type_name: Cow<'static, str>,
    /// Where it was spawned.
    pub site: Site,
    /// How long it has been there. With [timings](crate::Builder::timings) that is since it was spawned; without, at
    /// least, since somebody first looked. It is to the millisecond in the first 37 hours of a process, and to the second
    /// after that.
    #[cfg_attr(feature = "serde", serde(rename = "age_ms", with = "super::millis"))]
    pub age: Duration,
    /// Where in its life it was.
    pub phase: Phase,
    /// For how long it has been there. That of a running node counts from the begin of its start.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "phase_for_ms", with = "super::millis::option")
    )]
    pub phase_for: Option<Duration>,
    /// What is to be said of it first.
    #[cfg_attr(feature = "serde", serde(with = "super::verdict_form"))]
    pub verdict: Verdict,
    /// Its own end is what a stop waits for now.
    pub holds_up_stop: bool,
    /// What it was told, if it was told to end.
    pub order: Option<Box<OrderInfo>>,
    /// How much time it has for that.
    pub grace: Option<Box<GraceInfo>>,
    /// An actor's mailbox.
    pub mailbox: Option<MailboxInfo>,
    /// How many messages of its mailbox it has started.
    pub handled: u64,
    /// The label of the message that it was handling, if it was handling one.
    pub label: Option<Cow<'static, str>>,
    /// For how long it has been handling that. With [timings](crate::Builder::timings) that is exact; without, it is
    /// since somebody first looked.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "handling_for_ms", with = "super::millis::option")
    )]
    pub handling_for: Option<Duration>,
    /// How often its code has been polled; it counts up to 2^30 and begins anew.
    pub polls: u32,
    /// For how long it has been in the middle of a poll, if it is in one: since somebody first looked.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "in_poll_for_ms", with = "super::millis::option")
    )]
    pub in_poll_for: Option<Duration>,
    /// What it waits for; of very many waits, some.
    pub waits: Vec<WaitInfo>,
    /// How many waits are left out of that.
    pub more_waits: usize,
    /// What an actor waits for besides its mail.
    pub sources: Option<SourcesInfo>,
    /// How an actor has fared that was restarted.
    pub restarts: Option<Box<RestartsInfo>>,
    /// How many live nodes are right beneath it.
    pub children: usize,
    /// How many counted references others have to an actor, those of its own state among them: references, recipients,
    /// spawners, and futures that wait for it.
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
    /// The version of the form in which a snapshot is serialized.
    #[cfg(feature = "serde")]
    pub const VERSION: u32 = 1;

    /// How many live nodes are beneath the one that it is of, without those that are left out.
    #[must_use]
    pub fn count(&self) -> usize {
        self.nodes.iter().filter(|node| node.depth > 0).count()
    }

    /// How many tasks of the tokio runtime its nodes are: an actor, a task and a system are one each; a scope runs in its
    /// caller's, and a blocking job on a thread. What the runtime has beyond that, and beyond what was
    /// [left out](Snapshot::left_out), was started by a raw `tokio::spawn`, or is another system's.
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

    /// Those that hold up a stop, the deepest first.
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

    /// Those that somebody should look at, the most urgent first.
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

    /// The nodes counted by type and place of spawn, the most first: a slow leak is a group that grows.
    #[must_use]
    pub fn groups(&self) -> Groups {
        Groups::of(self)
    }

    /// The groups, and how they have changed since an earlier snapshot.
    ///
    /// To keep [`groups`](Snapshot::groups) of an earlier time takes far less memory: [`Groups::since`] does the
    /// same with them.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Groups {
        self.groups().since(&earlier.groups())
    }
}

/// Whether a node of this kind is a task of its runtime's.
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
            // Deeper than any terminal is wide nothing more can be seen.
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
