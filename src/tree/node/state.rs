use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::children::Children;
use super::edges::Waits;
use super::node::Node;
use super::replies::Dropped;
use super::signals::Snapshot;
use super::slot::Settings;
use crate::error::{CutShort, Kind, Phase, StopReason};
use crate::mailbox::Caller;
use crate::sync::{WakerSet, moment, panic_message, saturating_add};

/// What changes in a node's life, under its lock.
pub(in crate::tree) struct NodeState {
    pub(in crate::tree) phase: Phase,
    /// No more children are taken.
    pub(in crate::tree) closed: bool,
    /// The shell has ended, and with it all that it held.
    pub(in crate::tree) shell_gone: bool,
    /// How it ended; `Unknown` until then.
    end: End,
    /// Since when a node that is to end has been using its own time (rule 7), as a
    /// [`moment`]; none while it waits for its children. Once it is killed, when that was.
    since: u64,
    /// How much own time it had left at `since`, in milliseconds, or 0 before the count has begun. Once
    /// it is killed, how much it had used until then.
    left: u32,
    pub(in crate::tree) children: Option<Box<Children>>,
    pub(in crate::tree) extras: Option<Box<Extras>>,
}

/// A [`StopReason`] in one byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Unknown,
    Finished,
    Stopped,
    Drained,
    Killed,
    /// It is in `extras`, with what went wrong.
    Badly,
}

/// What most nodes never need.
#[derive(Default)]
pub(in crate::tree) struct Extras {
    /// How it ended, if not well.
    pub(in crate::tree) end: Option<StopReason>,
    /// The same with the errors in it as text, until `end` is that.
    pub(in crate::tree) end_as_text: Option<StopReason>,
    pub(in crate::tree) settings: Settings,
    pub(in crate::tree) tokens: Tokens,
    /// When the end of it and all beneath it becomes a kill, because whoever asked for it has set a limit.
    pub(in crate::tree) bound: Option<Instant>,
    pub(in crate::tree) waits: Option<Box<Waits>>,
    /// Who waits for what is being done now, if that has a deadline.
    pub(in crate::tree) caller: Option<Arc<dyn Caller>>,
    /// Those who wait for the end.
    pub(in crate::tree) waiters: WakerSet,
    /// Dropped unsent by the code that runs now.
    pub(in crate::tree) replies: Vec<Dropped>,
}

/// The tokens of one incarnation, made when they are first asked for.
#[derive(Clone, Default)]
pub(in crate::tree) struct Tokens {
    /// It fires when what is beneath the node is to end.
    pub(in crate::tree) ending: Option<CancellationToken>,
    /// It fires when the node takes nothing more: with the other one, but in a drain.
    pub(in crate::tree) stopping: Option<CancellationToken>,
}

impl Tokens {
    /// Wakes whoever waits for them, so it must not be called under a lock.
    pub(in crate::tree) fn cancel(&self) {
        for token in [&self.ending, &self.stopping].into_iter().flatten() {
            cancel(token);
        }
    }
}

/// Fires a token. Whoever waits for it has brought a waker, which may be the user's and panic: that must not
/// keep a kill from those beneath, nor unwind a shell (rule 8).
pub(in crate::tree) fn cancel(token: &CancellationToken) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| token.cancel())) {
        let panic = panic_message(panic);
        tracing::warn!(panic, "a waker panicked that waited for a token");
    }
}

impl NodeState {
    /// The tokens that are to fire, once the lock is released; with `all`, not only that of a drain.
    pub(in crate::tree) fn tokens(&self, all: bool) -> Option<Tokens> {
        let tokens = &self.extras.as_ref()?.tokens;
        let stopping = tokens.stopping.as_ref().filter(|_| all);
        if tokens.ending.is_none() && stopping.is_none() {
            return None;
        }
        Some(Tokens {
            ending: tokens.ending.clone(),
            stopping: stopping.cloned(),
        })
    }

