use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Poll, Waker};

use super::forwarded::Forwarded;
use super::origin::{Oldest, Origin, Origins};
use super::queue::Queue;
use super::state::State;
use super::times::Times;
use super::{Caller, CallerGone, Numbered, Overflow, Sent};
use sync_wrapper::SyncWrapper;
use tokio::time::Instant;

use crate::sync::explored::Ordering;
use crate::sync::{Foreign, Guard, WakeList, lock, moment};

/// A buffer with a larger capacity than this, which a burst has needed, is freed once it is empty.
const SPARE_CAPACITY: usize = 1_024;

/// The loop's side of a mailbox.
///
/// It belongs to the loop alone, so it is not part of the queue and needs no lock.
pub(crate) struct Batch<M> {
    /// Only reached through `&mut`, so that a context is `Sync` whatever the messages are.
    messages: SyncWrapper<VecDeque<Foreign<M>>>,
    /// The same as `started` in the queue, which only the loop stores. Reading it there would wait for a cache line
    /// that the senders use.
    started: u64,
    /// Present once the origin of a message was known.
    extras: Option<Box<BatchExtras>>,
}

#[derive(Default)]
struct BatchExtras {
    /// The origins of `messages`, as in the queue.
    origins: Origins,
    /// The origin of the message that was taken last, until its handler ends.
    current: Origin,
    /// The same as the queue's.
    oldest: Option<Oldest>,
    /// A handler is running, and its messages are noted.
    in_handler: bool,
    /// When the handler began, if that is timed.
    began: Option<Instant>,
    /// Where times are counted, if messages are timed.
    times: Option<Arc<Times>>,
}

impl<M> Batch<M> {
    pub(crate) const fn new() -> Self {
        Self {
            messages: SyncWrapper::new(VecDeque::new()),
            started: 0,
            extras: None,
        }
    }

    /// The next message of the batch, if there is one. It counts as started from here on. Messages whose callers have
    /// gone are skipped.
    pub(crate) fn next(&mut self, queue: &Queue<M>) -> Option<M> {
        loop {
            // Kept as an option and returned in place, since a large message is costly to move.
            let message = self.messages.get_mut().pop_front().map(Foreign::into_inner);
            if message.is_none() {
                return message;
            }
            let number = self.started;
            self.started += 1;
            queue
                .counters
                .started
                .store(self.started, Ordering::Relaxed);
            let extras = self.extras.as_mut();
            if queue.should_handle(number) && extras.is_none_or(|extras| extras.start(number)) {
                return message;
            }
            self.skip(queue, number);
        }
    }

    /// Notes that the message with this number is not handled.
    #[cold]
    fn skip(&mut self, queue: &Queue<M>, number: u64) {
        lock(&queue.state).extras().unstarted += 1;
        if queue.counters.ended.load(Ordering::Relaxed) == number {
            queue.counters.ended.store(number + 1, Ordering::Relaxed);
        }
        if let Some(extras) = &mut self.extras {
            // Its origin is still listed if the caller had reported to the mailbox.
            extras.take_origin(number);
            extras.current = Origin::default();
        }
    }

    /// The caller of the message that was taken last, if the ask has a time limit or was handed on.
    #[inline]
    pub(crate) fn caller(&self) -> Option<&Arc<dyn Caller>> {
        self.extras.as_ref()?.current.caller.as_ref()
    }

    /// Where the message that was taken last comes from, if that is noted.
    pub(crate) fn sent(&self) -> Option<&Sent> {
        self.extras.as_ref()?.current.sent.as_ref()
    }

    /// Notes that the message that was taken last is about to be handled. `false` if a handler that is running has
    /// taken it.
    pub(crate) fn begin_noted(&mut self) -> bool {
        let extras = self.extras.get_or_insert_default();
        !std::mem::replace(&mut extras.in_handler, true)
    }

