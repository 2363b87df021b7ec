use std::ops::Range;
use std::sync::Arc;

use super::{AskPosition, Caller};
use crate::error::AskError;

/// Why a reply was dropped unsent (rule 10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DropReason {
    /// Its message was discarded unstarted.
    Stopped,
    NoReply,
    /// The mailbox had no room for its message, or needed the room for another.
    Overflow,
    Failed,
    Killed,
}

impl DropReason {
    /// The reason for an ask whose reply is dropped with unhandled messages of these numbers. `None` if the ask's own
    /// message is not one of them: it was started before, and its reply was then moved into another message. Only this
    /// function distinguishes the two.
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

/// Takes a reply that was dropped unsent, with the number of the node that was asked. Resolves the ask at once, or
/// keeps it until the reason is known.
///
/// A drop cannot know the reason by itself: the reply may be dropped with a message, a handler or a state.
pub(crate) type Keep = fn(u64, Arc<dyn Caller>);
