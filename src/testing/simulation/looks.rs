use std::task::Waker;

use tokio::time::Instant;

use super::trace::Event;

/// After this many looks in a row that changed nothing there are no more looks, until something happens.
const MOST_IDLE: u32 = 8;

/// Waits for ends, at which the crate looks from time to time.
///
/// Nobody waits for such a look. If only looks happened any more, time would pass for ever, and a simulation that is
/// stuck would not be noticed.
#[derive(Debug, Default)]
pub(super) struct Looks {
    waiting: Vec<(Instant, Waker)>,
    idle: u32,
    /// The length of the trace at the last call.
    seen: usize,
}

impl Looks {
    /// Gives the waker back if it waits for that moment already.
    pub(super) fn add(&mut self, at: Instant, waker: Waker) -> Option<Waker> {
        let known = |(due, known): &(Instant, Waker)| *due == at && known.will_wake(&waker);
        if self.waiting.iter().any(known) {
            return Some(waker);
        }
        self.waiting.push((at, waker));
        None
    }

    /// Takes the waits that are due, and returns when the next one is.
    pub(super) fn take_due(
        &mut self,
        now: Instant,
        trace: &[Event],
    ) -> (Vec<Waker>, Option<Instant>) {
        if trace[self.seen..].iter().any(is_news) {
            self.idle = 0;
        }
        self.seen = trace.len();
        if self.idle >= MOST_IDLE {
            return (Vec::new(), None);
        }
        let due: Vec<_> = self.waiting.extract_if(.., |(at, _)| *at <= now).collect();
        self.idle += u32::from(!due.is_empty());
        let next = self.waiting.iter().map(|(at, _)| *at).min();
        let next = next.filter(|_| self.idle < MOST_IDLE);
        (due.into_iter().map(|(_, waker)| waker).collect(), next)
    }
}

/// Whether this is more than a poll or the passing of time.
fn is_news(event: &Event) -> bool {
    !matches!(event, Event::Polled { .. } | Event::Passed { .. })
}
