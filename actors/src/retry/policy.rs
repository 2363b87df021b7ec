use std::future::IntoFuture;
use std::time::Duration;

use tenure::{AskError, Backoff};
use tokio::time::{Instant, sleep};

use super::error::RetryError;

/// How often, and when, something is tried again.
#[derive(Debug, Clone, Copy, PartialEq)]
#[must_use = "a policy does nothing until something is tried with it"]
pub struct Retry {
    attempts: u32,
    backoff: Backoff,
    within: Option<Duration>,
    is_idempotent: bool,
}

impl Retry {
    /// Tries so often in all; 0 is taken for 1, and [`u32::MAX`] is as often as it takes. By default there are
    /// 100 ms before the second try, and twice as long before each other, up to 10 s, each up to a quarter shorter.
    pub const fn new(attempts: u32) -> Self {
        Self {
            attempts: if attempts == 0 { 1 } else { attempts },
            backoff: Backoff::exponential(Duration::from_millis(100), Duration::from_secs(10)),
            within: None,
            is_idempotent: false,
        }
    }

    /// How long to wait before each try but the first. One that makes no sense ([`Backoff::is_valid`]) waits for its
    /// shorter limit.
    pub const fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// No further try begins after this time, from the begin of the first. A try that is under way then is not
    /// ended: limit each by itself.
    pub const fn within(mut self, limit: Duration) -> Self {
        self.within = Some(limit);
        self
    }

    /// What is asked for may be done more than once: it is asked again also if it was started, and whatever became of
    /// it.
    pub const fn idempotent(mut self) -> Self {
        self.is_idempotent = true;
        self
    }

    /// Asks, and asks again while that makes sense: if the ask was never started, or the policy is
    /// [idempotent](Retry::idempotent). It does not for a [cycle](AskError::Deadlock), nor once the time is up that an ask
    /// has inherited.
    ///
    /// # Errors
    ///
    /// [`RetryError`] with the last ask's.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it drops the ask that is pending, and asks no more.
    pub async fn ask<T, F>(&self, ask: impl FnMut() -> F) -> Result<T, RetryError<AskError>>
    where
        F: IntoFuture<Output = Result<T, AskError>>,
    {
        let is_idempotent = self.is_idempotent;
        self.run(ask, move |error| match error {
            AskError::Deadlock(_)
            | AskError::TimedOut {
                inherited: true, ..
            } => false,
            error => is_idempotent || error.never_started(),
        })
        .await
    }

    /// Tries anything that may fail, and tries again if `again` says of its error that that makes sense.
    ///
    /// # Errors
    ///
    /// [`RetryError`] with the last try's.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it drops the try that is under way, and makes no other.
    pub async fn run<T, E, F>(
        &self,
        mut attempt: impl FnMut() -> F,
        mut again: impl FnMut(&E) -> bool,
    ) -> Result<T, RetryError<E>>
    where
        F: IntoFuture<Output = Result<T, E>>,
    {
        let end = self
            .within
            .and_then(|limit| Instant::now().checked_add(limit));
        let mut attempts = 0;
        loop {
            let last = match attempt().await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            attempts += u32::from(attempts < u32::MAX);
            let is_last = attempts >= self.attempts && self.attempts < u32::MAX;
            if is_last || !again(&last) {
                return Err(RetryError { attempts, last });
            }
            let delay = self.backoff.delay(attempts - 1);
            match end {
                None => sleep(delay).await,
                Some(end)
                    if Instant::now()
                        .checked_add(delay)
                        .is_some_and(|next| next < end) =>
                {
                    sleep(delay).await;
                }
                // Whoever waits is told once it is certain, which is now.
                Some(_) => return Err(RetryError { attempts, last }),
            }
        }
    }
}
