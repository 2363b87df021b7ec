use std::ops::Range;
use std::sync::Arc;

use super::{AskPosition, Caller};
use crate::error::AskError;

/// Why a reply was dropped unsent (rule 10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DropReason {
    /// Its message was discarded and never started.
    Stopped,
    NoReply,
    /// Its mailbox had no room for it, or needed its room for another.
    Overflow,
    Failed,
    Killed,
}

impl DropReason {
    /// That of an ask that goes down with messages which their mailbox accepted under these numbers and which are not
    /// handled, for this reason. `None` if the ask is not theirs: its own message was started before, and its reply has
    /// got into another since. The only place that tells the two apart.
    pub(crate) fn of_unhandled(self, position: AskPosition, numbers: &Range<u64>) -> Option<Self> {
        match position {
            AskPosition::Unsent => Some(self),
            AskPosition::Sent(number) => numbers.contains(&number).then_some(self),
            AskPosition::Elsewhere => None,
        }
    }
}

impl From<DropReason> for AskError {
    fn from(reason: DropReason) -> Self {
        match reason {
            DropReason::Stopped => Self::Stopped,
            DropReason::NoReply => Self::NoReply,
            DropReason::Overflow => Self::Dropped,
            DropReason::Failed => Self::Failed,
            DropReason::Killed => Self::Killed,
        }
    }
}

/// Takes a reply that was dropped unsent, with the number of the node that was asked for it: it is
/// resolved at once, or kept until it is known why it was dropped.
///
/// A drop cannot know that by itself: the reply may go down with a message, a handler or a state.
pub(crate) type Keep = fn(u64, Arc<dyn Caller>);