    pub(in crate::tree) fn new(extras: Option<Box<Extras>>) -> Self {
        Self {
            phase: Phase::Starting,
            closed: false,
            shell_gone: false,
            end: End::Unknown,
            since: 0,
            left: 0,
            children: None,
            extras,
        }
    }

    pub(in crate::tree) fn outcome(&self) -> Option<StopReason> {
        (self.phase == Phase::Stopped).then(|| self.end())
    }

    /// How it ended; one of which nobody has said that was killed.
    pub(in crate::tree) fn end(&self) -> StopReason {
        match self.end {
            End::Finished => StopReason::Finished,
            End::Stopped => StopReason::Stopped,
            End::Drained => StopReason::Drained,
            End::Unknown | End::Killed => StopReason::Killed,
            End::Badly => {
                let end = self.extras.as_ref().and_then(|extras| extras.end.clone());
                end.unwrap_or(StopReason::Killed)
            }
        }
    }

    /// How it ended, with the errors in it as text.
    pub(in crate::tree) fn end_as_text(&self) -> StopReason {
        let text = self
            .extras
            .as_ref()
            .and_then(|extras| extras.end_as_text.clone());
        text.unwrap_or_else(|| self.end())
    }

    /// Whether there is more to say of its end than how it came.
    #[inline]
    pub(in crate::tree) fn has_failed(&self) -> bool {
        self.end == End::Badly
    }

    /// Everyone has what they were to be told of the end: from here on it is known as text, since an error
    /// may hold a reference to this very node. Gives what is to be dropped without the lock.
    pub(in crate::tree) fn forget_errors(&mut self) -> Option<StopReason> {
        let extras = self.extras.as_mut()?;
        if self.phase != Phase::Stopped || !extras.waiters.is_empty() {
            return None;
        }
        let text = extras.end_as_text.take()?;
        extras.end.replace(text)
    }

    /// Its shell has ended, and how; what was said first stays. `text` is the same without errors.
    pub(in crate::tree) fn set_end(&mut self, reason: StopReason, text: Option<StopReason>) {
        if self.end != End::Unknown {
            return;
        }
        self.end = match reason {
            StopReason::Finished => End::Finished,
            StopReason::Stopped => End::Stopped,
            StopReason::Drained => End::Drained,
            StopReason::Killed => End::Killed,
            StopReason::Failed(_) | StopReason::CutShort(_) => {
                let extras = self.extras.get_or_insert_default();
                extras.end = Some(reason);
                extras.end_as_text = text;
                End::Badly
            }
        };
    }

    /// Its shell has ended, and nothing is taken any more. `text` is the reason without errors.
    pub(in crate::tree) fn end_shell(&mut self, reason: StopReason, text: Option<StopReason>) {
        self.closed = true;
        self.shell_gone = true;
        self.set_since(None);
        self.set_end(reason, text);
    }

    pub(in crate::tree) fn name(&self) -> Option<&str> {
        self.extras.as_ref()?.settings.name.as_deref()
    }

    /// Something beneath was cut after the node's own code had ended well: its end is no better (rule 7).
    pub(in crate::tree) fn end_with_cuts(&mut self) {
        let ended_well = matches!(self.end, End::Finished | End::Stopped | End::Drained);
        let Some(table) = self.children.as_mut().filter(|_| ended_well) else {
            return;
        };
        if !table.cuts.is_empty() {
            let cuts = std::mem::take(&mut table.cuts);
            self.end = End::Unknown;
            self.set_end(StopReason::CutShort(CutShort::new(None, cuts)), None);
        }
    }

    pub(in crate::tree) fn has_children(&self) -> bool {
        self.children
            .as_ref()
            .is_some_and(|table| !table.is_empty())
    }

    /// Whether nobody is left beneath whose end can be waited for.
    pub(in crate::tree) fn is_quiet(&self) -> bool {
        self.children.as_ref().is_none_or(|table| table.is_quiet())
    }

