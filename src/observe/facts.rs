//! What a snapshot says about a node, with one type for each topic.

use std::borrow::Cow;
use std::fmt;
use std::panic::Location;
use std::time::Duration;

use crate::tree::NodeId;

/// A place in the code.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Site {
    /// The file, as it was passed to the compiler.
    pub file: Cow<'static, str>,
    /// The line, from 1 on.
    pub line: u32,
    /// The column, from 1 on.
    pub column: u32,
}

impl From<&'static Location<'static>> for Site {
    fn from(at: &'static Location<'static>) -> Self {
        Self {
            file: Cow::Borrowed(at.file()),
            line: at.line(),
            column: at.column(),
        }
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// Which order a node was given, and by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct OrderInfo {
    /// Which order.
    pub kind: OrderKind,
    /// Who gave the order.
    pub by: AskedBy,
    /// The place of the call that gave it, if that was in user code.
    pub site: Option<Site>,
    /// How long ago that was. `None` if nobody has read the clock since; a wait for the end reads it.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "ago_ms", with = "super::millis::option")
    )]
    pub ago: Option<Duration>,
}

impl fmt::Display for OrderInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            OrderKind::Drain => "drained",
            OrderKind::Stop => "stopped",
            OrderKind::Kill => "killed",
            OrderKind::Cut => "cut short, as asked",
            OrderKind::Restart => "restarted",
        })?;
        match &self.by {
            AskedBy::Node { path } => write!(f, " by {path}")?,
            AskedBy::Itself => f.write_str(" by itself")?,
            AskedBy::Owner => f.write_str(" by its owner")?,
            AskedBy::Outside => f.write_str(" from outside")?,
            AskedBy::Signal => f.write_str(" by a signal")?,
        }
        self.site
            .as_ref()
            .map_or(Ok(()), |site| write!(f, " at {site}"))
    }
}

/// Which order a node was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum OrderKind {
    /// It handles all accepted messages first.
    Drain,
    /// It finishes what it is doing.
    Stop,
    /// It is dropped at its await point.
    Kill,
    /// A drain or stop whose time was up became a kill.
    Cut,
    /// It ends its incarnation, and another follows.
    Restart,
}

/// Who has told a node to end.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(tag = "who", rename_all = "snake_case"))]
#[non_exhaustive]
pub enum AskedBy {
    /// Code of the node with this path.
    Node {
        /// The path.
        path: String,
    },
    /// The node itself, or its code has ended.
    Itself,
    /// The node above, which ends itself, or restarts its children.
    Owner,
    /// Code that no node runs, such as `main`.
    Outside,
    /// A signal to the process.
    Signal,
}

/// How much time a node has to end.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct GraceInfo {
    /// Its grace: how much own time it has.
    #[cfg_attr(feature = "serde", serde(rename = "whole_ms", with = "super::millis"))]
    pub whole: Duration,
    /// How much of it is used; for a killed node, including the time since the kill.
    #[cfg_attr(feature = "serde", serde(rename = "used_ms", with = "super::millis"))]
    pub used: Duration,
    /// Whether it is using its own time now, and not waiting for nodes beneath it.
    pub is_counting: bool,
    /// How much is left until `then` happens, by its own grace or the bound of the order, whichever is earlier. `None`
    /// if neither is running out as things stand.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "left_ms", with = "super::millis::option")
    )]
    pub left: Option<Duration>,
    /// What happens when the time is up.
    pub then: Fate,
}

/// What happens when a node's time to end is up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Fate {
    /// It is killed, with everything beneath it.
    Killed,
    /// It was killed and is still alive: callers that wait for its end get [`Unjoined`](crate::Unjoined).
    Reported,
    /// It is dropped at its await point, and its next incarnation is started.
    Restarted,
    /// Nothing more: it was killed, and those who wait have been told.
    Nothing,
}

