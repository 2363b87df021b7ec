use std::sync::Arc;
use std::task::{Poll, Waker};

use tokio::time::Instant;

use crate::mailbox::{AskPosition, Caller, DropReason};
use crate::sync::{WakerKey, moment};
use crate::tree::{Node, inherited_caller};

/// Gives a node that has no caller a deadline, beside what the code here inherits; one that it had is replaced.
pub(crate) fn set_deadline(node: &Node, limit: Instant) {
    // It does not inherit from itself.
    node.set_caller(None);
    let deadline = TaskDeadline::new(limit, inherited_caller());
    node.set_caller(Some(&(Arc::new(deadline) as _)));
}

/// The deadline of a task or scope, in the place of an ask's whose caller it would be: nobody waits, and nobody goes.
pub(super) struct TaskDeadline {
    limit: u64,
    /// For whom the task does what it does, besides.
    inherited: Option<Arc<dyn Caller>>,
}

impl TaskDeadline {
    pub(super) fn new(limit: Instant, inherited: Option<Arc<dyn Caller>>) -> Self {
        Self {
            limit: moment::encode(Some(limit)),
            inherited,
        }
    }
}

impl Caller for TaskDeadline {
    fn start(&self) -> bool {
        true
    }

    fn limit(&self) -> u64 {
        let inherited = self.inherited.as_ref().filter(|caller| caller.is_open());
        let inherited = inherited.map(|caller| caller.limit());
        inherited
            .filter(|limit| *limit != 0)
            .map_or(self.limit, |limit| limit.min(self.limit))
    }

    fn has_gone(&self) -> bool {
        false
    }

    fn is_open(&self) -> bool {
        true
    }

    fn is_waiting(&self) -> bool {
        false
    }

    fn poll_gone(&self, _served: bool, _key: &mut WakerKey, _waker: &Waker) -> Poll<()> {
        Poll::Pending
    }

    fn leave_gone(&self, _key: &mut WakerKey) {}

    fn set_number(&self, _number: u64) {}

    fn hand_on(&self) {}

    fn position(&self) -> AskPosition {
        AskPosition::Elsewhere
    }

    fn resolve(&self, _reason: DropReason) {}
}
