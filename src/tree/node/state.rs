use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::children::Children;
use super::edges::NodeEdges;
use super::record::{OrderNote, RestartNote, SourceBoard};
use super::replies::Dropped;
use super::slot::Settings;
use super::spans::NodeSpans;
use crate::error::{CutShort, Phase, StopReason};
use crate::mailbox::Caller;
use crate::sync::{WakerSet, panic_message};

/// What changes in a node's life, under its lock.
pub(in crate::tree) struct NodeState {
    pub(in crate::tree) phase: Phase,
    /// No more children are taken.
    pub(in crate::tree) closed: bool,
    /// The shell has ended, and with it all that it held.
    pub(in crate::tree) shell_gone: bool,
    /// How it ended; `Unknown` until then.
    end: CompactReason,
    /// Its [`OwnClock`](super::own_time::OwnClock), in two words.
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
    /// It is in `extras`, with what went wrong.
    InExtras,
}

/// What most nodes never need.
#[derive(Default)]
pub(in crate::tree) struct Extras {
    pub(super) bad_end: Option<Box<BadEnd>>,
    pub(in crate::tree) settings: Settings,
    pub(in crate::tree) tokens: Tokens,
    /// When the end of it and all beneath it becomes a kill, because whoever asked for it has set a limit.
    pub(in crate::tree) bound: Option<Instant>,
    pub(in crate::tree) edges: Option<Box<NodeEdges>>,
    /// Who told it to end.
    pub(in crate::tree) order: Option<Box<OrderNote>>,
    /// How it has fared, if it was restarted.
    pub(in crate::tree) restarts: Option<Box<RestartNote>>,
    pub(in crate::tree) around: Option<Arc<AroundCode>>,
    /// Who waits for what is being done now, if that has a deadline.
    pub(in crate::tree) caller: Option<Arc<dyn Caller>>,
    /// Those who wait for the end.
    pub(in crate::tree) waiters: WakerSet,
    /// Dropped unsent by the code that runs now.
    pub(in crate::tree) replies: Vec<Dropped>,
}

/// What there is around its code. Behind one pointer, as a node that has either is rare, and the extras are of a size that was
/// chosen; nobody shares it, but to drop an empty `Arc` is no call.
#[derive(Default)]
pub(in crate::tree) struct AroundCode {
    /// What it waits for besides its mail.
    pub(in crate::tree) sources: Option<Arc<SourceBoard>>,
    /// What it runs in, if its system has asked for spans.
    pub(super) spans: NodeSpans,
}

impl Extras {
    pub(super) fn around(&mut self) -> &mut AroundCode {
        let around = self.around.get_or_insert_default();
        Arc::get_mut(around).expect("nobody else has it")
    }
}

/// How a node ended that did not end well.
pub(super) struct BadEnd {
    reason: StopReason,
    /// The same with the errors in it as text, until `reason` is that.
    as_text: Option<StopReason>,
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
    #[cold]
    pub(in crate::tree) fn cancel(self) {
        for token in [self.ending, self.stopping].into_iter().flatten() {
            cancel(&token);
        }
    }
}

/// Fires a token. Whoever waits for it has brought a waker, which may be the user's and panic: that must not
/// keep a kill from those beneath, nor unwind a shell (rule 8).
pub(in crate::tree) fn cancel(token: &CancellationToken) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| token.cancel())) {
        let panic = panic_message(panic);
        tracing::warn!(name: "tenure.panic", panic, "a waker panicked that waited for a token");
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

    /// How it ended; one of which nobody has said that was killed.
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

    /// Whether there is more to say of its end than how it came.
    #[inline]
    pub(in crate::tree) fn has_failed(&self) -> bool {
        self.end == CompactReason::InExtras
    }

    /// Everyone has what they were to be told of the end: from here on it is known as text, since an error
    /// may hold a reference to this very node. Gives what is to be dropped without the lock.
    pub(in crate::tree) fn forget_errors(&mut self) -> Option<StopReason> {
        let extras = self.extras.as_mut()?;
        if self.phase != Phase::Stopped || !extras.waiters.is_empty() {
            return None;
        }
        let end = extras.bad_end.as_mut()?;
        let text = end.as_text.take()?;
        Some(std::mem::replace(&mut end.reason, text))
    }

    /// Its shell has ended, and how; what was said first stays. `text` is the same without errors.
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

    /// Its shell has ended, and nothing is taken any more. `text` is the reason without errors.
    pub(in crate::tree) fn end_shell(&mut self, reason: StopReason, text: Option<StopReason>) {
        self.closed = true;
        self.shell_gone = true;
        self.set_end(reason, text);
    }

    pub(in crate::tree) fn name(&self) -> Option<&str> {
        self.extras.as_ref()?.settings.name.as_deref()
    }

    /// Something beneath was cut after the node's own code had ended well: its end is no better (rule 7).
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

    /// Whether nobody is left beneath whose end can be waited for.
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
