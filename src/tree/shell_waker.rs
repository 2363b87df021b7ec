use std::sync::Mutex;
use std::task::Waker;

use crate::sync::lock;

/// How to wake the shell of a node that has no mailbox; an actor's is kept there.
#[derive(Debug, Default)]
pub(crate) struct ShellWaker(Mutex<Option<Waker>>);

impl ShellWaker {
    pub(crate) fn set(&self, waker: &Waker) {
        let mut known = lock(&self.0);
        let stale = match &mut *known {
            Some(known) if known.will_wake(waker) => None,
            known => known.replace(waker.clone()),
        };
        drop(known);
        drop(stale);
    }

    pub(crate) fn clear(&self) {
        let waker = lock(&self.0).take();
        drop(waker);
    }

    pub(crate) fn wake(&self) {
        let waker = lock(&self.0).clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}
