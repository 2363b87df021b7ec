use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

use crate::tree::simulated;

/// How long to wait before each restart; or before each attempt of a retry [by hand](Backoff::delay).
///
/// ```
/// use std::time::Duration;
/// use tenure::Backoff;
///
/// // 100 ms, 200 ms, 400 ms and so on, up to 10 s, each up to a quarter shorter; from 100 ms again
/// // once an incarnation has lived for a minute.
/// let backoff = Backoff::exponential(Duration::from_millis(100), Duration::from_secs(10))
///     .reset_after(Duration::from_secs(60));
/// assert!(backoff.is_valid());
///
/// let upside_down = Backoff::exponential(Duration::from_secs(10), Duration::from_millis(100));
/// assert!(!upside_down.is_valid()); // the spawn is refused
/// ```
///
/// The delay of the n-th restart in a row is `min(max, first * 2^n)`, shortened by a random part of the jitter, so that
/// actors that fail together do not come back together ("Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Backoff {
    first: Duration,
    max: Duration,
    jitter: f64,
    healthy_after: Duration,
}

impl Backoff {
    /// No delay.
    #[must_use]
    pub const fn none() -> Self {
        Self::fixed(Duration::ZERO)
    }

    /// The same delay each time. A delay too long for the clock lasts for ever; a stop ends it.
    #[must_use]
    pub const fn fixed(delay: Duration) -> Self {
        Self {
            first: delay,
            max: delay,
            jitter: 0.0,
            healthy_after: Duration::from_secs(30),
        }
    }

    /// A delay that doubles from `first` up to `max`, with a jitter of a quarter. A spawn with a `max` below `first` is
    /// refused with [`SpawnError::BadBackoff`](crate::SpawnError::BadBackoff).
    #[must_use]
    pub const fn exponential(first: Duration, max: Duration) -> Self {
        Self {
            first,
            max,
            jitter: 0.25,
            healthy_after: Duration::from_secs(30),
        }
    }

    /// The largest part by which each delay is shortened at random: between 0 (not at all) and 1 (down to zero). A
    /// spawn with any other value is refused with [`SpawnError::BadBackoff`](crate::SpawnError::BadBackoff).
    #[must_use]
    pub const fn jitter(mut self, part: f64) -> Self {
        self.jitter = part;
        self
    }

    /// Starts again with the first delay after an incarnation that has lived for this long. The default is 30 s. With
    /// zero, every delay is the first one.
    #[must_use]
    pub const fn reset_after(mut self, healthy: Duration) -> Self {
        self.healthy_after = healthy;
        self
    }

    /// Whether its maximum is not below its start and its jitter is between 0 and 1.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.first <= self.max && (0.0..=1.0).contains(&self.jitter)
    }

    pub(super) fn healthy_after(&self) -> Duration {
        self.healthy_after
    }

    /// The delay before the restart with this number in a row, counted from 0. [`ChildSpec::backoff`] applies it
    /// automatically.
    ///
    /// Use it for work that is retried in place, where a restart does not fit: a restart makes a new state, and does
    /// not happen once the service drains ([`Restart`](crate::Restart)).
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tenure::Backoff;
    /// # async fn fetch() -> Result<u32, &'static str> { Err("no route to host") }
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let backoff = Backoff::exponential(Duration::from_millis(100), Duration::from_secs(5));
    /// let mut fetched = fetch().await;
    /// for retry in 0..3 {
    ///     if fetched.is_ok() {
    ///         break;
    ///     }
    ///     tokio::time::sleep(backoff.delay(retry)).await;
    ///     fetched = fetch().await;
    /// }
    /// # assert!(fetched.is_err());
    /// # }
    /// ```
    ///
    /// For a backoff that is not [valid](Backoff::is_valid), the delay is unspecified, but not longer than the maximum.
    ///
    /// [`ChildSpec::backoff`]: crate::ChildSpec::backoff
    #[must_use]
    pub fn delay(&self, attempt: u32) -> Duration {
        let factor = 1_u32.checked_shl(attempt).unwrap_or(u32::MAX);
        let full = self.first.saturating_mul(factor).min(self.max);
        shortened(full, self.jitter * random())
    }
}

/// [`Backoff::none`].
impl Default for Backoff {
    fn default() -> Self {
        Self::none()
    }
}

/// Shortens a time by this part of it, between 0 and 1. Only the difference is rounded, so that the longest time does
/// not overflow.
fn shortened(full: Duration, part: f64) -> Duration {
    let less = Duration::try_from_secs_f64(full.as_secs_f64() * part);
    full.saturating_sub(less.unwrap_or(full))
}

/// A random number between 0 and 1. It only spreads restarts, so it need not be secure.
fn random() -> f64 {
    if let Some(simulated) = simulated::random() {
        return simulated;
    }
    // Each `RandomState` has its own keys.
    let bits = RandomState::new().build_hasher().finish();
    f64::from((bits >> 32) as u32) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_maximum() {
        let backoff = Backoff::exponential(Duration::from_millis(100), Duration::from_secs(1));
        let delays: Vec<_> = (0..6)
            .map(|attempt| backoff.jitter(0.0).delay(attempt).as_millis())
            .collect();
        assert_eq!(delays, [100, 200, 400, 800, 1_000, 1_000]);
        assert_eq!(backoff.jitter(0.0).delay(u32::MAX).as_millis(), 1_000);
    }

    #[test]
    fn jitter_shortens_by_its_part_at_the_most() {
        let backoff = Backoff::exponential(Duration::from_secs(4), Duration::from_secs(4));
        let delays: Vec<_> = (0..200).map(|_| backoff.jitter(0.5).delay(0)).collect();
        let (least, most) = (delays.iter().min().unwrap(), delays.iter().max().unwrap());
        assert!(*least >= Duration::from_secs(2) && *most <= Duration::from_secs(4));
        assert!(
            *most - *least > Duration::from_millis(500),
            "{least:?} to {most:?}"
        );
    }

    #[test]
    fn longest_delay_does_not_overflow() {
        let backoff = Backoff::fixed(Duration::MAX);
        assert_eq!(backoff.delay(u32::MAX), Duration::MAX);
        for attempt in 0..100 {
            assert!(backoff.jitter(1.0).delay(attempt) < Duration::MAX);
        }
    }

    #[test]
    fn what_makes_no_sense_is_not_valid() {
        let second = Duration::from_secs(1);
        assert!(!Backoff::exponential(second, second / 2).is_valid());
        assert!(!Backoff::fixed(second).jitter(1.5).is_valid());
        assert!(!Backoff::fixed(second).jitter(f64::NAN).is_valid());
        assert!(Backoff::none().is_valid() && Backoff::fixed(second).jitter(1.0).is_valid());
    }
}
