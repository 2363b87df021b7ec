use std::error::Error as StdError;
use std::fmt;

use super::{CutShort, Cycle, Failure, SaysStopped, Unjoined};

/// How a node ended.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum StopReason {
    /// It ended by itself: its future returned, or it stopped itself.
    Finished,
    /// Somebody else asked it to stop; or it stopped itself after somebody had asked it to drain, so that its mail was
    /// not handled.
    Stopped,
    /// Somebody else asked it to drain.
    Drained,
    /// Somebody asked for a kill.
    Killed,
    /// A stop or drain had to become a kill, of this node or of nodes beneath it.
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
    /// It and everything beneath it have ended, but some nodes had to be killed.
    #[error(transparent)]
    CutShort(CutShort),
    /// It and everything beneath it have ended, and these failed.
    #[error("{0}")]
    Failed(#[source] Failure),
    /// Some nodes did not yield within the patience after a kill. The stop goes on; await another stop to wait again.
    #[error(transparent)]
    Unjoined(Unjoined),
    /// The node waits for its own end, or for that of a node above it. The order itself stands.
    #[error("a node cannot wait for its own end")]
    WaitsForItself,
    /// The node is not a child of the actor that was to stop it, and is left alone. Only from
    /// [`Context::stop_child`](crate::Context::stop_child).
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
    /// The same with errors as text, if there are any.
    pub(crate) fn as_text(&self) -> Option<Self> {
        match self {
            Self::Failed(failure) => Some(Self::Failed(failure.as_text())),
            _ => None,
        }
    }

    /// `Ok` for a normal end and for one that was asked for; a failure or a cut is an error.
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
    /// It was stopped or killed before it had returned.
    Stopped(StopReason),
    /// It failed or panicked.
    Failed(Failure),
    /// The node waits for its own end, or for that of a node above it.
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
