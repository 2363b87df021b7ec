use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::error::LimiterError;

/// How many tokens a bucket gets in a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    tokens: u32,
    time: Duration,
}

impl Rate {
    /// `tokens` tokens in each `time`, evenly spread.
    #[must_use]
    pub const fn new(tokens: u32, time: Duration) -> Self {
        Self { tokens, time }
    }

    /// This many tokens a second.
    #[must_use]
    pub const fn per_second(tokens: u32) -> Self {
        Self::new(tokens, Duration::from_secs(1))
    }

    /// This many tokens a minute.
    #[must_use]
    pub const fn per_minute(tokens: u32) -> Self {
        Self::new(tokens, Duration::from_secs(60))
    }

    /// The time in which a bucket gets this many tokens.
    fn time_of(self, tokens: u32) -> u128 {
        self.time.as_nanos().saturating_mul(u128::from(tokens)) / u128::from(self.tokens.max(1))
    }
}

/// A token bucket, shared by all its clones. It is full at first.
#[derive(Clone)]
pub struct Bucket {
    shared: Arc<Shared>,
}

struct Shared {
    rate: Rate,
    burst: u32,
    begin: Instant,
    /// When the bucket is full again, in nanoseconds since `begin`. With this one number any rate is possible, and
    /// nothing is rounded twice ("generic cell rate algorithm", ITU-T I.371).
    full_at: Mutex<u128>,
    /// The queue of those who wait, in the order in which they came.
    line: tokio::sync::Mutex<()>,
}

impl Bucket {
    /// A bucket that holds up to `burst` tokens.
    ///
    /// # Errors
    ///
    /// [`LimiterError::NoRate`] if the tokens or the time of the rate are zero; [`LimiterError::NoBurst`] if `burst` is 0.
    pub fn new(rate: Rate, burst: u32) -> Result<Self, LimiterError> {
        if rate.tokens == 0 || rate.time.is_zero() {
            return Err(LimiterError::NoRate);
        }
        if burst == 0 {
            return Err(LimiterError::NoBurst);
        }
        let shared = Shared {
            rate,
            burst,
            begin: Instant::now(),
            full_at: Mutex::new(0),
            line: tokio::sync::Mutex::new(()),
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// Takes tokens, if there are enough and nobody waits for tokens.
    ///
    /// # Errors
    ///
    /// [`LimiterError::Limited`], with the time until there will be enough; [`LimiterError::TooMany`] if the bucket
    /// never holds that many.
    pub fn try_take(&self, tokens: u32) -> Result<(), LimiterError> {
        // Somebody who waits in `take` holds this lock.
        let turn = self.shared.line.try_lock();
        self.shared.take(tokens, turn.is_ok())
    }

    /// Takes tokens, and waits until there are enough. Waiters are served in the order in which they came.
    ///
    /// # Errors
    ///
    /// [`LimiterError::TooMany`] if the bucket never holds that many.
    ///
    /// # Cancel safety
    ///
    /// A future that is cancelled before it is ready has taken nothing. Its place goes to the next waiter.
    pub async fn take(&self, tokens: u32) -> Result<(), LimiterError> {
        let _turn = self.shared.line.lock().await;
        loop {
            match self.shared.take(tokens, true) {
                Err(LimiterError::Limited { retry_after }) => sleep(retry_after).await,
                taken => return taken,
            }
        }
    }
}

impl Shared {
    /// Takes tokens if there are enough and it `may`; otherwise returns when there will be enough.
    fn take(&self, tokens: u32, may: bool) -> Result<(), LimiterError> {
        if tokens > self.burst {
            let burst = self.burst;
            return Err(LimiterError::TooMany { burst });
        }
        let now = self.begin.elapsed().as_nanos();
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let after = (*full_at)
            .max(now)
            .saturating_add(self.rate.time_of(tokens));
        // Even without these tokens, the bucket has to be full again within the time of a whole burst.
        let wait = after.saturating_sub(now.saturating_add(self.rate.time_of(self.burst)));
        if wait > 0 || !may && tokens > 0 {
            let nanos = u64::try_from(wait.max(1)).unwrap_or(u64::MAX);
            let retry_after = Duration::from_nanos(nanos);
            return Err(LimiterError::Limited { retry_after });
        }
        *full_at = after;
        Ok(())
    }
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bucket")
            .field("rate", &self.shared.rate)
            .field("burst", &self.shared.burst)
            .finish_non_exhaustive()
    }
}
