use std::sync::Arc;
use std::task::{Poll, Waker};

use super::{AskPosition, Caller, DropReason, Numbered};
use crate::sync::WakerKey;

/// The caller of a message that an actor hands on without knowing its content. For an ask without a time limit, only
/// the mailbox that it was sent to is told when the caller goes.
pub(super) struct Forwarded {
    mailbox: Arc<dyn Numbered>,
    number: u64,
}

impl Forwarded {
    pub(super) fn new(mailbox: Arc<dyn Numbered>, number: u64) -> Self {
        mailbox.watch_caller(number);
        Self { mailbox, number }
    }
}

impl Caller for Forwarded {
    fn start(&self) -> bool {
        !self.has_gone()
    }

    /// None: the caller of an ask with a limit is listed, so it is known itself.
    fn limit(&self) -> u64 {
        0
    }

    fn has_gone(&self) -> bool {
        self.mailbox.has_caller_gone(self.number)
    }

    fn is_open(&self) -> bool {
        true
    }

    fn is_waiting(&self) -> bool {
        !self.has_gone()
    }

    fn poll_gone(&self, _served: bool, key: &mut WakerKey, waker: &Waker) -> Poll<()> {
        match self.mailbox.poll_caller_gone(self.number, key, waker) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }

    fn leave_gone(&self, key: &mut WakerKey) {
        self.mailbox.leave_caller(self.number, key);
    }

    /// Does nothing: the edge ends with the handler that hands the message on.
    fn set_number(&self, _number: u64) {}

    fn position(&self) -> AskPosition {
        AskPosition::Elsewhere
    }

    fn resolve(&self, _reason: DropReason) {}
}

impl Drop for Forwarded {
    fn drop(&mut self) {
        self.mailbox.unwatch_caller(self.number, &mut None);
    }
}
