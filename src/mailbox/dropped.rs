use std::sync::Arc;

use super::Caller;
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
