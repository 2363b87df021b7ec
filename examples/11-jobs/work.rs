//! What a job can be asked to do.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use tenure::{CancellationToken, RunError};
use tokio::time::sleep;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Work {
    /// Counts the primes below a number. It computes, so it needs a thread.
    Primes(u64),
    /// Waits for so many milliseconds, as if for another service.
    Wait(u64),
    /// Fails this many times before it succeeds, alternately with an error and with a panic.
    Flaky(u32),
}

impl Work {
    /// Does the work, or says why it has failed. If the future is dropped, the work ends, and the owner of this code
    /// waits until its thread has returned.
    pub(crate) async fn attempt(self, attempt: u32) -> Result<String, String> {
        let done = tenure::scope(async |scope| {
            let done = match self {
                Self::Primes(below) => scope.blocking(move |token| primes(below, &token))?,
                Self::Wait(time) => scope.task(async move {
                    sleep(Duration::from_millis(time)).await;
                    tenure::Ok(format!("waited {time} ms"))
                })?,
                Self::Flaky(failures) => scope.task(async move { flaky(failures, attempt) })?,
            };
            Ok(done.await?)
        });
        done.await.map_err(|error| why(&error))
    }
}

fn primes(below: u64, token: &CancellationToken) -> tenure::Result<String> {
    let mut count = 0_u64;
    for n in 2..below {
        // Nobody wants the rest. An error would be a failure, both of the job and of its owner that is ending.
        if n % 1_024 == 0 && token.is_cancelled() {
            break;
        }
        let mut divisors = (2..).take_while(|d| d * d <= n);
        count += u64::from(divisors.all(|d| n % d != 0));
    }
    Ok(format!("{count} primes"))
}

fn flaky(failures: u32, attempt: u32) -> tenure::Result<String> {
    if attempt > failures {
        Ok(format!("worked at attempt {attempt}"))
    } else if attempt % 2 == 1 {
        Err("no luck".into())
    } else {
        panic!("no luck at all")
    }
}

/// What went wrong, without the path of the node.
fn why(error: &RunError) -> String {
    match error {
        RunError::Failed(failure) => {
            let first = failure.leaves().next().unwrap_or(failure);
            first.cause().to_string()
        }
        _ => error.to_string(),
    }
}

impl FromStr for Work {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const USAGE: &str = "a job is: primes N, wait MILLISECONDS or flaky FAILURES";
        let (kind, number) = text.trim().split_once(' ').ok_or(USAGE)?;
        let number = number.parse().map_err(|_| USAGE)?;
        match kind {
            "primes" => Ok(Self::Primes(number)),
            "wait" => Ok(Self::Wait(number)),
            "flaky" => Ok(Self::Flaky(number.try_into().map_err(|_| USAGE)?)),
            _ => Err(USAGE),
        }
    }
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Primes(below) => write!(f, "primes {below}"),
            Self::Wait(time) => write!(f, "wait {time}"),
            Self::Flaky(failures) => write!(f, "flaky {failures}"),
        }
    }
}
