//! What all modules use: the lock, wakers, panic messages, and times that do not overflow.

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

/// Thirty years: within the range of every clock.
pub(crate) const FOR_EVER: Duration = Duration::from_secs(30 * 365 * 86_400);

/// The moment this long from now. A time too long for the clock becomes [`FOR_EVER`].
pub(crate) fn after(time: Duration) -> Instant {
    saturating_add(Instant::now(), time)
}

pub(crate) fn saturating_add(instant: Instant, time: Duration) -> Instant {
    let sum = instant.checked_add(time);
    let for_ever = || instant.checked_add(FOR_EVER);
    sum.or_else(for_ever).unwrap_or(instant)
}

/// Instants as numbers that fit into an atomic. 0 is none.
pub(crate) mod moment {
    use std::sync::LazyLock;
    use std::time::{Duration, Instant as Std};

    use tokio::time::Instant;

    /// Well before any instant that is encoded, as a clock that was paused lags behind this one.
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

    /// The time since the origin.
    pub(crate) fn since_begin(instant: Instant) -> Duration {
        instant.into_std().saturating_duration_since(*ORIGIN)
    }

    /// Milliseconds since the origin, without the offset of 1 of [`encode`].
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
