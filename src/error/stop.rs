use std::error::Error as StdError;
use std::fmt;

use super::{CutShort, Cycle, Failure, SaysStopped, Unjoined};

/// How a node ended.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum StopReason {
    /// It came to its end by itself: its future returned, or it stopped itself.
    Finished,
    /// It was asked to stop, by anyone but itself; or it stopped itself after somebody had asked it to drain, so that its
    /// mail was not handled.
    Stopped,
    /// It was asked to drain, by anyone but itself.
    Drained,
    /// It was killed because somebody asked for that.
    Killed,
    /// A stop or drain had to become a kill, of this node or of some beneath it.
    CutShort(CutShort),
    /// It failed or panicked, or something beneath it did while it ended.
    Failed(Failure),
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Finished => f.write_str("finished"),
            Self::Stopped => f.write_str("stopped"),
            Self::Drained => f.write_str("drained"),
            Self::Killed => f.write_str("killed"),
            Self::CutShort(cut) => cut.fmt(f),
            Self::Failed(failure) => failure.fmt(f),
        }
    }
}

/// Why a stop, drain or kill is not `Ok`.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum StopError {
    /// It is gone with all beneath it, but some of them had to be killed.
    #[error(transparent)]
    CutShort(CutShort),
    /// It is gone with all beneath it, and these failed.
    #[error("{0}")]
    Failed(#[source] Failure),
    /// Some did not yield within the patience that follows a kill. The stop goes on; awaiting
    /// another stop waits for it again.
    #[error(transparent)]
    Unjoined(Unjoined),
    /// The wait is for the end of the very node that waits, or of one above it. The request
    /// itself stands.
    #[error("a node cannot wait for its own end")]
    WaitsForItself,
    /// The node is not a child of the actor that was to stop it, and lives on. It comes from
    /// [`Context::stop_child`](crate::Context::stop_child) alone.
    #[error("not a child of this node")]
    NotAChild,
    /// It had not ended within the time given to [`Stopped::timeout`](crate::Stopped::timeout).
    #[error("no end within the time given")]
    TimedOut,
    /// The wait would have completed a cycle of nodes that wait for each other, none of them with a
    /// time limit ([rule 16](crate::lifecycle#rule-16)).
    #[error("the wait would never end: {0}")]
    Deadlock(Cycle),
}

impl StopReason {
    /// The same with the user's errors as text, if there are any in it.
    pub(crate) fn as_text(&self) -> Option<Self> {
        match self {
            Self::Failed(failure) => Some(Self::Failed(failure.as_text())),
            _ => None,
        }
    }

    /// `Ok` for an end in good order or one that was asked for; the failure, or what was cut
    /// short, as an error.
    ///
    /// # Errors
    ///
    /// [`StopError::Failed`] and [`StopError::CutShort`].
    pub fn into_result(self) -> Result<Self, StopError> {
        match self {
            Self::CutShort(cut) => Err(StopError::CutShort(cut)),
            Self::Failed(failure) => Err(StopError::Failed(failure)),
            fine => Ok(fine),
        }
    }
}

/// Why a task or blocking job has no value.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum TaskError {
    /// It was stopped or killed before its end.
    Stopped(StopReason),
    /// It failed or panicked.
    Failed(Failure),
    /// The wait is for the end of the very node that waits, or of one above it.
    WaitsForItself,
    /// The wait would have completed a cycle of nodes that wait for each other, none of them with a
    /// time limit ([rule 16](crate::lifecycle#rule-16)). The task goes on.
    Deadlock(Cycle),
    /// It had not ended within the time given to [`TaskHandle::timeout`](crate::TaskHandle::timeout).
    /// It goes on.
    TimedOut,
}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped(reason) => write!(f, "ended before its work was done: {reason}"),
            Self::Failed(failure) => failure.fmt(f),
            Self::WaitsForItself => f.write_str("a node cannot wait for its own end"),
            Self::Deadlock(cycle) => write!(f, "the wait would never end: {cycle}"),
            Self::TimedOut => f.write_str("no end within the time given"),
        }
    }
}

impl StdError for TaskError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Stopped(_) => Some(&SaysStopped),
            Self::Failed(failure) => Some(failure),
            Self::WaitsForItself | Self::Deadlock(_) | Self::TimedOut => None,
        }
    }
}
