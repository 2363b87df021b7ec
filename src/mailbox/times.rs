//! How long messages wait and how long they are handled, counted by the actors that handle them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The upper bounds of the buckets, in microseconds.
pub(crate) const BOUNDS_MICROS: [u64; BOUNDS] = [
    1, 10, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 2_500_000, 5_000_000, 10_000_000, 60_000_000,
];
const BOUNDS: usize = 19;

/// The times of the messages of all actors of one type.
#[derive(Debug, Default)]
pub(crate) struct Times {
    /// From the send (once there was room) to the begin of the handler.
    pub(super) in_mailbox: Counts,
    /// From the begin to the end of a handler.
    pub(super) in_handler: Counts,
}

/// The times at one moment.
#[derive(Debug, Clone)]
pub(crate) struct TimesLook {
    pub(crate) in_mailbox: CountsLook,
    pub(crate) in_handler: CountsLook,
}

impl Times {
    pub(crate) fn look(&self) -> TimesLook {
        TimesLook {
            in_mailbox: self.in_mailbox.look(),
            in_handler: self.in_handler.look(),
        }
    }
}

/// How many times fell into each bucket, and their sum.
#[derive(Debug, Default)]
pub(super) struct Counts {
    buckets: [AtomicU64; BOUNDS + 1],
    nanos: AtomicU64,
}

#[derive(Debug, Clone)]
pub(crate) struct CountsLook {
    /// One for each bound, and one for longer times.
    pub(crate) buckets: [u64; BOUNDS + 1],
    pub(crate) sum: Duration,
}

impl Counts {
    pub(super) fn add(&self, time: Duration) {
        // 64 bits of nanoseconds are five centuries, so this does not overflow.
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let bucket = BOUNDS_MICROS.partition_point(|bound| bound * 1_000 < nanos);
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    fn look(&self) -> CountsLook {
        CountsLook {
            buckets: std::array::from_fn(|bucket| self.buckets[bucket].load(Ordering::Relaxed)),
            sum: Duration::from_nanos(self.nanos.load(Ordering::Relaxed)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_in_the_bucket_of_the_first_bound_that_is_not_below_it() {
        let counts = Counts::default();
        for micros in [0, 1, 2, 10, 60_000_000] {
            counts.add(Duration::from_micros(micros));
        }
        counts.add(Duration::from_nanos(60_000_000_001));
        let look = counts.look();
        assert_eq!(look.buckets[..3], [2, 2, 0]);
        assert_eq!(look.buckets[BOUNDS - 1..], [1, 1]);
        assert_eq!(look.sum, Duration::from_nanos(120_000_013_001));
    }
}
