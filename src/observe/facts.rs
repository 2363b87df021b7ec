//! What a snapshot tells of a node, a topic a type.

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
    /// The file, as the compiler was given it.
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

/// Which end a node was told to come to, and by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct OrderInfo {
    /// Which end.
    pub kind: OrderKind,
    /// Who has told it.
    pub by: AskedBy,
    /// The place of the call that told it, if it was one of a user's code.
    pub site: Option<Site>,
    /// How long ago that was. `None` if nothing has looked at the clock since, which whoever waits for the end does.
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

/// Which end a node was told to come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum OrderKind {
    /// It handles all that it has accepted first.
    Drain,
    /// It finishes what it is doing.
    Stop,
    /// It is dropped at its await point.
    Kill,
    /// A drain or stop whose time was up, so that it became a kill.
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
        /// That path.
        path: String,
    },
    /// The node itself, or its code has come to its end.
    Itself,
    /// The node above, which ends itself, or restarts its children.
    Owner,
    /// Code that no node runs, such as `main`.
    Outside,
    /// A signal to the process.
    Signal,
}

/// How much time a node has to come to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct GraceInfo {
    /// Its grace: how long its own steps may take.
    #[cfg_attr(feature = "serde", serde(rename = "whole_ms", with = "super::millis"))]
    pub whole: Duration,
    /// How much of that is used; of a node that was killed, also the time since then.
    #[cfg_attr(feature = "serde", serde(rename = "used_ms", with = "super::millis"))]
    pub used: Duration,
    /// Whether it is using its own time now, and not waiting for those beneath it.
    pub is_counting: bool,
    /// How much is left until what is told in `then`: by its own grace or by the limit of whoever asked, whichever
    /// is over first. `None` if nothing of it runs out as things stand.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "left_ms", with = "super::millis::option")
    )]
    pub left: Option<Duration>,
    /// What happens when that is over.
    pub then: Fate,
}

/// What happens when a node's time to end is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Fate {
    /// It is killed, with all beneath it.
    Killed,
    /// It was killed and is still there: whoever waits for its end is told that it does not yield
    /// ([`Unjoined`](crate::Unjoined)).
    Reported,
    /// It is dropped at its await point, and its next incarnation is started.
    Restarted,
    /// Nothing more: its killing has been asked for, and those who wait have been told.
    Nothing,
}

/// An actor's mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct MailboxInfo {
    /// How many messages were accepted and are not started.
    pub queued: u64,
    /// How many it has room for; `None` if it is unbounded.
    pub capacity: Option<u32>,
    /// Who may send.
    pub gate: GateInfo,
    /// How many senders wait for room.
    pub senders_waiting: u32,
    /// How much room is held by permits, or for senders whose turn has come.
    pub reserved: u64,
    /// For how long the oldest of those that are queued has waited, if one is and [timings](crate::Builder::timings) are on.
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
    /// Only the nodes beneath it, since it drains.
    Draining,
    /// Nobody.
    Closed,
}

/// What a node waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct WaitInfo {
    /// What it is.
    pub kind: WaitKind,
    /// The node that has to complete it; `None` for a time.
    pub target: Option<Target>,
    /// How many other nodes it waits for in the same way.
    pub others: usize,
    /// For how long it has waited, at least: since this wait was first looked at by anybody, or, with timings, since
    /// it began.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "for_ms", with = "super::millis::option")
    )]
    pub lasted: Option<Duration>,
    /// When it is over, if that is a matter of time.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "due_in_ms", with = "super::millis::option")
    )]
    pub due_in: Option<Duration>,
    /// Something else may end it: a time limit, or what stands beside it in a `select!`.
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
    /// The value of a task or job, which it has at its end.
    Task,
    /// The end of a node.
    End,
    /// The end of a child, in its own end or restart.
    Child,
    /// That a node is told to end.
    Order,
    /// The end of an actor's start.
    Start,
    /// The step of a sibling with which it is restarted.
    Turn,
    /// The time of its next start.
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

/// What an actor waits for besides its mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct SourcesInfo {
    /// Its timers, receive timeouts among them.
    pub timers: usize,
    /// Its streams.
    pub streams: usize,
    /// The nodes for whose ends it watches.
    pub watches: usize,
    /// When the next of the timers is due.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "next_due_in_ms", with = "super::millis::option")
    )]
    pub next_due_in: Option<Duration>,
}

/// How an actor has fared that was restarted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct RestartsInfo {
    /// How many restarts there were within the window, as of the last one.
    pub recent: u32,
    /// How many there may be; one more is the actor's end.
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
