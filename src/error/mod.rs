//! One small error enum for each operation; a refused value is inside.
//!
//! Errors go in two directions. [`Error`] takes anything *inward*: `?` in a handler, a hook or a scope's body converts
//! any error into it. The errors that come *out* of this crate ([`SendError`], [`SpawnError`], [`AskError`],
//! [`StopError`], [`RunError`]) are `std` errors, and `Send + Sync` whatever the message is, so that `?` converts them
//! into `anyhow` and the like.

mod ask;
mod blocker;
mod cycle;
mod failure;
mod lookup;
pub(crate) mod ok;
mod run;
mod send;
mod spawn;
mod stop;
mod text;

use std::error::Error as StdError;
use std::fmt::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::sync::panic_message;

pub use ask::AskError;
pub use blocker::{Blocker, CutShort, Kind, Phase, Unjoined};
pub use cycle::Cycle;
pub use failure::{Cause, Failure};
pub use lookup::LookupError;
pub use run::RunError;
pub use send::{Refused, SendError, TrySendError};
pub use spawn::{SpawnError, StartError, Unstarted};
pub use stop::{StopError, StopReason, TaskError};

/// What handlers, hooks, tasks and scope bodies return: [`std::result::Result`] with this crate's
/// inward [`Error`], and `()` as the default value.
pub type Result<T = (), E = Error> = std::result::Result<T, E>;

/// The inward error: anything with which a handler, a hook, a task or a scope's body may fail.
///
/// `?` makes it from every `std` error, from `anyhow::Error`, and from strings. To take all of those, it cannot be a
/// `std` error itself; [`into_inner`](Error::into_inner) gives back what it was made from.
///
/// ```
/// fn parse(text: &str) -> tenure::Result<u16> {
///     if text.is_empty() {
///         return Err("no port given".into());
///     }
///     Ok(text.parse()?)
/// }
///
/// assert_eq!(parse("80").unwrap(), 80);
/// assert_eq!(parse("").unwrap_err().to_string(), "no port given");
/// ```
pub struct Error(Box<dyn StdError + Send + Sync>);

impl Error {
    /// Gives back the error that this one was made from.
    #[must_use]
    pub fn into_inner(self) -> Box<dyn StdError + Send + Sync> {
        self.0
    }

    /// The error that this one was made from, if it is an `E`.
    #[must_use]
    pub fn downcast_ref<E: StdError + 'static>(&self) -> Option<&E> {
        self.0.downcast_ref()
    }

    /// The error that this one was made from.
    #[must_use]
    pub fn as_std(&self) -> &(dyn StdError + Send + Sync + 'static) {
        &*self.0
    }

    /// Whether this error only says that something in this crate was stopped. In a stopping tree this is a stop, not a
    /// failure (rule 4). If it passes on the failure of another node, it is a failure.
    pub(crate) fn is_stopped(&self) -> bool {
        self.chain()
            .take_while(|error| !error.is::<Failure>())
            .any(|error| {
                error.is::<SaysStopped>() || matches!(error.downcast_ref(), Some(Carrier::Stopped))
            })
    }

    /// The failure of another node that this error passes on. It is found by its type in the chain of sources, as the
    /// head may hide its type.
    pub(crate) fn failure(&self) -> Option<&Failure> {
        self.chain().find_map(|error| error.downcast_ref())
    }

    /// Whether this error says nothing more than this failure.
    pub(crate) fn says_only(&self, failure: &Failure) -> bool {
        let head = format!("{} ", failure.path());
        let mut begin = Beginning(&head);
        // The writer stops as soon as the answer is known: there may be ten thousand causes beneath (rule 15).
        let _stopped = write!(begin, "{self}");
        begin.0.is_empty()
    }

    /// The error that this one was made from, and its sources.
    fn chain(&self) -> impl Iterator<Item = &(dyn StdError + 'static)> {
        let first: &(dyn StdError + 'static) = &*self.0;
        std::iter::successors(Some(first), |error| source_of(*error))
    }
}

/// The source of a user's error, whose code may panic.
fn source_of<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
    let source = catch_unwind(AssertUnwindSafe(|| error.source()));
    source.unwrap_or_else(|panic| {
        let panic = panic_message(panic);
        tracing::warn!(name: "tenure.panic", panic, "the source of an error panicked");
        None
    })
}

/// Formats a user's value, whose code may panic.
fn show(
    f: &mut fmt::Formatter<'_>,
    show: impl FnOnce(&mut fmt::Formatter<'_>) -> fmt::Result,
) -> fmt::Result {
    match catch_unwind(AssertUnwindSafe(|| show(f))) {
        Ok(shown) => shown,
        Err(panic) => write!(f, "(showing it panicked: {})", panic_message(panic)),
    }
}

/// The rest of a text, with which another text has to begin.
struct Beginning<'a>(&'a str);

impl Write for Beginning<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let shared = self.0.len().min(text.len());
        match (
            self.0.split_at_checked(shared),
            text.split_at_checked(shared),
        ) {
            (Some((own, left)), Some((other, _))) if own == other && shared > 0 => self.0 = left,
            _ if text.is_empty() => {}
            _ => return Err(fmt::Error),
        }
        if self.0.is_empty() {
            Err(fmt::Error)
        } else {
            Ok(())
        }
    }
}

impl<E: Into<Box<dyn StdError + Send + Sync>>> From<E> for Error {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(f, |f| fmt::Display::fmt(&self.0, f))
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(f, |f| fmt::Debug::fmt(&self.0, f))
    }
}

/// The source of every error that says "stopped": a marker by which [`Error::is_stopped`] finds it through any number
/// of wrappers.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("stopped")]
pub(crate) struct SaysStopped;

/// The source of every error that carries a refused value: a marker by which [`Error::without_refused`] finds it.
#[derive(Debug, Clone, Copy, thiserror::Error)]
pub(crate) enum Carrier {
    /// It says "stopped" as well.
    #[error("stopped")]
    Stopped,
    #[error("refused")]
    Refused,
}