/// An actor's mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct MailboxInfo {
    /// How many accepted messages are not started.
    pub queued: u64,
    /// How many messages it has room for; `None` if it is unbounded.
    pub capacity: Option<u32>,
    /// Who may send.
    pub gate: GateInfo,
    /// How many senders wait for room.
    pub senders_waiting: u32,
    /// How much room is held by permits, by messages that were put aside, or for senders whose turn has come.
    pub reserved: u64,
    /// How long the oldest queued message has waited, if there is one and [timings](crate::Builder::timings) are on.
    #[cfg_attr(
        feature = "serde",
        serde(default, rename = "oldest_for_ms", with = "super::millis::option")
    )]
    pub oldest_for: Option<Duration>,
}

impl MailboxInfo {
    /// Whether there is no room for another message.
    #[must_use]
    pub fn is_full(&self) -> bool {
        let taken = self.queued + self.reserved;
        self.capacity
            .is_some_and(|capacity| taken >= u64::from(capacity))
    }
}

/// Who may send to an actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum GateInfo {
    /// Anyone.
    Open,
    /// Only the actor itself and the nodes beneath it, since it drains.
    Draining,
    /// Nobody.
    Closed,
}

/// What a node waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct WaitInfo {
    /// What kind of wait it is.
    pub kind: WaitKind,
    /// The node that has to complete it; `None` for a wait for a time.
    pub target: Option<Target>,
    /// How many other nodes it waits for in the same way.
    pub others: usize,
    /// How long it has waited, at least: from the first look or, with timings, from its begin.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "for_ms", with = "super::millis::option")
    )]
    pub lasted: Option<Duration>,
    /// When it is over, if it waits for a time.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "due_in_ms", with = "super::millis::option")
    )]
    pub due_in: Option<Duration>,
    /// Whether something else may end it: a time limit, or another branch of a `select!`.
    pub is_limited: bool,
}

/// The node that another waits for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Target {
    /// Its number.
    pub id: NodeId,
    /// Its path.
    pub path: String,
}

/// What a node waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum WaitKind {
    /// The reply of an actor.
    Reply,
    /// Room in an actor's mailbox.
    Room,
    /// The value of a task or job.
    Task,
    /// The end of a node.
    End,
    /// The end of a child, while the node itself ends or restarts.
    Child,
    /// That a node is given an order.
    Order,
    /// The end of an actor's start.
    Start,
    /// A sibling with which it is restarted.
    Turn,
    /// The time of its next start: its backoff.
    Backoff,
}

impl fmt::Display for WaitInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            WaitKind::Reply => "a reply of",
            WaitKind::Room => "room in",
            WaitKind::Task => "task",
            WaitKind::End => "the end of",
            WaitKind::Child => "the end of child",
            WaitKind::Order => "an order to",
            WaitKind::Start => "the start of",
            WaitKind::Turn => "its turn behind",
            WaitKind::Backoff => "its next start",
        })?;
        if let Some(target) = &self.target {
            write!(f, " {}", target.path)?;
        }
        if self.others > 0 {
            write!(f, " and {} more", self.others)?;
        }
        if let Some(due) = self.due_in {
            write!(f, " in {}", super::text::time(due))?;
        }
        if let Some(lasted) = self.lasted.filter(|lasted| !lasted.is_zero()) {
            write!(f, " for {}", super::text::time(lasted))?;
        }
        Ok(())
    }
}

/// An actor's sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct SourcesInfo {
    /// Its timers, including receive timeouts.
    pub timers: usize,
    /// Its streams.
    pub streams: usize,
    /// The nodes whose ends it watches.
    pub watches: usize,
    /// When the next timer is due.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "next_due_in_ms", with = "super::millis::option")
    )]
    pub next_due_in: Option<Duration>,
}

/// The restarts of an actor.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct RestartsInfo {
    /// How many restarts there were within the window, as of the last one.
    pub recent: u32,
    /// How many are allowed; one more ends the actor.
    pub limit: u32,
    /// The window.
    #[cfg_attr(feature = "serde", serde(rename = "window_ms", with = "super::millis"))]
    pub window: Duration,
    /// When the next start is due, while the actor waits for it.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "due_in_ms", with = "super::millis::option")
    )]
    pub due_in: Option<Duration>,
    /// What went wrong before the last one, as text.
    pub last_failure: Option<String>,
}
