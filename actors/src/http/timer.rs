use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::time::{Instant, Sleep, sleep_until};

/// One timer for all limits of what it looks at. It is set when something is first waited for, and anew only for an
/// earlier moment: one that has moved away is looked at again when the timer fires.
#[derive(Debug, Default)]
pub(super) struct Timer(Option<Pin<Box<Sleep>>>);

impl Timer {
    /// Ready at this moment, or before it.
    pub(super) fn poll(&mut self, at: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let sleep = self.0.get_or_insert_with(|| Box::pin(sleep_until(at)));
        if sleep.is_elapsed() || sleep.deadline() > at {
            sleep.as_mut().reset(at);
        }
        sleep.as_mut().poll(cx)
    }
}

/// In which a client has to take a least number of bytes, for as long as something waits for it.
#[derive(Debug, Default)]
pub(super) struct Window(Option<(Instant, u64)>);

impl Window {
    /// When the window ends, if that is not yet; `None` if the client has stalled in it. `taken` is what it has taken
    /// in all.
    pub(super) fn end(
        &mut self,
        now: Instant,
        taken: u64,
        limits: &super::Limits,
    ) -> Option<Instant> {
        let (began, before) = *self.0.get_or_insert((now, taken));
        let end = began + limits.stall;
        if now < end {
            return Some(end);
        }
        if taken.saturating_sub(before) < limits.least_in_window() {
            return None;
        }
        self.0 = Some((now, taken));
        Some(now + limits.stall)
    }

    /// Nothing waits for the client.
    pub(super) fn close(&mut self) {
        self.0 = None;
    }
}

/// Since when a number has not changed.
#[derive(Debug)]
pub(super) struct Unchanged {
    value: u64,
    since: Instant,
}

impl Unchanged {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            value: 0,
            since: now,
        }
    }

    pub(super) fn since(&mut self, value: u64, now: Instant) -> Instant {
        if std::mem::replace(&mut self.value, value) != value {
            self.since = now;
        }
        self.since
    }
}
