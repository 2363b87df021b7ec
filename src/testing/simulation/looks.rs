use std::task::Waker;

use tokio::time::Instant;

use super::trace::Event;

/// After how many looks in a row that have changed nothing none is made any more, until something happens.
const MOST_IDLE: u32 = 8;

/// The waits for ends that the crate itself looks at from time to time.
///
/// No such look is something that anybody waits for. If looks are all that still happens, time would pass for
/// ever, and nobody would see that nothing else does.
#[derive(Debug, Default)]
pub(super) struct Looks {
    waiting: Vec<(Instant, Waker)>,
    idle: u32,
    /// How long the trace was at the last.
    seen: usize,
}

impl Looks {
    pub(super) fn add(&mut self, at: Instant, waker: &Waker) {
        let known = |(due, known): &(Instant, Waker)| *due == at && known.will_wake(waker);
        if !self.waiting.iter().any(known) {
            self.waiting.push((at, waker.clone()));
        }
    }

    /// Those that are due, and when the next is.
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

/// Whether more has happened than that somebody was polled.
fn is_news(event: &Event) -> bool {
    !matches!(event, Event::Polled { .. } | Event::Passed { .. })
}
