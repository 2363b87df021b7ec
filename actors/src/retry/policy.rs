use std::future::IntoFuture;
use std::time::Duration;

use tenure::{AskError, Backoff};
use tokio::time::{Instant, sleep};

use super::error::RetryError;

/// How often, and when, something is retried.
#[derive(Debug, Clone, Copy, PartialEq)]
#[must_use = "a policy does nothing until something is tried with it"]
pub struct Retry {
    attempts: u32,
    backoff: Backoff,
    within: Option<Duration>,
    is_idempotent: bool,
}

impl Retry {
    /// Makes up to this many attempts in all; 0 is taken for 1, and [`u32::MAX`] is no limit. By default the wait is
    /// 100 ms before the second attempt and doubles each time, up to 10 s; each wait is shortened by up to a quarter.
    pub const fn new(attempts: u32) -> Self {
        Self {
            attempts: if attempts == 0 { 1 } else { attempts },
            backoff: Backoff::exponential(Duration::from_millis(100), Duration::from_secs(10)),
            within: None,
            is_idempotent: false,
        }
    }

    /// How long to wait before each attempt but the first. An invalid backoff ([`Backoff::is_valid`]) waits for the
    /// shorter of its limits.
    pub const fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// No attempt begins later than this after the start of the first. An attempt that is under way by then is not
    /// ended: limit each attempt itself.
    pub const fn within(mut self, limit: Duration) -> Self {
        self.within = Some(limit);
        self
    }

    /// The ask may be done more than once: it is repeated also if it was started, whatever its result.
    pub const fn idempotent(mut self) -> Self {
        self.is_idempotent = true;
        self
    }

    /// Asks, and repeats the ask if it was never started, or if the policy is [idempotent](Retry::idempotent). It does
    /// not repeat after a [cycle](AskError::Deadlock), nor when an inherited time limit is over.
    ///
    /// # Errors
    ///
    /// [`RetryError`] with the error of the last ask.
    ///
    /// # Cancel safety
    ///
    /// A cancelled future drops the pending ask, and asks no more.
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

    /// Makes attempts at anything that may fail, as long as `again` says that the error is worth a retry.
    ///
    /// # Errors
    ///
    /// [`RetryError`] with the error of the last attempt.
    ///
    /// # Cancel safety
    ///
    /// A cancelled future drops the attempt that is under way, and makes no other.
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
                // The wait would end after the limit, so the caller is told at once.
                Some(_) => return Err(RetryError { attempts, last }),
            }
        }
    }
}
