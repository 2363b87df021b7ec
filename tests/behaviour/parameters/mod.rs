//! What every duration, number, instant and name may be: nothing at all, the least, the most, what has
//! passed, and what makes no sense.
//!
//! Each test is a table: an entry point, a value, and what is right for it.

mod limits;
mod names;
mod restarts;
mod times;

use std::fmt::Debug;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tenure::{StopError, StopReason};
use tokio::time::timeout;

const MS: Duration = Duration::from_millis(1);

const HOUR: Duration = Duration::from_secs(3_600);

/// For what is as good as for ever: a test waits no longer than this.
const DAY: Duration = Duration::from_secs(86_400);

const CENTURY: Duration = Duration::from_secs(100 * 365 * 86_400);

/// Times that are over within a second.
const SHORT: [Duration; 5] = [
    Duration::ZERO,
    Duration::from_nanos(1),
    Duration::from_micros(999),
    MS,
    Duration::from_millis(999),
];

/// Times that no test lives to see the end of: beyond what 32 bits of milliseconds hold, what the crate's
/// own moments hold, and what a clock can count.
const LONG: [Duration; 6] = [
    Duration::from_millis(u32::MAX as u64),
    Duration::from_millis(u32::MAX as u64 + 1),
    Duration::from_secs(31 * 365 * 86_400),
    CENTURY,
    Duration::from_secs(u64::MAX),
    Duration::MAX,
];

/// What a row came to: its own word, or that it waits, or that it panicked.
async fn outcome(row: impl Future<Output = &'static str>) -> &'static str {
    let mut row = pin!(timeout(DAY, row));
    let guarded = poll_fn(|cx| {
        let poll = || row.as_mut().poll(cx);
        match catch_unwind(AssertUnwindSafe(poll)) {
            Ok(polled) => polled.map(|ended| ended.unwrap_or("waits")),
            Err(_) => Poll::Ready("panics"),
        }
    });
    guarded.await
}

/// Runs one row.
async fn row(
    entry: &str,
    value: impl Debug,
    right: &str,
    what: impl Future<Output = &'static str>,
) {
    let got = outcome(what).await;
    let mut value = format!("{value:?}");
    value.truncate(80);
    assert_eq!(got, right, "{entry} with {value}");
}

/// Short ones are over, and long ones are not.
fn times() -> impl Iterator<Item = (Duration, &'static str)> {
    let short = SHORT.into_iter().map(|time| (time, "timed out"));
    short.chain(LONG.into_iter().map(|time| (time, "waits")))
}

fn ended(result: &Result<StopReason, StopError>) -> &'static str {
    match result {
        Ok(StopReason::Killed) => "killed",
        Ok(_) => "in order",
        Err(StopError::CutShort(_)) => "cut short",
        Err(_) => "badly",
    }
}
