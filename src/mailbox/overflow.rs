use std::ops::Range;

use super::admission::Admission;
use super::caller::CallerTracking;
use super::counters::Counters;
use super::gate::Refusal;
use super::origin::{Origin, Sender};
use super::queue::Queue;
use super::state::State;
use super::{Caller, DropReason};
use crate::sync::explored::Ordering;
use crate::sync::{Foreign, lock, wake};

/// What happens to a message for which a mailbox has no room: see [`Mailbox`](crate::Mailbox).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Overflow {
    /// Its sender waits for room, or gets it back.
    #[default]
    Wait,
    /// The oldest message that is not started is dropped instead; if none is queued, the message itself.
    DropOldest,
    /// The message itself is dropped.
    DropNewest,
}

/// The result of a push into a mailbox that drops messages.
pub(crate) struct Taken<M> {
    /// The number of the message; `None` if it was dropped itself.
    pub(crate) number: Option<u64>,
    /// The message that was dropped, for the caller to count and to drop without a lock.
    pub(crate) dropped: Option<M>,
    /// It was an ask whose caller had already gone, so nothing is lost.
    pub(crate) is_no_loss: bool,
}

impl<M> Queue<M> {
    /// Takes the message out of `message`, even without room: then a message is dropped, and if it is an ask, it
    /// resolves at once. Only for a mailbox with such a policy.
    #[cold]
    pub(crate) fn push_over(
        &self,
        message: &mut Option<M>,
        sender: Sender<'_>,
        from_beneath: impl FnOnce() -> bool,
    ) -> Result<Taken<M>, Refusal> {
        let mut state = lock(&self.state);
        if !state.accepts(from_beneath) {
            return Err(Refusal::Closed);
        }
        let has_room = state.has_room_now(&self.counters);
        // Messages that are put aside or being handled cannot be dropped instead.
        let drops_it = state.overflow == Overflow::DropNewest || state.messages.is_empty();
        if !has_room && drops_it {
            drop(state);
            let caller = sender.tracking.caller();
            if let Some(caller) = caller {
                resolve(caller, &(0..0));
            }
            return Ok(Taken {
                number: None,
                dropped: message.take(),
                is_no_loss: caller.is_some_and(Caller::has_gone),
            });
        }
        let first = state.first_number();
        let oldest = match has_room {
            true => None,
            false => state.take_oldest(),
        };
        // The sender always passes a message.
        let message = message.take().expect("there is a message");
        state.add_sender(sender);
        let (number, waker) = state.push(message, &self.counters.attention);
        drop(state);
        if let Some(waker) = waker {
            wake(waker);
        }
        let (dropped, origin) = oldest.unzip();
        let caller = origin.and_then(|origin| origin.caller);
        if let Some(caller) = &caller {
            resolve(&**caller, &(first..first + 1));
        }
        Ok(Taken {
            number: Some(number),
            dropped: dropped.map(Foreign::into_inner),
            is_no_loss: caller.is_some_and(|caller| caller.has_gone()),
        })
    }
}

/// Resolves an ask that is dropped with the messages of these numbers.
fn resolve(caller: &dyn Caller, numbers: &Range<u64>) {
    let unhandled = DropReason::Overflow.of_unhandled(caller.position(), numbers);
    caller.resolve(unhandled.unwrap_or(DropReason::NoReply));
}

impl<M> State<M> {
    fn has_room_now(&self, counters: &Counters) -> bool {
        match self.overflow {
            // All messages that are not started are here: see `Batch::refill_one`.
            Overflow::DropOldest => {
                let queued = self.messages.len() + usize::from(self.is_current_counted(counters));
                // Only messages put aside are reserved here: a permit holds no room.
                let aside = self.extras.as_ref().map_or(0, |extras| extras.reserved);
                (queued as u64).saturating_add(aside) < u64::from(self.capacity)
            }
            _ => self.has_place(counters),
        }
    }

    fn is_current_counted(&self, counters: &Counters) -> bool {
        let started = counters.started.load(Ordering::Relaxed);
        self.counts_current && started != counters.ended.load(Ordering::Relaxed)
    }

    /// Takes the message that has waited longest.
    fn take_oldest(&mut self) -> Option<(Foreign<M>, Origin)> {
        let number = self.first_number();
        let message = self.messages.pop_front()?;
        Some((message, self.take_origin(number).unwrap_or_default()))
    }

    /// The number of the first queued message.
    pub(super) fn first_number(&self) -> u64 {
        self.pushed - self.messages.len() as u64
    }
}

impl Admission {
    /// Takes the origin of the first queued message, which has this number.
    pub(super) fn take_origin(&mut self, number: u64) -> Option<Origin> {
        let origins = &mut self.extras.as_mut()?.origins;
        let is_its = origins.front().is_some_and(|(of, _)| *of == number);
        let (_, origin) = is_its.then(|| origins.pop_front()).flatten()?;
        Some(origin)
    }
}

impl CallerTracking<'_> {
    fn caller(&self) -> Option<&dyn Caller> {
        match self {
            Self::Nobody => None,
            Self::Unlisted(caller) => Some(*caller),
            Self::Listed(caller) => Some(&**caller),
        }
    }
}
