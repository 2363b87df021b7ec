use std::sync::Arc;
use std::task::{Poll, Waker};

use tokio::time::Instant;

use super::slot::Slot;
use super::{Caller, CallerTracking, Holder, Keep, ReplyTo};
use crate::error::AskError;

/// The caller's end of an ask; [`ReplyTo`] is the other one.
pub(crate) struct ReplyReceiver<T: Send + 'static> {
    /// `None` once the reply is taken.
    slot: Option<Arc<Slot<T>>>,
}

impl<T: Send + 'static> ReplyReceiver<T> {
    /// Makes both ends. `target` is the number of the node that is asked; `keep` takes the reply if it is dropped
    /// unsent.
    pub(crate) fn new(target: u64, keep: Keep) -> (ReplyTo<T>, Self) {
        let slot = Arc::new(Slot::new(target, keep));
        (ReplyTo::new(Arc::clone(&slot)), Self { slot: Some(slot) })
    }

    /// Takes the reply if it is there; if not, `waker` is woken when it is.
    pub(crate) fn poll(&mut self, waker: &Waker) -> Poll<Result<T, AskError>> {
        let Some(slot) = self.slot.take_if(|slot| slot.is_filled()) else {
            return self.slot().poll(waker);
        };
        // Usually the other end is gone, so that no lock is needed.
        match Arc::try_unwrap(slot) {
            Ok(slot) => Poll::Ready(slot.into_reply()),
            Err(shared) => shared.poll(waker),
        }
    }

    /// The caller gives up. Returns the reply if it has come already; otherwise whether the message may have been
    /// started. `false` is certain if the ask has a deadline.
    pub(crate) fn give_up(&self) -> Result<Result<T, AskError>, bool> {
        self.slot().give_up()
    }

    /// Sets when the caller's time is up.
    pub(crate) fn set_deadline(&self, limit: Instant) {
        self.slot().set_deadline(limit);
    }

    /// Called when a node waits for the reply.
    #[inline]
    pub(crate) fn follow(&self) {
        self.slot().follow();
    }

    #[inline]
    pub(crate) fn is_handed_on(&self) -> bool {
        self.slot().is_handed_on()
    }

    /// Who has the message, if it was handed on.
    pub(crate) fn holder(&self) -> Option<Holder> {
        self.slot().holder()
    }

    pub(crate) fn caller(&self) -> Arc<dyn Caller> {
        Arc::clone(self.slot()) as _
    }

    /// How the mailbox knows the caller: with `known`, it lists it.
    pub(crate) fn tracking(&self, known: bool) -> CallerTracking<'_> {
        if known {
            CallerTracking::Listed(self.caller())
        } else {
            CallerTracking::Unlisted(&**self.slot())
        }
    }

    /// Moves it out. What is left behind must not be used again.
    pub(crate) fn take(&mut self) -> Self {
        let slot = self.slot.take();
        Self { slot }
    }

    fn slot(&self) -> &Arc<Slot<T>> {
        // An ask that has its reply or was moved is over and does nothing more.
        self.slot.as_ref().expect("the reply is not taken")
    }
}
