use std::task::Waker;

use crate::sync::explored::Mutex;
use crate::sync::{lock, wake};

/// How to wake the shell of a node without a mailbox. For an actor the mailbox keeps the waker.
#[derive(Debug, Default)]
pub(crate) struct ShellWaker(Mutex<Option<Waker>>);

impl ShellWaker {
    pub(crate) fn set(&self, waker: &Waker) {
        let is_known = |known: &Option<Waker>| known.as_ref().is_some_and(|w| w.will_wake(waker));
        if !is_known(&lock(&self.0)) {
            let own = waker.clone();
            let stale = lock(&self.0).replace(own);
            drop(stale);
        }
    }

    pub(crate) fn clear(&self) {
        let waker = lock(&self.0).take();
        drop(waker);
    }

    /// Wakes a shell that sets its waker in each poll. The waker may be a user's, which must not be cloned under a
    /// lock.
    pub(crate) fn wake_once(&self) {
        let waker = lock(&self.0).take();
        if let Some(waker) = waker {
            wake(waker);
        }
    }

    /// Wakes the shell of a task that the crate spawned.
    pub(crate) fn wake(&self) {
        let waker = lock(&self.0).clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}
