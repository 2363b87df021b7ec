use std::any::Any;
use std::sync::Arc;
use std::task::{Poll, Waker};

use super::DropReason;
use crate::sync::WakerKey;

/// What a mailbox and the tree know of whoever waits for a reply, whatever the type of that.
pub(crate) trait Caller: Send + Sync {
    /// The message is about to be handled. `false` if its caller has gone, and it is to be skipped.
    fn start(&self) -> bool;

    /// When the caller's time is up, as a [`moment`](crate::sync::moment).
    fn limit(&self) -> u64;

    /// Whether the caller has gone, so that the message need not be handled.
    fn has_gone(&self) -> bool;

    /// Whether the reply has been neither sent nor dropped, whoever waits for it.
    fn is_open(&self) -> bool;

    /// Whether a reply would still reach somebody: none was sent, and the caller is there.
    fn is_waiting(&self) -> bool;

    /// Ready once the caller has gone without its reply or, with `served`, once it has that.
    fn poll_gone(&self, served: bool, key: &mut WakerKey, waker: &Waker) -> Poll<()>;

    /// One who had waited for that does so no longer.
    fn leave_gone(&self, key: &mut WakerKey);

    /// The message is about to get this number in a mailbox, whose lock is held. If that is not the first one, it is
    /// handed on: the reply is no longer a matter of the handler that it was sent to.
    fn set_number(&self, number: u64);

    /// Where its message is.
    fn position(&self) -> AskPosition;

    /// Whether the caller waits in a node, and is to know where its message is handed on to.
    fn is_followed(&self) -> bool {
        false
    }

    /// The message was handed on, and this node has it now. Its caller is woken: that is what it waits for.
    fn hold(&self, _holder: Holder) {}

    /// The number of the node that has the message which was handed on, and the message's number there.
    fn held(&self) -> Option<(u64, u64)> {
        None
    }

    /// The reply was dropped, for this reason. One that was given up meanwhile needs none.
    fn resolve(&self, reason: DropReason);
}

/// Who has a message that was handed on.
#[derive(Clone)]
pub(crate) struct Holder {
    /// The node's number.
    pub(crate) id: u64,
    /// The message's number in its mailbox.
    pub(crate) number: u64,
    /// The node itself, as the tree knows it.
    pub(crate) node: Arc<dyn Any + Send + Sync>,
}

/// Where the message of an ask is, as far as the cycles of waits are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AskPosition {
    /// Not sent yet.
    Unsent,
    /// It has this number in the mailbox of its target.
    Sent(u64),
    /// Whoever it was sent to has handed it on.
    Elsewhere,
}

/// Who waits for the reply to a message.
pub(crate) enum CallerTracking<'a> {
    Nobody,
    /// That of an ask without a time limit. The mailbox does not list it: the caller tells the mailbox if it goes.
    Unlisted(&'a dyn Caller),
    /// That of an ask with a time limit, or of one that is handed on. The mailbox lists it, and asks it.
    Listed(Arc<dyn Caller>),
}

impl From<Option<Arc<dyn Caller>>> for CallerTracking<'_> {
    fn from(caller: Option<Arc<dyn Caller>>) -> Self {
        caller.map_or(Self::Nobody, Self::Listed)
    }
}