    pub(in crate::tree) fn bound(&self) -> Option<Instant> {
        self.extras.as_ref()?.bound
    }

    /// How much of its own time the node has used, and when it will be up; `None` unless it is to end
    /// and does not wait for its children. The count begins with the first look: most nodes end before
    /// anybody has to look.
    pub(in crate::tree) fn own_time(&mut self, node: &Node) -> Option<OwnTime> {
        let signals = node.signals.load();
        if !signals.ends_incarnation()
            || self.shell_gone
            || self.is_waiting(signals)
            || self.is_kept(node, signals)
        {
            return None;
        }
        let now = Instant::now();
        if signals.is_killed() {
            let killed = self.since().unwrap_or(now);
            let used = self.left_time() + now.saturating_duration_since(killed);
            return Some(OwnTime {
                used,
                until: killed,
            });
        }
        if self.since == 0 {
            self.begin_own_time(now, node);
        }
        let since = self.since()?;
        let until = saturating_add(since, self.left_time());
        let used = node.grace().saturating_sub(self.left_time());
        Some(OwnTime {
            used: used + now.saturating_duration_since(since),
            until,
        })
    }

    /// It is a scope of which only the future is left, in its owner's hands: it ends when that is polled or
    /// dropped, and holds nobody up. In others' hands it does.
    fn is_kept(&self, node: &Node, signals: Snapshot) -> bool {
        if signals.has_own_time() {
            return false;
        }
        let has_ended = signals.is_by_self() && self.closed && self.is_quiet();
        node.kind() == Kind::Scope && (signals.is_adopted() || has_ended && !signals.is_killed())
    }

    /// It waits for its children, or for its next incarnation: that is not its own time.
    fn is_waiting(&self, signals: Snapshot) -> bool {
        signals.is_joining() && (self.has_children() || self.phase == Phase::Restarting)
    }

    fn begin_own_time(&mut self, now: Instant, node: &Node) {
        if self.left == 0 {
            self.left = millis(node.grace());
        }
        self.set_since(Some(now));
    }

    /// The count stands still until the next look. That of a killed node is over.
    pub(in crate::tree) fn pause_own_time(&mut self, node: &Node) {
        if self.since == 0 || node.signals.load().is_killed() {
            return;
        }
        let used = self.since().map_or(Duration::ZERO, |since| since.elapsed());
        // Zero would be a count that has not begun.
        self.left = millis(self.left_time().saturating_sub(used)).max(1);
        self.set_since(None);
    }

    /// The node is killed now: `since` is that moment from here on, and `left` what it had used.
    pub(in crate::tree) fn end_own_time(&mut self, now: Instant, node: &Node) {
        let used = match self.left {
            0 => Duration::ZERO,
            _ => node.grace().saturating_sub(self.left_time()),
        };
        let running = self
            .since()
            .map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        self.left = millis(used + running);
        self.set_since(Some(now));
    }

    /// The next incarnation has a grace of its own.
    pub(in crate::tree) fn reset_own_time(&mut self) {
        self.set_since(None);
        self.left = 0;
    }

    fn left_time(&self) -> Duration {
        Duration::from_millis(u64::from(self.left))
    }

    fn since(&self) -> Option<Instant> {
        moment::decode(self.since)
    }

    pub(in crate::tree) fn set_since(&mut self, since: Option<Instant>) {
        self.since = moment::encode(since);
    }
}

/// A node's own time to end (rule 7), at one look.
#[derive(Debug, Clone, Copy)]
pub(in crate::tree) struct OwnTime {
    /// How much of it is used.
    pub(in crate::tree) used: Duration,
    /// When it will be up; of a killed node, when that was.
    pub(in crate::tree) until: Instant,
}

/// Milliseconds, rounded up, so that only no time at all is none.
pub(in crate::tree) fn millis(time: Duration) -> u32 {
    u32::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u32::MAX)
}
