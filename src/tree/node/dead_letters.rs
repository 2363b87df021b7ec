use std::any::{Any, type_name};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::id::NodeId;
use crate::sync::panic_message;

/// A message that was accepted and is never handled, as the hook
/// [`Builder::on_dead_letter`](crate::Builder::on_dead_letter) sees it.
pub struct DeadLetter<'a> {
    path: &'a str,
    target: NodeId,
    label: &'static str,
    type_name: &'static str,
    message: &'a dyn Any,
}

impl<'a> DeadLetter<'a> {
    pub(crate) fn new<M: Any>(
        path: &'a str,
        target: NodeId,
        label: &'static str,
        message: &'a M,
    ) -> Self {
        Self {
            path,
            target,
            label,
            type_name: type_name::<M>(),
            message,
        }
    }

    /// Where the actor was in its tree.
    #[must_use]
    pub fn path(&self) -> &str {
        self.path
    }

    /// The number of the actor.
    #[must_use]
    pub fn target(&self) -> NodeId {
        self.target
    }

    /// The message's label ([`Actor::label`](crate::Actor::label)).
    #[must_use]
    pub fn label(&self) -> &'static str {
        self.label
    }

    /// The name of the message's type.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        self.type_name
    }

    /// The message, if it is an `M`.
    #[must_use]
    pub fn downcast_ref<M: 'static>(&self) -> Option<&M> {
        self.message.downcast_ref()
    }
}

impl fmt::Debug for DeadLetter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadLetter")
            .field("path", &self.path)
            .field("label", &self.label)
            .field("type_name", &self.type_name)
            .finish_non_exhaustive()
    }
}

/// The hook to which a system shows its dead letters.
#[derive(Clone)]
pub(crate) struct LetterHook(Arc<dyn Fn(&DeadLetter<'_>) + Send + Sync>);

impl LetterHook {
    pub(crate) fn new(hook: impl Fn(&DeadLetter<'_>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(hook))
    }
}

impl fmt::Debug for LetterHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LetterHook(..)")
    }
}

/// The dead letters of a system. All its nodes share them, and its root keeps them after its end.
#[derive(Debug, Default)]
pub(crate) struct Letters {
    count: AtomicU64,
    hook: Option<LetterHook>,
}

impl Letters {
    pub(crate) fn new(hook: Option<LetterHook>) -> Self {
        Self {
            count: AtomicU64::new(0),
            hook,
        }
    }

    pub(crate) fn count(&self, more: usize) {
        self.count.fetch_add(more as u64, Ordering::Relaxed);
    }

    pub(crate) fn total(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Whether anybody looks at them one by one.
    pub(crate) fn are_seen(&self) -> bool {
        self.hook.is_some() || tracing::enabled!(tracing::Level::DEBUG)
    }

    /// Traces the letter, and shows it to the hook.
    pub(crate) fn show(&self, letter: &DeadLetter<'_>) {
        tracing::debug!(name: "tenure.dead_letter", path = letter.path, label = letter.label, "undelivered");
        let Some(LetterHook(hook)) = &self.hook else {
            return;
        };
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| hook(letter))) {
            let message = panic_message(panic);
            tracing::warn!(name: "tenure.panic", panic = message, "the hook for dead letters panicked");
        }
    }
}
