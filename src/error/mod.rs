//! One small enum per operation; a refused value travels inside.
//!
//! Errors go in two directions. [`Error`] takes anything *inward*: whatever a handler, a hook or a
//! scope's body meets becomes one with `?`. What comes *out* of this crate ([`SendError`],
//! [`SpawnError`], [`AskError`], [`StopError`], [`RunError`]) are `std` errors that are
//! `Send + Sync` whatever the message is, so that `?` carries them into `anyhow` and the like.

mod ask;
mod blocker;
mod cycle;
mod failure;
mod lookup;
mod run;
mod send;
mod spawn;
mod stop;
mod text;

use std::error::Error as StdError;
use std::fmt;

pub use ask::AskError;
pub use blocker::{Blocker, CutShort, Kind, Phase, Unjoined};
pub use cycle::Cycle;
pub use failure::{Cause, Failure};
pub use lookup::LookupError;
pub use run::RunError;
pub use send::{Refused, SendError, TrySendError};
pub use spawn::{SpawnError, StartError};
pub use stop::{StopError, StopReason, TaskError};

/// What handlers, hooks, tasks and scope bodies return: [`std::result::Result`] with this crate's
/// inward [`Error`], and `()` as the default value.
pub type Result<T = (), E = Error> = std::result::Result<T, E>;

/// The inward error: anything that a handler, a hook, a task or a scope's body may fail with.
///
/// It is made by `?` from every `std` error, from `anyhow::Error`, and from strings. It is not a
/// `std` error itself, which is what lets it take all of those; [`into_inner`](Error::into_inner)
/// gives back what it was made from.
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

    /// Whether this error only says that something in this crate had been stopped: in a stopping
    /// tree that is a stop, not a failure (rule 4). What has failed another node is a failure.
    pub(crate) fn is_stopped(&self) -> bool {
        let mut next: Option<&(dyn StdError + 'static)> = Some(&*self.0);
        while let Some(error) = next
            && !error.is::<Failure>()
        {
            if error.is::<Stopped>() || matches!(error.downcast_ref(), Some(Carrier::Stopped)) {
                return true;
            }
            next = error.source();
        }
        false
    }

    /// The failure of another node, if that is all that this error says.
    pub(crate) fn as_failure(&self) -> Option<&Failure> {
        self.downcast_ref::<Failure>()
            .or_else(|| match self.downcast_ref()? {
                StopError::Failed(failure) => Some(failure),
                _ => None,
            })
            .or_else(|| match self.downcast_ref()? {
                TaskError::Failed(failure) => Some(failure),
                _ => None,
            })
            .or_else(|| match self.downcast_ref()? {
                RunError::Failed(failure) => Some(failure),
                _ => None,
            })
    }

    /// The failure of another node that this error has among its sources.
    pub(crate) fn failure_beneath(&self) -> Option<&Failure> {
        let mut next = self.0.source();
        while let Some(error) = next {
            if let Some(failure) = error.downcast_ref() {
                return Some(failure);
            }
            next = error.source();
        }
        None
    }
}

impl<E: Into<Box<dyn StdError + Send + Sync>>> From<E> for Error {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// The source of every error that says "stopped", whatever it carries: the mark by which
/// [`Error::is_stopped`] knows it through any number of wrappers.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("stopped")]
pub(crate) struct Stopped;

/// The source of every error with a refused value in it: the mark by which
/// [`Error::without_refused`] knows it.
#[derive(Debug, Clone, Copy, thiserror::Error)]
pub(crate) enum Carrier {
    /// It says "stopped" as well.
    #[error("stopped")]
    Stopped,
    #[error("refused")]
    Refused,
}
