use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Node;
use super::children::Children;
use super::place::Settings;
use super::signals::{DRAIN, KILL, REGROUP, RENEW, STOP, WAITING};
use super::waiters::Waiters;
use super::waits::Waits;
use crate::error::{Phase, StopReason};
use crate::mailbox::Caller;
use crate::sync::moment;

/// What changes in a node's life, under its lock.
pub(super) struct Links {
    pub(super) phase: Phase,
    /// No more children are taken.
    pub(super) closed: bool,
    /// The shell has ended, and with it all that it held.
    pub(super) shell_gone: bool,
    /// How it ended; `Unknown` until then.
    end: End,
    /// Since when a node that is to end has been using its own time (rule 7), as a
    /// [`moment`]; none while it waits for its children.
    since: u64,
    /// How much own time it had left at `since`, in milliseconds; once it is killed, how much it
    /// had used until then.
    pub(super) left: u32,
    pub(super) children: Option<Box<Children>>,
    pub(super) rare: Option<Box<Rare>>,
}

/// A [`StopReason`] in one byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Unknown,
    Finished,
    Stopped,
    Drained,
    Killed,
    /// It is in `rare`, with what went wrong.
    Badly,
}

/// What most nodes never need.
#[derive(Default)]
pub(super) struct Rare {
    /// How it ended, if not well.
    pub(super) end: Option<StopReason>,
    pub(super) settings: Settings,
    pub(super) token: Option<CancellationToken>,
    pub(super) waits: Option<Box<Waits>>,
    /// Who waits for what is being done now, if that has a deadline.
    pub(super) caller: Option<Arc<dyn Caller>>,
    /// Those who wait for the end.
    pub(super) waiters: Waiters,
    /// Dropped unsent by the code that runs now.
    pub(super) replies: Vec<Arc<dyn Caller>>,
}

impl Links {
    pub(super) fn new(rare: Option<Box<Rare>>) -> Self {
        Self {
            phase: Phase::Starting,
            closed: false,
            shell_gone: false,
            end: End::Unknown,
            since: 0,
            left: 0,
            children: None,
            rare,
        }
    }

    pub(super) fn outcome(&self) -> Option<StopReason> {
        (self.phase == Phase::Stopped).then(|| self.end())
    }

    /// How it ended; one of which nobody has said that was killed.
    pub(super) fn end(&self) -> StopReason {
        match self.end {
            End::Finished => StopReason::Finished,
            End::Stopped => StopReason::Stopped,
            End::Drained => StopReason::Drained,
            End::Unknown | End::Killed => StopReason::Killed,
            End::Badly => {
                let end = self.rare.as_ref().and_then(|rare| rare.end.clone());
                end.unwrap_or(StopReason::Killed)
            }
        }
    }

    /// Its shell has ended, and how; what was said first stays.
    pub(super) fn set_end(&mut self, reason: StopReason) {
        if self.end != End::Unknown {
            return;
        }
        self.end = match reason {
            StopReason::Finished => End::Finished,
            StopReason::Stopped => End::Stopped,
            StopReason::Drained => End::Drained,
            StopReason::Killed => End::Killed,
            StopReason::Failed(_) | StopReason::CutShort(_) => {
                self.rare.get_or_insert_default().end = Some(reason);
                End::Badly
            }
        };
    }

    pub(super) fn has_children(&self) -> bool {
        self.children
            .as_ref()
            .is_some_and(|table| !table.is_empty())
    }

    pub(super) fn own_time(&mut self, node: &Node) -> Option<(Instant, Instant)> {
        let signals = node.signals.load();
        if signals & (STOP | DRAIN | KILL | RENEW | REGROUP) == 0 {
            return None;
        }
        if self.since == 0 && signals & WAITING == 0 && !self.shell_gone {
            self.set_own_time(Some(node.grace()), node);
        }
        let since = self.since()?;
        Some((since, since + Duration::from_millis(u64::from(self.left))))
    }

    pub(super) fn since(&self) -> Option<Instant> {
        moment::decode(self.since)
    }

    pub(super) fn set_since(&mut self, since: Option<Instant>) {
        self.since = moment::encode(since);
    }

    pub(super) fn set_own_time(&mut self, left: Option<Duration>, node: &Node) {
        let Some(left) = left else {
            return self.set_since(None);
        };
        let now = Instant::now();
        if node.signals.has(KILL) {
            // All that it had is used, and is what `left` says.
            self.set_since(now.checked_sub(self.used()).or(Some(now)));
        } else {
            self.left = millis(left);
            self.set_since(Some(now));
        }
    }
}

/// Milliseconds, rounded up, so that only no time at all is none.
pub(super) fn millis(time: Duration) -> u32 {
    u32::try_from(time.as_micros().div_ceil(1_000)).unwrap_or(u32::MAX)
}
