use std::error::Error as StdError;
use std::fmt;
use std::io;

use super::{CutShort, Failure, SaysStopped, Unjoined};

/// Why a scope or a system did not end well.
///
/// `Display` is one line, unless the text of an error has several; for a failure, what went wrong first and how many
/// more failures there are. `Debug` prints what `main` should show: for a failure, its tree of causes.
#[non_exhaustive]
pub enum RunError {
    /// The body, the root, or something beneath it failed. Everything has ended.
    Failed(Failure),
    /// Everything has ended, but some nodes had to be killed.
    CutShort(CutShort),
    /// Some nodes did not yield in time. They stay owned and visible until they do.
    Unjoined(Unjoined),
    /// It was stopped or killed from outside before its body had ended. Everything has ended.
    Stopped,
    /// It was to be opened beneath a node that has ended or was killed; nothing was run.
    Closed,
    /// There is no tokio runtime here to start anything on.
    NoRuntime,
    /// `block_on` was called on a thread of a tokio runtime, which must not block.
    InsideRuntime,
    /// The runtime could not be built, or signals could not be listened to.
    Io(io::Error),
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(failure) => failure.fmt(f),
            Self::CutShort(cut) => cut.fmt(f),
            Self::Unjoined(unjoined) => unjoined.fmt(f),
            Self::Stopped => f.write_str("stopped before its body had ended"),
            Self::Closed => f.write_str("the owner is gone"),
            Self::NoRuntime => f.write_str("no tokio runtime is running here"),
            Self::InsideRuntime => f.write_str("cannot block a thread of a tokio runtime"),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl fmt::Debug for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(failure) => fmt::Debug::fmt(failure, f),
            other => fmt::Display::fmt(other, f),
        }
    }
}

impl StdError for RunError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Failed(failure) => Some(failure),
            Self::Stopped | Self::Closed => Some(&SaysStopped),
            Self::Io(error) => error.source(),
            _ => None,
        }
    }
}
