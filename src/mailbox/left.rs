use std::collections::VecDeque;
use std::sync::atomic::Ordering;

use super::batch::Batch;
use super::queue::{Gate, Queue};
use crate::sync::{WakeList, lock};

/// What is discarded.
pub(crate) struct Left<M> {
    pub(crate) messages: VecDeque<M>,
    /// The places among them, in order, of asks whose callers have gone: they would have been skipped,
    /// and are no loss.
    pub(crate) gone: Vec<u64>,
}

impl<M> Default for Left<M> {
    fn default() -> Self {
        Self {
            messages: VecDeque::new(),
            gone: Vec::new(),
        }
    }
}

impl<M> Queue<M> {
    /// Takes all that is left, once, and closes.
    pub(crate) fn discard(&self, batch: &mut Batch<M>) -> Left<M> {
        if self.is_discarded() {
            return Left::default();
        }
        let (mut messages, mut callers) = batch.take_all();
        let mut wakes = WakeList::new();
        let mut state = lock(&self.state);
        state.gate = Gate::Closed;
        self.mark_discarded(&state);
        state.parked = false;
        let waker = state.waker.take();
        if !state.messages.is_empty() {
            messages.append(&mut state.messages);
        }
        let spare = std::mem::take(&mut state.messages);
        let first = state.accepted - messages.len() as u64;
        self.started.store(state.accepted, Ordering::Relaxed);
        let mut gone = Vec::new();
        if let Some(rare) = &mut state.rare {
            callers.append(&mut rare.callers);
            gone = rare.abandoned.take_from(first);
            rare.waiters.wake_all(&mut wakes);
        }
        drop(state);
        drop((waker, spare));
        wakes.wake();
        let known = callers.iter().filter(|(_, caller)| caller.has_gone());
        gone.extend(known.map(|(number, _)| number));
        gone.sort_unstable();
        for number in &mut gone {
            *number -= first;
        }
        Left { messages, gone }
    }
}
