use std::error::Error as StdError;
use std::fmt;

use super::{Cycle, SaysStopped};

/// Why an `ask` has no reply.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AskError {
    /// The target was stopping or had ended, or was stopped before it reached the message.
    Stopped,
    /// The mailbox was full (`try_ask` only).
    Full,
    /// The message was dropped before it was started: by a full mailbox whose policy is to drop
    /// ([`Mailbox::drop_oldest`](crate::Mailbox::drop_oldest), [`drop_newest`](crate::Mailbox::drop_newest)), or by an
    /// actor that had put it aside ([`Stashed`](crate::Stashed)).
    Dropped,
    /// The handler ended well without a reply, or a late reply was dropped.
    NoReply,
    /// The handler failed or panicked before it replied.
    Failed,
    /// The target was killed while it handled the message.
    Killed,
    /// The time was up.
    TimedOut {
        /// Whether the target had started the message.
        started: bool,
        /// Whether the limit was inherited: the ask was made while another one was handled, whose time was up and whose
        /// reply was neither sent nor dropped.
        inherited: bool,
    },
    /// The wait would have completed a cycle of nodes that wait for each other, none of them with a time limit ([rule
    /// 16](crate::lifecycle#rule-16)). The message was not sent, unless one handler had sent the ask and another one
    /// awaits it ([`never_started`](AskError::never_started) tells).
    Deadlock(Cycle),
}

impl AskError {
    /// Whether the message was certainly never started, so that asking again cannot do its work
    /// twice.
    #[must_use]
    pub const fn never_started(&self) -> bool {
        match self {
            Self::Stopped | Self::Full | Self::Dropped | Self::TimedOut { started: false, .. } => {
                true
            }
            Self::Deadlock(cycle) => !cycle.may_have_started(),
            _ => false,
        }
    }
}

impl fmt::Display for AskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stopped => "the target stopped before it started the message",
            Self::Full => "the mailbox is full",
            Self::Dropped => "the message was dropped before it was started",
            Self::NoReply => "the handler ended without a reply",
            Self::Failed => "the handler failed before it replied",
            Self::Killed => "the target was killed before it replied",
            Self::TimedOut {
                started: true,
                inherited: false,
            } => "no reply within the time given",
            Self::TimedOut {
                started: false,
                inherited: false,
            } => "not started within the time given",
            Self::TimedOut {
                started: true,
                inherited: true,
            } => "no reply within the time of the ask that it was made for",
            Self::TimedOut {
                started: false,
                inherited: true,
            } => "not started within the time of the ask that it was made for",
            Self::Deadlock(cycle) => return write!(f, "the wait would never end: {cycle}"),
        })
    }
}

impl StdError for AskError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        matches!(self, Self::Stopped | Self::Killed).then_some(&SaysStopped as _)
    }
}
