use std::any::Any;
use std::sync::Arc;
use std::task::{Poll, Waker};

use super::DropReason;
use crate::sync::WakerKey;

/// The caller of an ask, as the mailbox and the tree see it: independent of the reply's type.
pub(crate) trait Caller: Send + Sync {
    /// Called when the message is about to be handled. `false` if the caller has gone and the message is to be skipped.
    fn start(&self) -> bool;

    /// When the caller's time is up, as a [`moment`](crate::sync::moment).
    fn limit(&self) -> u64;

    /// Whether the caller has gone, so that the message need not be handled.
    fn has_gone(&self) -> bool;

    /// Whether the reply was neither sent nor dropped, even if nobody waits for it.
    fn is_open(&self) -> bool;

    /// Whether a reply would still reach the caller: none was sent, and the caller is there.
    fn is_waiting(&self) -> bool;

    /// Ready once the caller has gone without its reply or, with `served`, once it has the reply.
    fn poll_gone(&self, served: bool, key: &mut WakerKey, waker: &Waker) -> Poll<()>;

    /// Ends one wait for that.
    fn leave_gone(&self, key: &mut WakerKey);

    /// The message gets this number in a mailbox, whose lock is held. If it had a number before, it was handed on, and
    /// the handler it was sent to is no longer responsible for the reply.
    fn set_number(&self, number: u64);

    /// Where the message is.
    fn position(&self) -> AskPosition;

    /// Whether the caller waits in a node and has to know to whom its message is handed on.
    fn is_followed(&self) -> bool {
        false
    }

    /// The message was handed on to this node. The caller is woken, because it waits for this node now.
    fn hold(&self, _holder: Holder) {}

    /// The node to which the message was handed on, and the message's number there.
    fn held(&self) -> Option<(u64, u64)> {
        None
    }

    /// Resolves the ask: the reply was dropped, for this reason. Does nothing if the caller has given up.
    fn resolve(&self, reason: DropReason);
}

/// The node that has a message which was handed on.
#[derive(Clone)]
pub(crate) struct Holder {
    /// The node's number.
    pub(crate) id: u64,
    /// The message's number in its mailbox.
    pub(crate) number: u64,
    /// The node itself: an `Arc<dyn AnyNode>`, a type that the mailbox does not know.
    pub(crate) node: Arc<dyn Any + Send + Sync>,
}

/// Where the message of an ask is, as the wait graph sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AskPosition {
    /// Not sent yet.
    Unsent,
    /// It has this number in the mailbox of its target.
    Sent(u64),
    /// It was handed on.
    Elsewhere,
}

/// Who waits for the reply to a message, and how the mailbox knows that.
pub(crate) enum CallerTracking<'a> {
    Nobody,
    /// An ask without a time limit. The mailbox does not list the caller, which tells the mailbox when it goes.
    Unlisted(&'a dyn Caller),
    /// An ask with a time limit, or one that is handed on. The mailbox lists the caller and asks it.
    Listed(Arc<dyn Caller>),
}

impl From<Option<Arc<dyn Caller>>> for CallerTracking<'_> {
    fn from(caller: Option<Arc<dyn Caller>>) -> Self {
        caller.map_or(Self::Nobody, Self::Listed)
    }
}
