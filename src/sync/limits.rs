use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::coop::unconstrained;
use tokio::time::{Instant, Sleep, sleep_until};

use super::{FOR_EVER, after, moment};

/// When a wait that begins now has lasted for this long. `None` if that never comes: a time that is too long for the clock,
/// or for any process, is as good as none (rule 16). Only here and in [`limit_at`] is that decided.
pub(crate) fn limit_after(time: Duration) -> Option<Instant> {
    (time < FOR_EVER).then(|| after(time))
}

/// As [`limit_after`], for a wait until this moment. It counts from the beginning of the process, so that nobody has to look
/// at the clock for that.
pub(crate) fn limit_at(limit: Instant) -> Option<Instant> {
    (moment::since_begin(limit) < FOR_EVER).then_some(limit)
}

/// Whether the limit of a wait has passed. If not, the waker is woken then by the timer, which is set here.
///
/// With `blocks` the thread is blocked for the wait, and wakes itself at the limit. So it also holds where no runtime
/// is, or where this thread is what would have to drive its timers. The timer is for a paused clock, which a thread
/// knows nothing of.
///
/// # Panics
///
/// In a runtime without a timer; outside of one, unless it `blocks`.
pub(crate) fn has_passed(
    limit: Instant,
    timer: &mut Option<Pin<Box<Sleep>>>,
    blocks: bool,
    cx: &mut Context<'_>,
) -> bool {
    if blocks {
        let is_over = limit <= Instant::now();
        if is_over || Handle::try_current().is_err() {
            return is_over;
        }
    }
    let timer = timer.get_or_insert_with(|| Box::pin(sleep_until(limit)));
    timer.as_mut().poll(cx).is_ready()
}

/// Polls a timer that is polled again only when it has been set anew. It must be registered even if the task has used
/// up its budget: tokio does not set a timer that is polled without any.
pub(crate) fn poll_timer(timer: Pin<&mut Sleep>, cx: &mut Context<'_>) -> Poll<()> {
    pin!(unconstrained(timer)).poll(cx)
}
