//! What each duration, number, instant and name may be: zero or empty, the least, the most, one in the past, and
//! invalid ones.
//!
//! Each test is a table of entry points, values and expected results.

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

/// A wait that lasts for a day counts as endless: no test waits longer.
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

/// Times that no test waits for: more than 32 bits of milliseconds, more than the crate's own moments can hold, and
/// more than a clock can count.
const LONG: [Duration; 6] = [
    Duration::from_millis(u32::MAX as u64),
    Duration::from_millis(u32::MAX as u64 + 1),
    Duration::from_secs(31 * 365 * 86_400),
    CENTURY,
    Duration::from_secs(u64::MAX),
    Duration::MAX,
];

/// What a row came to: its own word, "waits", or "panics".
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

/// Runs one row and compares what it came to.
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

/// The short times are over in a test, the long ones are not.
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