    /// Counts the time that the message that was taken last has waited.
    pub(crate) fn begin_timed(&mut self, now: Instant, times: impl FnOnce() -> Arc<Times>) {
        let extras = self.extras.get_or_insert_default();
        let times = extras.times.get_or_insert_with(times);
        let sent = extras.current.sent.as_ref();
        if let Some(at) = sent.and_then(Sent::at) {
            times.in_mailbox.add(now.saturating_duration_since(at));
        }
        extras.began.get_or_insert(now);
    }

    /// The number of the message that was taken last.
    pub(crate) fn last_number(&self) -> Option<u64> {
        self.started.checked_sub(1)
    }

    /// A future that ends when the caller of the message that was taken last has gone. It never ends if that message's
    /// handler has ended.
    pub(crate) fn caller_gone(
        &self,
        queue: &Queue<M>,
        mailbox: impl FnOnce() -> Arc<dyn Numbered>,
    ) -> CallerGone {
        if let Some(caller) = self.caller() {
            return CallerGone::of_caller(Arc::clone(caller));
        }
        match self
            .last_number()
            .filter(|number| queue.is_in_hand(*number))
        {
            Some(number) => CallerGone::of_message(mailbox(), number),
            None => CallerGone::of_nobody(),
        }
    }

    /// The caller of the message that was taken last, for another mailbox. `None` if that message's handler has ended.
    pub(crate) fn forwarded(
        &self,
        queue: &Queue<M>,
        mailbox: impl FnOnce() -> Arc<dyn Numbered>,
    ) -> Option<Arc<dyn Caller>> {
        if let Some(caller) = self.caller() {
            return Some(Arc::clone(caller));
        }
        if self.sent().is_some_and(|sent| !sent.is_ask()) {
            return None;
        }
        let number = self
            .last_number()
            .filter(|number| queue.is_in_hand(*number))?;
        Some(Arc::new(Forwarded::new(mailbox(), number)))
    }

