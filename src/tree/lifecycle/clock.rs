use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Waker};

use tokio::time::{Instant, Sleep, sleep_until};

/// Wakes a node's shell when its own time to end is up (rule 7), or that of whoever asked for its end. What
/// is left of either is kept by the node, under its lock; this is only the timer.
#[derive(Debug, Default)]
pub(crate) struct Clock(Option<Box<Armed>>);

#[derive(Debug)]
struct Armed {
    sleep: Pin<Box<Sleep>>,
    /// Whom it wakes.
    waker: Waker,
}

impl Clock {
    /// Whether this moment has come. It is nearly always the one that was asked for before.
    pub(in crate::tree) fn poll(&mut self, until: Instant, cx: &mut Context<'_>) -> bool {
        match &self.0 {
            Some(armed) if armed.waits_for(until, cx.waker()) => false,
            _ => self.arm(until, cx),
        }
    }

    #[cold]
    fn arm(&mut self, until: Instant, cx: &mut Context<'_>) -> bool {
        let armed = self.0.get_or_insert_with(|| {
            Box::new(Armed {
                sleep: Box::pin(sleep_until(until)),
                waker: cx.waker().clone(),
            })
        });
        if armed.sleep.deadline() != until {
            armed.sleep.as_mut().reset(until);
        }
        armed.waker.clone_from(cx.waker());
        armed.sleep.as_mut().poll(cx).is_ready()
    }
}

impl Armed {
    fn waits_for(&self, until: Instant, waker: &Waker) -> bool {
        self.sleep.deadline() == until && !self.sleep.is_elapsed() && self.waker.will_wake(waker)
    }
}
