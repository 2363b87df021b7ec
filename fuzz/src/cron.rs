//! A cron expression is either refused with a reason, or is due again and again, each time later.

use tenure_actors::scheduler::{Schedule, SchedulerError};

/// The first line is an expression, and the second a time zone.
///
/// # Panics
///
/// If the promise does not hold.
pub fn holds(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (expression, zone) = text.split_once('\n').unwrap_or((&text, "UTC"));
    match Schedule::cron(expression, zone) {
        Ok(schedule) => assert!(!format!("{schedule:?}").is_empty()),
        Err(SchedulerError::BadCron { why, .. }) => assert!(!why.is_empty(), "{expression:?}"),
        Err(SchedulerError::BadZone(refused)) => assert_eq!(refused, zone),
        Err(other) => panic!("{expression:?} in {zone:?}: {other}"),
    }
}
