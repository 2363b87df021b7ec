//! What everything here uses: the lock, those who are woken after it, what a panic said, and times that
//! do not overflow.

pub(crate) mod explored;
mod limits;
mod locks;
mod panics;
mod ready;
pub(crate) mod stamp;
mod text;
mod wakers;

use std::time::Duration;

use tokio::time::Instant;

pub(crate) use limits::{has_passed, limit_after, limit_at, poll_timer};
pub(crate) use locks::{Foreign, Guard, assert_unlocked, lock};
pub(crate) use panics::{panic_message, panic_text};
pub(crate) use ready::Readiness;
pub(crate) use text::text_of;
pub(crate) use wakers::{KeptWaker, WakeList, WakerKey, WakerSet, wake};

/// Thirty years: what every clock can still count.
pub(crate) const FOR_EVER: Duration = Duration::from_secs(30 * 365 * 86_400);

/// This long from now; a time too long for the clock is as good as for ever.
pub(crate) fn after(time: Duration) -> Instant {
    saturating_add(Instant::now(), time)
}

pub(crate) fn saturating_add(instant: Instant, time: Duration) -> Instant {
    let sum = instant.checked_add(time);
    let for_ever = || instant.checked_add(FOR_EVER);
    sum.or_else(for_ever).unwrap_or(instant)
}

/// Instants as numbers that fit an atomic. None is 0.
pub(crate) mod moment {
    use std::sync::LazyLock;
    use std::time::{Duration, Instant as Std};

    use tokio::time::Instant;

    /// Well before any instant that is encoded: a clock that was paused stays behind this one.
    static ORIGIN: LazyLock<Std> = LazyLock::new(|| {
        let now = Std::now();
        now.checked_sub(Duration::from_secs(86_400)).unwrap_or(now)
    });

    pub(crate) fn encode(instant: Option<Instant>) -> u64 {
        let Some(instant) = instant else {
            return 0;
        };
        let since = instant.into_std().saturating_duration_since(*ORIGIN);
        u64::try_from(since.as_nanos()).map_or(u64::MAX, |nanos| nanos.saturating_add(1))
    }

    /// How long after the beginning of this clock that is.
    pub(crate) fn since_begin(instant: Instant) -> Duration {
        instant.into_std().saturating_duration_since(*ORIGIN)
    }

    /// In milliseconds, of which the first is not 1.
    #[inline]
    pub(crate) fn millis(instant: Instant) -> u64 {
        let since = instant.into_std().saturating_duration_since(*ORIGIN);
        since.as_secs() * 1_000 + u64::from(since.subsec_millis())
    }

    pub(crate) fn decode(number: u64) -> Option<Instant> {
        let nanos = number.checked_sub(1)?;
        Some(Instant::from_std(*ORIGIN + Duration::from_nanos(nanos)))
    }
}
