use std::fmt;
use std::future::IntoFuture;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tenure::AskError;
use tokio::time::Instant;

use super::error::BreakerError;

/// Whether a breaker lets calls through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// All calls.
    Closed,
    /// No calls.
    Open,
    /// A few calls, to try.
    HalfOpen,
}

/// A circuit breaker around asks, or around any call that may fail.
#[derive(Clone)]
pub struct Breaker {
    failures: u32,
    open_for: Duration,
    probes: u32,
    circuit: Arc<Mutex<Circuit>>,
}

enum Circuit {
    /// The number of failures in a row.
    Closed(u32),
    Open {
        since: Instant,
    },
    /// How many calls are trying, how many have succeeded, and since when the breaker is half open.
    HalfOpen {
        trying: u32,
        succeeded: u32,
        since: Instant,
    },
}

impl Breaker {
    /// A breaker that opens after `failures` failures in a row, for the time `open_for`. 0 failures are taken for 1. A
    /// time too long for the clock counts as for ever.
    #[must_use]
    pub fn new(failures: u32, open_for: Duration) -> Self {
        Self {
            failures: failures.max(1),
            open_for,
            probes: 1,
            circuit: Arc::new(Mutex::new(Circuit::Closed(0))),
        }
    }

    /// How many calls a half-open breaker lets through; all of them have to succeed. By default 1; 0 is taken for 1.
    #[must_use]
    pub fn probes(mut self, probes: u32) -> Self {
        self.probes = probes.max(1);
        self
    }

    /// Whether calls are let through now.
    #[must_use]
    pub fn state(&self) -> State {
        match &*self.lock() {
            Circuit::Closed(_) => State::Closed,
            Circuit::Open { since } if self.time_left(*since).is_zero() => State::HalfOpen,
            Circuit::Open { .. } => State::Open,
            Circuit::HalfOpen { .. } => State::HalfOpen,
        }
    }

    /// Asks, unless the breaker is open. Each error counts as a failure, except a [cycle](AskError::Deadlock) and an
    /// inherited time limit: those say nothing about the actor that was asked.
    ///
    /// # Errors
    ///
    /// [`BreakerError::Open`], or [`BreakerError::Failed`] with the ask's error.
    ///
    /// # Cancel safety
    ///
    /// A cancelled future drops the ask, which then counts neither as a failure nor as a success.
    pub async fn ask<T, F>(&self, ask: impl FnOnce() -> F) -> Result<T, BreakerError<AskError>>
    where
        F: IntoFuture<Output = Result<T, AskError>>,
    {
        self.call(ask, |error| {
            !matches!(
                error,
                AskError::Deadlock(_)
                    | AskError::TimedOut {
                        inherited: true,
                        ..
                    }
            )
        })
        .await
    }

    /// Makes a call, unless the breaker is open. `counts` says which errors count as failures.
    ///
    /// # Errors
    ///
    /// [`BreakerError::Open`], or [`BreakerError::Failed`] with the call's error.
    ///
    /// # Cancel safety
    ///
    /// A cancelled future drops the call, which then counts neither as a failure nor as a success.
    pub async fn call<T, E, F>(
        &self,
        call: impl FnOnce() -> F,
        counts: impl FnOnce(&E) -> bool,
    ) -> Result<T, BreakerError<E>>
    where
        F: IntoFuture<Output = Result<T, E>>,
    {
        let entry = self
            .enter()
            .map_err(|retry_after| BreakerError::Open { retry_after })?;
        let result = call().await;
        match &result {
            Ok(_) => entry.end(Some(true)),
            Err(error) if counts(error) => entry.end(Some(false)),
            Err(_) => entry.end(None),
        }
        result.map_err(BreakerError::Failed)
    }

    /// Lets a call through, or returns how long the breaker stays open.
    fn enter(&self) -> Result<Entry<'_>, Duration> {
        let mut circuit = self.lock();
        if let Circuit::Open { since } = *circuit {
            let left = self.time_left(since);
            if !left.is_zero() {
                return Err(left);
            }
            *circuit = Circuit::HalfOpen {
                trying: 0,
                succeeded: 0,
                since: Instant::now(),
            };
        }
        let probe = match &mut *circuit {
            Circuit::HalfOpen {
                trying,
                succeeded,
                since,
            } => {
                if *trying + *succeeded >= self.probes {
                    return Err(Duration::ZERO);
                }
                *trying += 1;
                Some(*since)
            }
            _ => None,
        };
        Ok(Entry {
            breaker: self,
            probe,
            is_over: false,
        })
    }

    fn time_left(&self, since: Instant) -> Duration {
        self.open_for.saturating_sub(since.elapsed())
    }

    fn lock(&self) -> MutexGuard<'_, Circuit> {
        self.circuit.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call that was let through.
struct Entry<'a> {
    breaker: &'a Breaker,
    /// For a probe: since when the breaker has been half open.
    probe: Option<Instant>,
    is_over: bool,
}

impl Entry<'_> {
    /// Notes whether the call has succeeded or failed; `None` is neither.
    fn end(mut self, success: Option<bool>) {
        self.settle(success);
    }

    fn settle(&mut self, success: Option<bool>) {
        if std::mem::replace(&mut self.is_over, true) {
            return;
        }
        let mut circuit = self.breaker.lock();
        let open = Circuit::Open {
            since: Instant::now(),
        };
        match (&mut *circuit, self.probe, success) {
            (Circuit::Closed(failures), None, Some(true)) => *failures = 0,
            (Circuit::Closed(failures), None, Some(false)) => {
                *failures += 1;
                if *failures >= self.breaker.failures {
                    tracing::warn!(failures, "the breaker opens");
                    *circuit = open;
                }
            }
            (
                Circuit::HalfOpen {
                    trying,
                    succeeded,
                    since,
                },
                Some(mine),
                success,
            ) if mine == *since => {
                *trying -= 1;
                *succeeded += u32::from(success == Some(true));
                if success == Some(false) {
                    *circuit = open;
                } else if *succeeded >= self.breaker.probes {
                    *circuit = Circuit::Closed(0);
                }
            }
            // A call of an earlier state, or one that counts as neither, changes nothing.
            _ => {}
        }
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        self.settle(None);
    }
}

impl fmt::Debug for Breaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Breaker")
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}
