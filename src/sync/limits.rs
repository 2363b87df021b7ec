use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::coop::unconstrained;
use tokio::time::{Instant, Sleep, sleep_until};

use super::{FOR_EVER, after, moment};

/// The moment at which a wait that begins now has lasted for this long. `None` if it never comes: a time too long for
/// the clock, or for any process, counts as no limit (rule 16). Only here and in [`limit_at`] is this decided.
pub(crate) fn limit_after(time: Duration) -> Option<Instant> {
    (time < FOR_EVER).then(|| after(time))
}

/// As [`limit_after`], for a wait until this moment. It compares with the begin of the process, so the clock need not
/// be read.
pub(crate) fn limit_at(limit: Instant) -> Option<Instant> {
    (moment::since_begin(limit) < FOR_EVER).then_some(limit)
}

/// Whether the limit of a wait has passed. If not, sets the timer, which wakes the waker at the limit.
///
/// With `blocks` the thread is blocked for the wait and wakes itself at the limit. So the limit also holds without a
/// runtime, or if this very thread would have to drive the timers. The timer is then only for a paused clock, which a
/// blocked thread does not see.
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

/// Polls a timer that is polled again only after it was reset. It must be registered even if the task has used up its
/// cooperative budget, in which case tokio would not register it.
pub(crate) fn poll_timer(timer: Pin<&mut Sleep>, cx: &mut Context<'_>) -> Poll<()> {
    pin!(unconstrained(timer)).poll(cx)
}
