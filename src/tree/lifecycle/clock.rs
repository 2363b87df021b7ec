use std::pin::Pin;
use std::task::{Context, Waker};

use tokio::time::{Instant, Sleep, sleep_until};

use super::attended_scopes::AttendedScopes;
use crate::sync::poll_timer;

/// Wakes a node's shell when the node's own time to end is up (rule 7), or the bound of an order has passed. Both
/// limits are kept under the node's lock; this is only the timer.
#[derive(Default)]
pub(crate) struct Clock(Option<Box<Timers>>);

/// What hardly any shell needs, behind one pointer.
#[derive(Default)]
struct Timers {
    own: Timer,
    /// The scopes beneath that were told to end and that nobody polls.
    scopes: AttendedScopes,
}

#[derive(Default)]
pub(super) struct Timer(Option<Armed>);

struct Armed {
    sleep: Pin<Box<Sleep>>,
    /// Whom it wakes.
    waker: Waker,
}

impl Clock {
    /// Whether this moment has come. It is nearly always the same moment as in the last call.
    pub(super) fn poll(&mut self, until: Instant, cx: &mut Context<'_>) -> bool {
        self.0.get_or_insert_default().own.poll(until, cx)
    }

    /// The scopes that the shell attends to.
    pub(super) fn scopes(&mut self) -> &mut AttendedScopes {
        &mut self.0.get_or_insert_default().scopes
    }
}

impl Timer {
    pub(super) fn poll(&mut self, until: Instant, cx: &mut Context<'_>) -> bool {
        match &self.0 {
            Some(armed) if armed.waits_for(until, cx.waker()) => false,
            _ => self.arm(until, cx),
        }
    }

    #[cold]
    fn arm(&mut self, until: Instant, cx: &mut Context<'_>) -> bool {
        let armed = self.0.get_or_insert_with(|| Armed {
            sleep: Box::pin(sleep_until(until)),
            waker: cx.waker().clone(),
        });
        if armed.sleep.deadline() != until {
            armed.sleep.as_mut().reset(until);
        }
        armed.waker.clone_from(cx.waker());
        poll_timer(armed.sleep.as_mut(), cx).is_ready()
    }
}

impl Armed {
    fn waits_for(&self, until: Instant, waker: &Waker) -> bool {
        self.sleep.deadline() == until && !self.sleep.is_elapsed() && self.waker.will_wake(waker)
    }
}