    /// The deadline of the message that was taken last, unless its reply was sent or dropped.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let caller = self.caller()?;
        moment::decode(caller.limit()).filter(|_| caller.is_open())
    }

    /// Called when the handler of the messages that were taken has ended.
    #[inline]
    pub(crate) fn end(&mut self, queue: &Queue<M>) {
        queue.counters.ended.store(self.started, Ordering::Relaxed);
        if let Some(extras) = &mut self.extras {
            extras.end();
        }
    }

    /// Ready once there is a message; until then `waker` is woken by the next one.
    pub(crate) fn poll_ready(&mut self, queue: &Queue<M>, waker: &Waker) -> Poll<()> {
        if !self.messages.get_mut().is_empty() || self.refill(queue, Some(waker)) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    /// Whether there is a message now.
    pub(crate) fn is_ready(&mut self, queue: &Queue<M>) -> bool {
        !self.messages.get_mut().is_empty() || self.refill(queue, None)
    }

    pub(super) fn has_any(&mut self) -> bool {
        !self.messages.get_mut().is_empty() || self.extras.is_some()
    }

    /// The number of the first message that is left; meaningless if none is.
    pub(super) fn first_number(&self) -> u64 {
        self.started
    }

    /// Takes all messages that are left, with their origins.
    pub(super) fn take_all(&mut self) -> (VecDeque<Foreign<M>>, Origins) {
        let origins = self.extras.take().map(|extras| extras.origins);
        let messages = std::mem::take(self.messages.get_mut());
        (messages, origins.unwrap_or_default())
    }

    /// Swaps the empty batch with everything that is queued. If nothing is, the loop goes to sleep.
    fn refill(&mut self, queue: &Queue<M>, waker: Option<&Waker>) -> bool {
        let mut state = lock(&queue.state);
        if state.overflow == Overflow::DropOldest {
            return self.refill_one(queue, state, waker);
        }
        let filled = !state.messages.is_empty();
        let mut stale = None;
        if filled {
            std::mem::swap(self.messages.get_mut(), &mut state.messages);
            if let Some(extras) = state
                .extras
                .as_mut()
                .filter(|extras| !extras.origins.is_empty())
            {
                let own = self.extras.get_or_insert_default();
                std::mem::swap(&mut own.origins, &mut extras.origins);
                own.note_oldest(extras.oldest.as_ref());
            }
            state.asleep = false;
        } else {
            state.asleep = waker.is_some();
        }
        if let Some(waker) = waker {
            stale = state.set_waker(waker, &queue.counters.attention);
        }
        // Messages of size zero need no buffer, whatever the capacity says.
        let burst = size_of::<M>() > 0
            && self
                .messages
                .get_mut()
                .capacity()
                .max(state.messages.capacity())
                > SPARE_CAPACITY;
        if state.has_waiting() || (burst && !filled) {
            self.tidy(queue, state, burst && !filled);
        } else {
            drop(state);
        }
        drop(stale);
        filled
    }

    /// As [`refill`](Batch::refill), for a mailbox that drops the oldest message: only one message is taken, so that
    /// the others can still be dropped.
    #[cold]
    fn refill_one(
        &mut self,
        queue: &Queue<M>,
        mut state: Guard<'_, State<M>>,
        waker: Option<&Waker>,
    ) -> bool {
        let number = state.first_number();
        let message = state.messages.pop_front();
        let filled = message.is_some();
        if let Some(message) = message {
            let dropped = number - self.started;
            if dropped > 0 {
                // Both change under the lock, so those who look see one step.
                state.extras().unstarted += dropped;
                queue.counters.started.store(number, Ordering::Relaxed);
            }
            self.started = number;
            self.messages.get_mut().push_back(message);
            if let Some(origin) = state.take_origin(number) {
                let extras = self.extras.get_or_insert_default();
                extras.origins.push_back((number, origin));
            }
        }
        state.asleep = !filled && waker.is_some();
        let stale = waker.and_then(|waker| state.set_waker(waker, &queue.counters.attention));
        drop(state);
        drop(stale);
        filled
    }

    /// Grants the room that has become free, and frees buffers that only a burst needed.
    #[cold]
    fn tidy(&mut self, queue: &Queue<M>, mut state: Guard<'_, State<M>>, burst: bool) {
        let mut wakes = WakeList::new();
        state.grant(&queue.counters, &mut wakes);
        let spare = burst.then(|| {
            let queued = std::mem::take(&mut state.messages);
            let own = self
                .extras
                .as_mut()
                .map(|extras| std::mem::take(&mut extras.origins));
            (
                std::mem::take(self.messages.get_mut()),
                queued,
                own,
                state
                    .extras
                    .as_mut()
                    .map(|extras| std::mem::take(&mut extras.origins)),
            )
        });
        drop(state);
        drop(spare);
        wakes.wake();
    }
}

impl BatchExtras {
    /// Called when the message with this number is about to be handled. `false` if its caller has gone.
    #[inline(never)]
    fn start(&mut self, number: u64) -> bool {
        self.take_origin(number);
        let caller = self.current.caller.as_ref();
        caller.is_none_or(|caller| caller.start())
    }

    /// Makes the origin of the message with this number the current one.
    fn take_origin(&mut self, number: u64) {
        self.current = match self.origins.front() {
            Some((of, _)) if *of == number => {
                let origin = self.origins.pop_front();
                origin.map(|(_, origin)| origin).unwrap_or_default()
            }
            _ => Origin::default(),
        };
        if let Some(oldest) = &self.oldest {
            oldest.note(&self.origins);
        }
    }

    /// Called when the handler of the messages that were taken has ended.
    #[inline(never)]
    fn end(&mut self) {
        self.current = Origin::default();
        self.in_handler = false;
        if let (Some(began), Some(times)) = (self.began.take(), &self.times) {
            times.in_handler.add(began.elapsed());
        }
    }

    /// Called when a batch, and with it these origins, was just taken.
    fn note_oldest(&mut self, queues: Option<&Oldest>) {
        if self.oldest.is_none() {
            self.oldest = queues.cloned();
        }
        if let Some(oldest) = &self.oldest {
            oldest.note(&self.origins);
        }
    }
}
