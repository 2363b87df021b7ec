//! Moments in 28 bits, to keep many of them: in milliseconds for the first 37 hours of a process, and in seconds for
//! the four years after that.

use tokio::time::Instant;

use super::moment;

/// How many bits a stamp takes.
pub(crate) const BITS: u32 = 28;
/// From here on stamps count seconds.
const SECONDS: u64 = 1 << (BITS - 1);
const LAST: u64 = (1 << BITS) - 1;
/// In milliseconds of a [`moment`]: an hour before the first one of the process, since a clock that was paused lags
/// behind.
const BEGIN: u64 = 23 * 3_600 * 1_000;

#[inline]
pub(crate) fn encode(instant: Instant) -> u32 {
    let millis = moment::millis(instant).saturating_sub(BEGIN);
    let stamp = match millis.checked_sub(SECONDS) {
        None => millis,
        Some(later) => (SECONDS + later / 1_000).min(LAST),
    };
    u32::try_from(stamp).unwrap_or(u32::MAX)
}

pub(crate) fn decode(stamp: u32) -> Instant {
    let stamp = u64::from(stamp);
    let millis = match stamp.checked_sub(SECONDS) {
        None => stamp,
        Some(later) => SECONDS + later * 1_000,
    };
    let instant = moment::decode((millis + BEGIN) * 1_000_000 + 1);
    // Only 0 encodes no moment.
    instant.unwrap_or_else(Instant::now)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_moment_comes_back_to_the_millisecond_and_later_to_the_second() {
        let now = Instant::now();
        let hours = |hours: u64| Duration::from_secs(hours * 3_600);
        for (since, error) in [
            (hours(0), 1),
            (hours(30), 1),
            (hours(40), 1_000),
            (hours(30_000), 1_000),
        ] {
            let at = now + since;
            let late = at.saturating_duration_since(decode(encode(at)));
            assert!(late <= Duration::from_millis(error), "{since:?}: {late:?}");
        }
        // Longer than any process: the last that there is.
        assert_eq!(encode(now + hours(300_000)), encode(now + hours(200_000)));
    }
}
