use std::fmt;
use std::time::Duration;

use super::super::snapshot::NodeInfo;
use super::super::text::time;

/// Something that lasts too long, found by a [`Watchdog`](super::Watchdog).
///
/// `Display` is one line.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Alarm {
    /// What lasts too long.
    pub kind: AlarmKind,
    /// How long it has lasted, at least. For a storm of restarts: the time within which they happened.
    pub lasted: Duration,
    /// The node. For a storm of restarts: the node that was restarted most often.
    pub node: Box<NodeInfo>,
    /// How often this was reported for this node, including this time.
    pub times: u32,
    /// For how many more nodes this has become true, which are not reported one by one. For a storm: the number of
    /// restarts.
    pub others: usize,
}

/// What lasts too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AlarmKind {
    /// A poll of a node's code has not returned, which blocks its thread.
    StuckPoll,
    /// A handler has not returned.
    LongHandler,
    /// Senders wait for room in a mailbox.
    FullMailbox,
    /// A node's time to end is up, and it is still alive.
    StopOverrun,
    /// Nothing can wake an actor again.
    Unreachable,
    /// Actors are restarted again and again.
    RestartStorm,
}

impl AlarmKind {
    /// The name of this kind, as in the events, such as `stuck_poll`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::StuckPoll => "stuck_poll",
            Self::LongHandler => "long_handler",
            Self::FullMailbox => "full_mailbox",
            Self::StopOverrun => "stop_overrun",
            Self::Unreachable => "unreachable",
            Self::RestartStorm => "restart_storm",
        }
    }
}

impl Alarm {
    pub(super) fn trace(&self) {
        let Self {
            kind,
            lasted,
            node,
            times,
            others,
        } = self;
        tracing::warn!(
            name: "tenure.alarm",
            target: "tenure::watchdog",
            alarm = kind.name(),
            lasted_ms = u64::try_from(lasted.as_millis()).unwrap_or(u64::MAX),
            times,
            others,
            id = %node.id,
            path = %node.path,
            kind = ?node.kind,
            type_name = %node.type_name,
            site = %node.site,
            label = node.label.as_deref().unwrap_or("-"),
            verdict = %node.verdict,
            "something lasts too long"
        );
    }
}

impl fmt::Display for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kind,
            lasted,
            node,
            others,
            ..
        } = self;
        let lasted = time(*lasted);
        match kind {
            AlarmKind::RestartStorm => {
                write!(f, "restart_storm: {others} within {lasted}, most of")?
            }
            kind => write!(f, "{} for {lasted}:", kind.name())?,
        }
        write!(f, " {node}")?;
        match (kind, others) {
            (AlarmKind::RestartStorm, _) | (_, 0) => Ok(()),
            (_, others) => write!(f, ", and {others} more"),
        }
    }
}
