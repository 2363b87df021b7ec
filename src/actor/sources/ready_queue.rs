use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Wake, Waker};

use crate::sync::lock;

/// It may still give a message.
const ACTIVE: u8 = 0;
/// Its last message was taken, or its actor has ended.
const DONE: u8 = 1;
/// It was cancelled by its handle.
const CANCELLED: u8 = 2;

/// The sources that have to be polled, first come, first served.
///
/// Invariants:
/// 1. `waker` is the loop's while the loop may be asleep. It is dropped with the actor; otherwise a handle would keep
///    the memory of a dead actor's task.
/// 2. Once `closed`, the queue is empty and stays so, which breaks the reference cycle between it and its handles.
#[derive(Debug, Default)]
pub(super) struct ReadyQueue(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    handles: VecDeque<Arc<SourceHandle>>,
    waker: Option<Waker>,
    closed: bool,
    /// Above this length, cancelled sources are removed.
    crowded: usize,
}

impl ReadyQueue {
    pub(super) fn len(&self) -> usize {
        lock(&self.0).handles.len()
    }

    pub(super) fn pop(&self) -> Option<Arc<SourceHandle>> {
        let handle = lock(&self.0).handles.pop_front()?;
        // Cleared before the poll, so that a wake during the poll counts.
        handle.queued.store(false, Ordering::SeqCst);
        Some(handle)
    }

    /// Takes cancelled sources out: those at the front, where a cancel puts them, and all of them whenever the queue
    /// has doubled since the last time, because a source that was queued before its cancel is still in it.
    pub(super) fn take_cancelled(&self) -> Vec<Arc<SourceHandle>> {
        let mut taken = Vec::new();
        let mut state = lock(&self.0);
        let State {
            handles, crowded, ..
        } = &mut *state;
        while handles.front().is_some_and(|handle| !handle.is_active()) {
            taken.extend(handles.pop_front());
        }
        if handles.len() > *crowded {
            handles.retain(|handle| {
                let is_active = handle.is_active();
                if !is_active {
                    taken.push(Arc::clone(handle));
                }
                is_active
            });
            *crowded = 2 * handles.len();
        }
        taken
    }

    pub(super) fn set_waker(&self, waker: &Waker) {
        let mut state = lock(&self.0);
        let stale = match &mut state.waker {
            Some(known) if known.will_wake(waker) => None,
            known => known.replace(waker.clone()),
        };
        drop(state);
        drop(stale);
    }

    pub(super) fn close(&self) {
        let mut state = lock(&self.0);
        state.closed = true;
        let handles = std::mem::take(&mut state.handles);
        let waker = state.waker.take();
        drop(state);
        drop((handles, waker));
    }

    /// Puts the handle into the queue, and wakes the loop.
    fn push(&self, handle: Arc<SourceHandle>, first: bool) {
        let mut state = lock(&self.0);
        if state.closed {
            drop(state);
            drop(handle);
            return;
        }
        if first {
            state.handles.push_front(handle);
        } else {
            state.handles.push_back(handle);
        }
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// What the handles and the waker of a source share with the loop. It keeps neither the source nor the actor alive.
#[derive(Debug)]
pub(super) struct SourceHandle {
    state: AtomicU8,
    /// It is in the queue.
    queued: AtomicBool,
    key: usize,
    ready: Arc<ReadyQueue>,
}

impl SourceHandle {
    pub(super) fn new(key: usize, ready: &Arc<ReadyQueue>) -> Arc<Self> {
        Arc::new(Self {
            state: AtomicU8::new(ACTIVE),
            queued: AtomicBool::new(false),
            key,
            ready: Arc::clone(ready),
        })
    }

    /// The handle of a source that was refused.
    pub(super) fn done() -> Arc<Self> {
        let handle = Self::new(usize::MAX, &Arc::default());
        handle.finish();
        handle
    }

    pub(super) fn key(&self) -> usize {
        self.key
    }

    pub(super) fn is_active(&self) -> bool {
        self.state.load(Ordering::SeqCst) == ACTIVE
    }

    /// Called when it gives no more messages. Says whether it was active until now: of this and a `cancel`, only one
    /// comes first.
    pub(super) fn finish(&self) -> bool {
        self.leave(DONE)
    }

    pub(super) fn cancel(self: &Arc<Self>) {
        if self.leave(CANCELLED) {
            // At the front of the queue, so that the loop drops the source before it polls others.
            self.queued.store(true, Ordering::SeqCst);
            self.ready.push(Arc::clone(self), true);
        }
    }

    /// Has the loop poll it.
    pub(super) fn schedule(self: &Arc<Self>) {
        if !self.queued.swap(true, Ordering::SeqCst) {
            self.ready.push(Arc::clone(self), false);
        }
    }

    fn leave(&self, state: u8) -> bool {
        self.state
            .compare_exchange(ACTIVE, state, Ordering::SeqCst, Ordering::SeqCst)
            .is_ok()
    }
}

impl Wake for SourceHandle {
    fn wake(self: Arc<Self>) {
        self.schedule();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.schedule();
    }
}
