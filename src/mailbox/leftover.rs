use std::collections::VecDeque;

use super::batch::Batch;
use super::gate::Gate;
use super::origin::Origin;
use super::queue::Queue;
use super::state::State;
use crate::sync::explored::Ordering;
use crate::sync::{Foreign, Guard, WakeList, lock};

/// The messages that are discarded.
pub(crate) struct Leftover<M> {
    pub(crate) messages: VecDeque<Foreign<M>>,
    /// The number of the first message.
    pub(crate) first: u64,
    /// The places in `messages`, in order, of asks whose callers have gone. They would have been skipped, so they are
    /// no loss.
    pub(crate) gone: Vec<u64>,
}

impl<M> Queue<M> {
    /// Closes the mailbox and takes all messages that are left. `None` if there are none, or if they were taken before.
    #[inline]
    pub(crate) fn discard(&self, batch: &mut Batch<M>) -> Option<Leftover<M>> {
        if self.is_discarded() {
            return None;
        }
        let mut state = lock(&self.state);
        state.asleep = false;
        self.mark_discarded(&state);
        let waker = state.waker.take();
        let is_bare = state.extras.is_none() && state.messages.is_empty();
        let left = if is_bare && !batch.has_any() {
            // There are no extras, so nobody waits for room and none is reserved.
            state.gate = Gate::Closed;
            let spare = std::mem::take(&mut state.messages);
            drop(state);
            drop(spare);
            None
        } else {
            Some(self.take_leftover(state, batch))
        };
        drop(waker);
        left
    }

    fn take_leftover(&self, mut state: Guard<'_, State<M>>, batch: &mut Batch<M>) -> Leftover<M> {
        let taken = batch.first_number();
        let (mut messages, mut origins) = batch.take_all();
        let has_taken = !messages.is_empty();
        let mut wakes = WakeList::new();
        if !state.messages.is_empty() {
            messages.append(&mut state.messages);
        }
        let spare = std::mem::take(&mut state.messages);
        let first = state.pushed - messages.len() as u64;
        let left = state.pushed - self.counters.started.load(Ordering::Relaxed);
        if left > 0 {
            // Both change under the lock, so those who look see one step.
            state.extras().unstarted += left;
            self.counters.started.store(state.pushed, Ordering::Relaxed);
        }
        let mut gone = Vec::new();
        // If the mailbox drops the oldest message, there may be a gap between the one that was taken and the others.
        let base = first;
        let first = if has_taken { first.min(taken) } else { first };
        if let Some(extras) = &mut state.extras {
            origins.append(&mut extras.origins);
            gone = extras.abandoned.take_from(first);
        }
        state.narrow(Gate::Closed, &self.counters, &mut wakes);
        drop(state);
        drop(spare);
        wakes.wake();
        let has_gone = |origin: &Origin| {
            origin
                .caller
                .as_ref()
                .is_some_and(|caller| caller.has_gone())
        };
        let known = origins.iter().filter(|(_, origin)| has_gone(origin));
        gone.extend(known.map(|(number, _)| number));
        gone.sort_unstable();
        for number in &mut gone {
            *number = number.saturating_sub(base);
        }
        Leftover {
            messages,
            first,
            gone,
        }
    }
}
