use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::children::{AutoShutdown, Children, Strategy};
use super::edges::NodeEdges;
use super::record::{OrderNote, RestartNote, SourceBoard};
use super::replies::Dropped;
use super::slot::Settings;
use super::spans::NodeSpans;
use crate::error::{CutShort, Phase, StopReason};
use crate::mailbox::Caller;
use crate::sync::{WakerSet, panic_message};

/// The part of a node that changes, under its lock.
pub(in crate::tree) struct NodeState {
    pub(in crate::tree) phase: Phase,
    /// The node takes no more children.
    pub(in crate::tree) closed: bool,
    /// The shell has ended, and everything that it held is dropped.
    pub(in crate::tree) shell_gone: bool,
    /// How it ended; `Unknown` until then.
    end: CompactReason,
    /// Its `OwnClock`, in two words.
    pub(super) clock_moment: u64,
    pub(super) clock_millis: u32,
    pub(in crate::tree) children: Option<Box<Children>>,
    pub(in crate::tree) extras: Option<Box<Extras>>,
}

/// A [`StopReason`] in one byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CompactReason {
    Unknown,
    Finished,
    Stopped,
    Drained,
    Killed,
    /// The reason is in `extras`, with what went wrong.
    InExtras,
}

/// The part of the state that most nodes never need.
#[derive(Default)]
pub(in crate::tree) struct Extras {
    pub(super) bad_end: Option<Box<BadEnd>>,
    pub(in crate::tree) settings: Settings,
    pub(in crate::tree) tokens: Tokens,
    /// The bound of its order: when the end of it and everything beneath becomes a kill.
    pub(in crate::tree) bound: Option<Instant>,
    pub(in crate::tree) edges: Option<Box<NodeEdges>>,
    /// Who told it to end.
    pub(in crate::tree) order: Option<Box<OrderNote>>,
    /// Its restarts, if there were any.
    pub(in crate::tree) restarts: Option<Box<RestartNote>>,
    pub(in crate::tree) around: Option<Arc<AroundCode>>,
    /// The caller for whom the node works now, if the ask has a deadline.
    pub(in crate::tree) caller: Option<Arc<dyn Caller>>,
    /// Those who wait for the end.
    pub(in crate::tree) waiters: WakerSet,
    /// Replies that its code has dropped unsent.
    pub(in crate::tree) replies: Vec<Dropped>,
}

/// What there is around a node's code. Both parts are rare, so they share one pointer, which keeps the extras small.
/// The `Arc` is never shared; it is used because dropping an empty one is not a call.
#[derive(Default)]
pub(in crate::tree) struct AroundCode {
    /// What it waits for besides its mail.
    pub(in crate::tree) sources: Option<Arc<SourceBoard>>,
    /// The spans it runs in, if its system has asked for them.
    pub(super) spans: NodeSpans,
}

impl Extras {
    pub(super) fn around(&mut self) -> &mut AroundCode {
        let around = self.around.get_or_insert_default();
        Arc::get_mut(around).expect("nobody else has it")
    }
}

/// How a node ended, if something went wrong.
pub(super) struct BadEnd {
    reason: StopReason,
    /// The same with its errors as text, until that has replaced `reason`.
    as_text: Option<StopReason>,
}

/// The tokens of one incarnation, made when they are first asked for.
#[derive(Clone, Default)]
pub(in crate::tree) struct Tokens {
    /// Fires when what is beneath the node is to end.
    pub(in crate::tree) ending: Option<CancellationToken>,
    /// Fires when the node closes: with the other one, except in a drain.
    pub(in crate::tree) stopping: Option<CancellationToken>,
}

impl Tokens {
    /// Wakes those who wait for the tokens, so it must not be called under a lock.
    #[cold]
    pub(in crate::tree) fn cancel(self) {
        for token in [self.ending, self.stopping].into_iter().flatten() {
            cancel(&token);
        }
    }
}

/// Fires a token. The wakers in it may be users' and may panic. A panic must neither stop a kill on its way down nor
/// unwind a shell (rule 8).
pub(in crate::tree) fn cancel(token: &CancellationToken) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| token.cancel())) {
        let panic = panic_message(panic);
        tracing::warn!(name: "tenure.panic", panic, "a waker panicked that waited for a token");
    }
}

