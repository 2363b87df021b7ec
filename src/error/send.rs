use std::error::Error as StdError;
use std::fmt;
use std::sync::Mutex;

use super::{Carrier, Cycle};

/// A `tell` was refused; the message is inside.
///
/// It is `Send + Sync` whenever the message is `Send`, so that `?` converts it into `anyhow`.
pub enum SendError<M> {
    /// The target no longer takes messages: it is stopping, draining or has ended.
    Stopped(Refused<M>),
    /// No room became free within the time given to [`Tell::timeout`](crate::Tell::timeout).
    TimedOut(Refused<M>),
    /// The wait for room would have completed a cycle of nodes that wait for each other, none of
    /// them with a time limit ([rule 16](crate::lifecycle#rule-16)).
    Deadlock(Refused<M>, Cycle),
}

impl<M> SendError<M> {
    pub(crate) fn stopped(message: M) -> Self {
        Self::Stopped(Refused::new(message))
    }

    pub(crate) fn timed_out(message: M) -> Self {
        Self::TimedOut(Refused::new(message))
    }

    pub(crate) fn deadlock(message: M, cycle: Cycle) -> Self {
        Self::Deadlock(Refused::new(message), cycle)
    }

    /// Gives the message back.
    #[must_use]
    pub fn into_inner(self) -> M {
        match self {
            Self::Stopped(refused) | Self::TimedOut(refused) | Self::Deadlock(refused, _) => {
                refused.into_inner()
            }
        }
    }

    /// The same error about what `wrap` makes of the message.
    pub(crate) fn map<N>(self, wrap: impl FnOnce(M) -> N) -> SendError<N> {
        match self {
            Self::Stopped(refused) => SendError::stopped(wrap(refused.into_inner())),
            Self::TimedOut(refused) => SendError::timed_out(wrap(refused.into_inner())),
            Self::Deadlock(refused, cycle) => {
                SendError::deadlock(wrap(refused.into_inner()), cycle)
            }
        }
    }
}

impl<M> fmt::Display for SendError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stopped(_) => "the target takes no more messages",
            Self::TimedOut(_) => "no room in the mailbox within the time given",
            Self::Deadlock(_, cycle) => {
                return write!(f, "the wait for room would never end: {cycle}");
            }
        })
    }
}

impl<M> fmt::Debug for SendError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stopped(_) => "Stopped(..)",
            Self::TimedOut(_) => "TimedOut(..)",
            Self::Deadlock(_, cycle) => return write!(f, "Deadlock(.., {cycle})"),
        })
    }
}

impl<M> StdError for SendError<M> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(match self {
            Self::Stopped(_) => &Carrier::Stopped,
            _ => &Carrier::Refused,
        })
    }
}

/// A `try_tell` was refused; the message is inside.
pub enum TrySendError<M> {
    /// The mailbox is full, or others are waiting for room already.
    Full(Refused<M>),
    /// The target no longer takes messages: it is stopping, draining or has ended.
    Stopped(Refused<M>),
}

impl<M> TrySendError<M> {
    pub(crate) fn full(message: M) -> Self {
        Self::Full(Refused::new(message))
    }

    pub(crate) fn stopped(message: M) -> Self {
        Self::Stopped(Refused::new(message))
    }

    /// Gives the message back.
    #[must_use]
    pub fn into_inner(self) -> M {
        match self {
            Self::Full(refused) | Self::Stopped(refused) => refused.into_inner(),
        }
    }

    /// Whether a later try may succeed.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        matches!(self, Self::Full(_))
    }
}

impl<M> fmt::Display for TrySendError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "the mailbox is full",
            Self::Stopped(_) => "the target takes no more messages",
        })
    }
}

impl<M> fmt::Debug for TrySendError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "Full(..)",
            Self::Stopped(_) => "Stopped(..)",
        })
    }
}

impl<M> StdError for TrySendError<M> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(match self {
            Self::Stopped(_) => &Carrier::Stopped,
            _ => &Carrier::Refused,
        })
    }
}

/// A refused value. It makes the error around it `Sync` even if the value is not, because the value can only be taken
/// out by the owner of the error.
pub struct Refused<T>(Mutex<T>);

impl<T> Refused<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    /// Gives the value back.
    #[must_use]
    pub fn into_inner(self) -> T {
        // Nothing locks it, so nothing can have poisoned it.
        self.0
            .into_inner()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl<T> fmt::Debug for Refused<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Refused(..)")
    }
}
