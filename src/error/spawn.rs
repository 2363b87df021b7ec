use std::error::Error as StdError;
use std::fmt;

use super::{Carrier, Cycle, Failure, Refused, SaysStopped};

/// A spawn was refused; what was to be started is inside, unpolled.
///
/// It is `Send + Sync` whenever `S` is `Send`.
#[non_exhaustive]
pub enum SpawnError<S> {
    /// The owner is stopping or has ended.
    Closed(Unstarted<S>),
    /// A live sibling has that name.
    NameTaken(Unstarted<S>),
    /// A name must not be empty and must not contain a slash, which separates names in a path.
    BadName(Unstarted<S>),
    /// A bounded mailbox must have room for at least one message.
    NoCapacity(Unstarted<S>),
    /// A backoff's maximum must not be below its start, and its jitter must be between 0 and 1.
    BadBackoff(Unstarted<S>),
}

impl<S> SpawnError<S> {
    pub(crate) fn closed(it: S) -> Self {
        Self::Closed(Unstarted::new(it))
    }

    pub(crate) fn name_taken(it: S) -> Self {
        Self::NameTaken(Unstarted::new(it))
    }

    pub(crate) fn bad_name(it: S) -> Self {
        Self::BadName(Unstarted::new(it))
    }

    pub(crate) fn no_capacity(it: S) -> Self {
        Self::NoCapacity(Unstarted::new(it))
    }

    pub(crate) fn bad_backoff(it: S) -> Self {
        Self::BadBackoff(Unstarted::new(it))
    }

    /// Gives back what was to be started.
    #[must_use]
    pub fn into_inner(self) -> S {
        match self {
            Self::Closed(it)
            | Self::NameTaken(it)
            | Self::BadName(it)
            | Self::NoCapacity(it)
            | Self::BadBackoff(it) => it.into_inner(),
        }
    }

    /// The same error about a part of what was to be started.
    pub(crate) fn map<T>(self, part: impl FnOnce(S) -> T) -> SpawnError<T> {
        let make: fn(T) -> SpawnError<T> = match &self {
            Self::Closed(_) => SpawnError::closed,
            Self::NameTaken(_) => SpawnError::name_taken,
            Self::BadName(_) => SpawnError::bad_name,
            Self::NoCapacity(_) => SpawnError::no_capacity,
            Self::BadBackoff(_) => SpawnError::bad_backoff,
        };
        make(part(self.into_inner()))
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Closed(_) => "Closed(..)",
            Self::NameTaken(_) => "NameTaken(..)",
            Self::BadName(_) => "BadName(..)",
            Self::NoCapacity(_) => "NoCapacity(..)",
            Self::BadBackoff(_) => "BadBackoff(..)",
        }
    }
}

impl<S> fmt::Display for SpawnError<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed(_) => "the owner is stopping or gone",
            Self::NameTaken(_) => "a live sibling has that name",
            Self::BadName(_) => "a name must not be empty or contain a slash",
            Self::NoCapacity(_) => "a bounded mailbox needs a capacity of at least 1",
            Self::BadBackoff(_) => {
                "a backoff's maximum is below its start, or its jitter not between 0 and 1"
            }
        })
    }
}

impl<S> fmt::Debug for SpawnError<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl<S> StdError for SpawnError<S> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(match self {
            Self::Closed(_) => &Carrier::Stopped,
            _ => &Carrier::Refused,
        })
    }
}

/// What was to be started and was not, kept as a [`Refused`] value. Boxed, so that the result of a successful spawn
/// does not need room for it.
pub struct Unstarted<S>(Box<Refused<S>>);

impl<S> Unstarted<S> {
    fn new(it: S) -> Self {
        Self(Box::new(Refused::new(it)))
    }

    /// Gives back what was to be started.
    #[must_use]
    pub fn into_inner(self) -> S {
        self.0.into_inner()
    }
}

impl<S> fmt::Debug for Unstarted<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Unstarted(..)")
    }
}

/// A `start` did not give a running actor.
#[non_exhaustive]
pub enum StartError<S> {
    /// It was not spawned; what was to be started is inside.
    Refused(SpawnError<S>),
    /// Its start failed or panicked. It and everything that it had started have ended.
    Failed(Failure),
    /// It was stopped or killed before its start had returned, and has ended.
    Stopped,
    /// Its start had not returned within the time given to
    /// [`Starting::timeout`](crate::Starting::timeout). It was killed, and its owner joins it.
    TimedOut,
    /// The live child with this name takes other messages, or none
    /// ([`Spawner::child_or_start`](crate::Spawner::child_or_start) only). It is left alone.
    WrongType {
        /// The path of the child.
        path: String,
    },
    /// The wait would have completed a cycle of nodes that wait for each other, none of them with a
    /// time limit ([rule 16](crate::lifecycle#rule-16)). It was killed, and its owner joins it.
    Deadlock(Cycle),
}

impl<S> fmt::Display for StartError<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => error.fmt(f),
            Self::Failed(_) => f.write_str("the start failed"),
            Self::Stopped => f.write_str("stopped before its start had returned"),
            Self::TimedOut => f.write_str("not started within the time given"),
            Self::WrongType { path } => write!(f, "{path} takes other messages, or none"),
            Self::Deadlock(cycle) => write!(f, "the wait would never end: {cycle}"),
        }
    }
}

impl<S> fmt::Debug for StartError<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => f.debug_tuple("Refused").field(error).finish(),
            Self::Failed(failure) => f.debug_tuple("Failed").field(failure).finish(),
            Self::Stopped => f.write_str("Stopped"),
            Self::TimedOut => f.write_str("TimedOut"),
            Self::WrongType { path } => f.debug_struct("WrongType").field("path", path).finish(),
            Self::Deadlock(cycle) => f.debug_tuple("Deadlock").field(cycle).finish(),
        }
    }
}

impl<S> StdError for StartError<S> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Refused(error) => error.source(),
            Self::Failed(failure) => Some(failure),
            Self::Stopped => Some(&SaysStopped),
            Self::TimedOut | Self::WrongType { .. } | Self::Deadlock(_) => None,
        }
    }
}
