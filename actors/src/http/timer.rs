use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use tokio::task::coop::unconstrained;
use tokio::time::{Instant, Sleep, sleep_until};

/// One timer for all limits of what it looks at. It is set when something is first waited for, and anew only for an
/// earlier moment: one that has moved away is looked at again when the timer fires.
#[derive(Debug, Default)]
pub(super) struct Timer {
    sleep: Option<Pin<Box<Sleep>>>,
    /// When it fires, and whom it wakes then. Until then nobody has to look at the timer itself, which is elsewhere in memory.
    set: Option<(Instant, Waker)>,
}

impl Timer {
    /// Ready at this moment, or before it.
    pub(super) fn poll(&mut self, at: Instant, now: Instant, cx: &mut Context<'_>) -> Poll<()> {
        if let Some((fires, waker)) = &self.set
            && now < *fires
            && *fires <= at
            && waker.will_wake(cx.waker())
        {
            return Poll::Pending;
        }
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(at)));
        if sleep.is_elapsed() || sleep.deadline() > at {
            sleep.as_mut().reset(at);
        }
        // Or it might be pending without having noted the waker.
        let polled = Pin::new(&mut unconstrained(sleep.as_mut())).poll(cx);
        self.set = match polled {
            Poll::Pending => Some((sleep.deadline(), cx.waker().clone())),
            Poll::Ready(()) => None,
        };
        polled
    }
}

/// A future that fires at most once, of which most polls of its task need not know: it is polled again once it has woken.
pub(super) struct Signal {
    future: Pin<Box<dyn Future<Output = ()> + Send>>,
    woken: Option<Arc<Woken>>,
}

/// Whether a signal has woken its task since it was polled.
struct Woken {
    is_woken: AtomicBool,
    task: Waker,
}

impl Signal {
    pub(super) fn new(future: impl Future<Output = ()> + Send + 'static) -> Self {
        Self {
            future: Box::pin(future),
            woken: None,
        }
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let is_asleep = |woken: &Arc<Woken>| {
            woken.task.will_wake(cx.waker()) && !woken.is_woken.load(Ordering::Acquire)
        };
        if self.woken.as_ref().is_some_and(is_asleep) {
            return Poll::Pending;
        }
        let woken = Arc::new(Woken {
            is_woken: AtomicBool::new(false),
            task: cx.waker().clone(),
        });
        let waker = Waker::from(Arc::clone(&woken));
        self.woken = Some(woken);
        self.future.as_mut().poll(&mut Context::from_waker(&waker))
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.is_woken.store(true, Ordering::Release);
        self.task.wake_by_ref();
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
