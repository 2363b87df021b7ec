use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Interval, MissedTickBehavior, Sleep, interval_at, sleep_until};

use super::ready_queue::SourceHandle;
use super::{Given, Source};
use crate::sync::{after, saturating_add};
use crate::tree::SourceKind;

/// The resolution of tokio's timer: a shorter period would be ready again at once.
const SHORTEST: Duration = Duration::from_millis(1);

/// One message after a time.
pub(super) struct Once<M> {
    sleep: Pin<Box<Sleep>>,
    message: Option<M>,
}

impl<M> Once<M> {
    pub(super) fn new(time: Duration, message: M) -> Self {
        Self {
            sleep: Box::pin(sleep_until(after(time))),
            message: Some(message),
        }
    }
}

impl<M: Send> Source<M> for Once<M> {
    fn kind(&self) -> SourceKind {
        SourceKind::Timer
    }

    fn due(&self) -> Option<Instant> {
        Some(self.sleep.deadline())
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Given<M>> {
        ready!(self.sleep.as_mut().poll(cx));
        Poll::Ready(self.message.take().map_or(Given::End, Given::Last))
    }
}

/// A message each period.
pub(super) struct Every<F> {
    interval: Interval,
    /// The next tick.
    due: Instant,
    make: F,
}

impl<F> Every<F> {
    pub(super) fn new(period: Duration, missed: MissedTickBehavior, make: F) -> Self {
        let period = period.max(SHORTEST);
        let due = after(period);
        let mut interval = interval_at(due, period);
        interval.set_missed_tick_behavior(missed);
        Self {
            interval,
            due,
            make,
        }
    }
}

impl<M, F: FnMut() -> M + Send> Source<M> for Every<F> {
    fn kind(&self) -> SourceKind {
        SourceKind::Timer
    }

    fn due(&self) -> Option<Instant> {
        Some(self.due)
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Given<M>> {
        let tick = ready!(self.interval.poll_tick(cx));
        self.due = saturating_add(tick, self.interval.period());
        Poll::Ready(Given::Item((self.make)()))
    }
}

/// A message when there has been none for a while.
pub(super) struct Quiet<M> {
    pub(super) handle: Arc<SourceHandle>,
    time: Duration,
    sleep: Pin<Box<Sleep>>,
    make: Box<dyn FnMut() -> M + Send>,
    /// The count has to begin again. The clock is read when the loop is about to wait, not at each message.
    is_stale: bool,
}

impl<M> Quiet<M> {
    pub(super) fn new(
        handle: Arc<SourceHandle>,
        time: Duration,
        make: impl FnMut() -> M + Send + 'static,
    ) -> Self {
        let time = time.max(SHORTEST);
        Self {
            handle,
            time,
            sleep: Box::pin(sleep_until(after(time))),
            make: Box::new(make),
            is_stale: true,
        }
    }

    pub(super) fn restart(&mut self) {
        self.is_stale = true;
    }

    /// When it gives its message, if no other comes before.
    pub(super) fn due(&self) -> Instant {
        self.sleep.deadline()
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<M> {
        if std::mem::take(&mut self.is_stale) {
            self.sleep.as_mut().reset(after(self.time));
        }
        ready!(self.sleep.as_mut().poll(cx));
        self.is_stale = true;
        Poll::Ready((self.make)())
    }
}
