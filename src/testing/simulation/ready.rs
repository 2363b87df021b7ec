use std::sync::{Arc, Mutex};
use std::task::{Wake, Waker};
use std::thread::{self, ThreadId};

use crate::sync::lock;

/// The participants that were woken, in that order, and are to be polled.
///
/// Wakers may outlive their run and be used on any thread, so this is all that they hold.
#[derive(Debug)]
pub(super) struct ReadyList {
    state: Mutex<State>,
    thread: ThreadId,
}

#[derive(Debug, Default)]
struct State {
    queue: Vec<usize>,
    /// By key: whether it is queued or held.
    queued: Vec<bool>,
    /// The waker of the future that polls them all.
    driver: Option<Waker>,
    foreign: u64,
}

struct ReadyWaker {
    list: Arc<ReadyList>,
    key: usize,
}

impl ReadyList {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            thread: thread::current().id(),
        })
    }

    pub(super) fn waker(self: &Arc<Self>, key: usize) -> Waker {
        let list = Arc::clone(self);
        Waker::from(Arc::new(ReadyWaker { list, key }))
    }

    pub(super) fn set_driver(&self, waker: &Waker) {
        let known = lock(&self.state)
            .driver
            .as_ref()
            .is_some_and(|known| known.will_wake(waker));
        if !known {
            let stale = lock(&self.state).driver.replace(waker.clone());
            drop(stale);
        }
    }

    /// Adds it at the end, unless it is queued already.
    pub(super) fn push(&self, key: usize) {
        let mut state = lock(&self.state);
        state.foreign += u64::from(thread::current().id() != self.thread);
        if state.queued.len() <= key {
            state.queued.resize(key + 1, false);
        }
        if std::mem::replace(&mut state.queued[key], true) {
            return;
        }
        state.queue.push(key);
        let driver = state.driver.clone();
        drop(state);
        if let Some(driver) = driver {
            driver.wake();
        }
    }

    /// Lists the ready ones, in the order in which they were woken.
    pub(super) fn list(&self, into: &mut Vec<usize>) {
        into.clear();
        into.extend_from_slice(&lock(&self.state).queue);
    }

    /// Takes it out to be polled. Another wake puts it back.
    pub(super) fn take(&self, key: usize) {
        let mut state = lock(&self.state);
        state.queue.retain(|other| *other != key);
        if let Some(queued) = state.queued.get_mut(key) {
            *queued = false;
        }
    }

    /// Takes it out, and ignores its wakes until it is [released](ReadyList::release).
    pub(super) fn hold(&self, key: usize) {
        lock(&self.state).queue.retain(|other| *other != key);
    }

    pub(super) fn release(&self, key: usize) {
        lock(&self.state).queue.push(key);
    }

    /// How many wakes came from other threads.
    pub(super) fn foreign(&self) -> u64 {
        lock(&self.state).foreign
    }

    /// Called when nobody is polled any more.
    pub(super) fn close(&self) {
        let driver = lock(&self.state).driver.take();
        drop(driver);
    }
}

impl Wake for ReadyWaker {
    fn wake(self: Arc<Self>) {
        self.list.push(self.key);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.list.push(self.key);
    }
}
