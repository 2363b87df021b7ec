//! How much of its own time a node has used to end (rule 7), kept under the node's lock.

use std::time::Duration;

use tokio::time::Instant;

use super::node::Node;
use super::signals::Snapshot;
use super::state::NodeState;
use crate::error::{Kind, Phase};
use crate::sync::{moment, saturating_add};

/// A node's own time to end, at one look.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OwnTime {
    /// How much of it is used.
    pub(crate) used: Duration,
    /// When it is up; for a killed node, when it was killed.
    pub(crate) until: Instant,
}

/// The state of the count between two looks.
#[derive(Debug, Clone, Copy)]
enum OwnClock {
    /// Nobody has looked at the node since it was told to end: all of its grace is left.
    NotBegun,
    /// It has been running since then, with this much left at that moment.
    Running { since: Instant, left: Duration },
    /// It stands still: the node waits for its children or for its next incarnation.
    Paused { left: Duration },
    /// The node was killed at that moment, and had used this much.
    Killed { at: Instant, used: Duration },
}

impl NodeState {
    /// How much own time the node has used, and when it is up; `None` unless the node is to end and is not waiting for
    /// others. The count begins with the first look, as most nodes end before anybody has to look.
    pub(in crate::tree) fn own_time(&mut self, node: &Node) -> Option<OwnTime> {
        let signals = node.signals.load();
        if !self.uses_own_time(node, signals) {
            return None;
        }
        let now = Instant::now();
        let clock = self.own_clock(signals).running(now, node);
        self.set_own_clock(clock);
        Some(clock.own_time(now, node))
    }

    /// As [`own_time`](NodeState::own_time), but it does not begin the count.
    pub(in crate::tree) fn own_time_at(&self, now: Instant, node: &Node) -> Option<OwnTime> {
        let signals = node.signals.load();
        let clock = || self.own_clock(signals).running(now, node);
        let uses_time = self.uses_own_time(node, signals);
        uses_time.then(|| clock().own_time(now, node))
    }

    /// How much of its grace it has used, as of the last change of the count.
    pub(in crate::tree) fn used_time(&self, node: &Node) -> Duration {
        match self.own_clock(node.signals.load()) {
            OwnClock::NotBegun => Duration::ZERO,
            OwnClock::Running { left, .. } | OwnClock::Paused { left } => {
                node.grace().saturating_sub(left)
            }
            OwnClock::Killed { used, .. } => used,
        }
    }

    fn uses_own_time(&self, node: &Node, signals: Snapshot) -> bool {
        signals.ends_incarnation()
            && !self.shell_gone
            && !self.is_waiting(signals)
            && !self.is_kept(node, signals)
    }

    /// Whether it is a scope that has only its future left, held by its owner's code. It ends when that future is
    /// polled or dropped, and holds up nobody until then. If somebody else holds the future, it does.
    fn is_kept(&self, node: &Node, signals: Snapshot) -> bool {
        if signals.has_own_time() {
            return false;
        }
        let has_ended = signals.is_by_self() && self.closed && self.is_quiet();
        node.kind() == Kind::Scope && (signals.is_adopted() || has_ended && !signals.is_killed())
    }

    /// Whether it is a killed scope that has only its future left, which ends when the owner's code polls or drops it.
    /// Not if the future has outlived that code in somebody else's hands.
    pub(in crate::tree) fn goes_with_owner(&self, node: &Node) -> bool {
        let signals = node.signals.load();
        node.kind() == Kind::Scope
            && signals.is_killed()
            && !signals.outlives_owner()
            && self.closed
            && self.is_quiet()
    }

    /// Whether it waits for its children or its next incarnation, which is not its own time.
    fn is_waiting(&self, signals: Snapshot) -> bool {
        signals.is_joining() && (self.has_children() || self.phase == Phase::Restarting)
    }

    /// Pauses the count until the next look. For a killed node the count is over.
    pub(in crate::tree) fn pause_own_time(&mut self, node: &Node) {
        if self.clock_moment == 0 {
            return;
        }
        if let OwnClock::Running { since, left } = self.own_clock(node.signals.load()) {
            let left = left.saturating_sub(since.elapsed());
            self.set_own_clock(OwnClock::Paused { left });
        }
    }

    /// Ends the count, because the node is killed. Called before its signals say so.
    pub(in crate::tree) fn end_own_time(&mut self, now: Instant, node: &Node) {
        let used = match self.own_clock(node.signals.load()) {
            OwnClock::NotBegun => Duration::ZERO,
            OwnClock::Running { since, left } => {
                node.grace().saturating_sub(left) + now.saturating_duration_since(since)
            }
            OwnClock::Paused { left } => node.grace().saturating_sub(left),
            OwnClock::Killed { .. } => return,
        };
        self.set_own_clock(OwnClock::Killed { at: now, used });
    }

    /// The next incarnation has a grace of its own.
    pub(in crate::tree) fn reset_own_time(&mut self) {
        self.set_own_clock(OwnClock::NotBegun);
    }

    /// Decodes the count: the node's signals and which of the two words are 0 give the state.
    fn own_clock(&self, signals: Snapshot) -> OwnClock {
        let time = Duration::from_millis(u64::from(self.clock_millis));
        match moment::decode(self.clock_moment) {
            None if self.clock_millis == 0 => OwnClock::NotBegun,
            None => OwnClock::Paused { left: time },
            Some(at) if signals.is_killed() => OwnClock::Killed { at, used: time },
            Some(since) => OwnClock::Running { since, left: time },
        }
    }

    fn set_own_clock(&mut self, clock: OwnClock) {
        let (at, time) = match clock {
            OwnClock::NotBegun => (None, 0),
            OwnClock::Running { since, left } => (Some(since), millis(left)),
            // Zero would mean a count that has not begun.
            OwnClock::Paused { left } => (None, millis(left).max(1)),
            OwnClock::Killed { at, used } => (Some(at), millis(used)),
        };
        self.clock_moment = moment::encode(at);
        self.clock_millis = time;
    }
}

impl OwnClock {
    /// The count once the node uses its own time.
    fn running(self, now: Instant, node: &Node) -> Self {
        match self {
            Self::NotBegun => Self::Running {
                since: now,
                left: node.grace(),
            },
            Self::Paused { left } => Self::Running { since: now, left },
            same => same,
        }
    }

    fn own_time(self, now: Instant, node: &Node) -> OwnTime {
        let (used, since, left) = match self {
            Self::NotBegun => (Duration::ZERO, now, node.grace()),
            Self::Paused { left } => (node.grace().saturating_sub(left), now, left),
            Self::Running { since, left } => (node.grace().saturating_sub(left), since, left),
            Self::Killed { at, used } => (used, at, Duration::ZERO),
        };
        OwnTime {
            used: used + now.saturating_duration_since(since),
            until: saturating_add(since, left),
        }
    }
}

/// Milliseconds, rounded up, so that only zero becomes zero.
pub(super) fn millis(time: Duration) -> u32 {
    let part = u64::from(time.subsec_nanos().div_ceil(1_000_000));
    // Avoids a 128-bit division, as every spawn comes here.
    let whole = time.as_secs().saturating_mul(1_000);
    u32::try_from(whole.saturating_add(part)).unwrap_or(u32::MAX)
}