impl NodeState {
    /// The tokens to fire once the lock is released: both with `all`, otherwise only the one that a drain fires.
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
            end: CompactReason::Unknown,
            clock_moment: 0,
            clock_millis: 0,
            children: None,
            extras,
        }
    }

    pub(in crate::tree) fn outcome(&self) -> Option<StopReason> {
        (self.phase == Phase::Stopped).then(|| self.end())
    }

    /// How it ended. If no end was recorded: `Killed`.
    pub(in crate::tree) fn end(&self) -> StopReason {
        match self.end {
            CompactReason::Finished => StopReason::Finished,
            CompactReason::Stopped => StopReason::Stopped,
            CompactReason::Drained => StopReason::Drained,
            CompactReason::Unknown | CompactReason::Killed => StopReason::Killed,
            CompactReason::InExtras => self
                .bad_end()
                .map_or(StopReason::Killed, |end| end.reason.clone()),
        }
    }

    /// How it ended, with the errors in it as text.
    pub(in crate::tree) fn end_as_text(&self) -> StopReason {
        let text = self.bad_end().and_then(|end| end.as_text.clone());
        text.unwrap_or_else(|| self.end())
    }

    fn bad_end(&self) -> Option<&BadEnd> {
        self.extras.as_ref()?.bad_end.as_deref()
    }

    /// Whether its end has details: a failure or a cut.
    #[inline]
    pub(in crate::tree) fn has_failed(&self) -> bool {
        self.end == CompactReason::InExtras
    }

    /// Replaces the errors of the end by text, unless somebody still waits: an error may hold a reference to this very
    /// node. Returns what has to be dropped after the lock is released.
    pub(in crate::tree) fn forget_errors(&mut self) -> Option<StopReason> {
        let extras = self.extras.as_mut()?;
        if self.phase != Phase::Stopped || !extras.waiters.is_empty() {
            return None;
        }
        let end = extras.bad_end.as_mut()?;
        let text = end.as_text.take()?;
        Some(std::mem::replace(&mut end.reason, text))
    }

    /// Records how its shell has ended. The first record stays. `text` is the reason with its errors as text.
    pub(in crate::tree) fn set_end(&mut self, reason: StopReason, text: Option<StopReason>) {
        if self.end != CompactReason::Unknown {
            return;
        }
        self.end = match reason {
            StopReason::Finished => CompactReason::Finished,
            StopReason::Stopped => CompactReason::Stopped,
            StopReason::Drained => CompactReason::Drained,
            StopReason::Killed => CompactReason::Killed,
            StopReason::Failed(_) | StopReason::CutShort(_) => {
                let bad_end = &mut self.extras.get_or_insert_default().bad_end;
                *bad_end = Some(Box::new(BadEnd {
                    reason,
                    as_text: text,
                }));
                CompactReason::InExtras
            }
        };
    }

    /// Records that its shell has ended, and closes it. `text` is the reason with its errors as text.
    pub(in crate::tree) fn end_shell(&mut self, reason: StopReason, text: Option<StopReason>) {
        self.closed = true;
        self.shell_gone = true;
        self.set_end(reason, text);
    }

    pub(in crate::tree) fn name(&self) -> Option<&str> {
        self.extras.as_ref()?.settings.name.as_deref()
    }

    /// If something beneath was cut after the node's own code had ended well, the node was cut short as well (rule 7).
    pub(in crate::tree) fn end_with_cuts(&mut self) {
        let ended_well = matches!(
            self.end,
            CompactReason::Finished | CompactReason::Stopped | CompactReason::Drained
        );
        let Some(table) = self.children.as_mut().filter(|_| ended_well) else {
            return;
        };
        if !table.cuts.is_empty() {
            let cuts = std::mem::take(&mut table.cuts);
            self.end = CompactReason::Unknown;
            self.set_end(StopReason::CutShort(CutShort::new(None, cuts)), None);
        }
    }

    pub(in crate::tree) fn has_children(&self) -> bool {
        self.children
            .as_ref()
            .is_some_and(|table| !table.is_empty())
    }

    /// Whether no child is left whose end can be waited for.
    pub(in crate::tree) fn is_quiet(&self) -> bool {
        self.children.as_ref().is_none_or(|table| table.is_quiet())
    }

    pub(super) fn spans(&self) -> Option<&NodeSpans> {
        Some(&self.extras.as_ref()?.around.as_ref()?.spans)
    }

    pub(in crate::tree) fn bound(&self) -> Option<Instant> {
        self.extras.as_ref()?.bound
    }
}

/// The policies that its spec has set.
impl NodeState {
    pub(in crate::tree) fn strategy(&self) -> Strategy {
        self.extras
            .as_ref()
            .map(|extras| extras.settings.strategy)
            .unwrap_or_default()
    }

    pub(in crate::tree) fn auto_shutdown(&self) -> AutoShutdown {
        self.extras
            .as_ref()
            .map(|extras| extras.settings.auto_shutdown)
            .unwrap_or_default()
    }
}
