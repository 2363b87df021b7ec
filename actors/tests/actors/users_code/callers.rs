//! Closures that a caller hands over, and that panic.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tenure_actors::breaker::{Breaker, BreakerError, State};
use tenure_actors::retry::Retry;
use tokio::time::sleep;

use super::{BAD, sound};
use crate::common::paused;
use crate::gauge::ms;

/// Runs the code as a task, and returns the message of its panic.
async fn panic_of<T: Send + 'static>(code: impl Future<Output = T> + Send + 'static) -> String {
    let failed = tenure::scope(async |scope| {
        let task = scope.task(async {
            code.await;
            tenure::Ok(())
        })?;
        task.await?;
        Ok(())
    });
    format!("{:?}", failed.await.unwrap_err())
}

#[test]
fn closures_of_a_retry_panic_in_whoever_tries() {
    paused(async |_| {
        let tries = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&tries);
        let said = panic_of(async move {
            let attempt = || {
                sound(counted.fetch_add(1, Ordering::SeqCst) + 1);
                async { Err::<(), _>("again") }
            };
            Retry::new(5).run(attempt, |_| true).await
        });
        assert!(said.await.contains("a bad number"));
        assert_eq!(tries.load(Ordering::SeqCst), BAD, "no more tries");
        let said = panic_of(async {
            let attempt = || async { Err::<(), _>(BAD) };
            Retry::new(5)
                .run(attempt, |number| sound(*number) > 0)
                .await
        });
        assert!(said.await.contains("a bad number"));
    });
}

#[test]
fn closures_of_a_breaker_panic_in_whoever_calls_and_count_for_nothing() {
    paused(async |_| {
        let breaker = Breaker::new(1, ms(1_000));
        let fails = || async { Err::<u32, _>(BAD) };
        for half_open in [false, true] {
            if half_open {
                let failed = breaker.call(fails, |_| true).await;
                assert_eq!(failed, Err(BreakerError::Failed(BAD)));
                sleep(ms(1_000)).await;
            }
            let state = breaker.state();
            let of_it = breaker.clone();
            let by_call = async move {
                of_it
                    .call(|| async { Ok::<_, u32>(sound(BAD)) }, |_| true)
                    .await
            };
            assert!(panic_of(by_call).await.contains("a bad number"));
            let of_it = breaker.clone();
            let by_count = async move { of_it.call(fails, |number| sound(*number) > 0).await };
            assert!(panic_of(by_count).await.contains("a bad number"));
            assert_eq!(breaker.state(), state);
        }
        // The single attempt that a half-open breaker allows was given back.
        assert_eq!(breaker.state(), State::HalfOpen);
        let tried = breaker.call(|| async { Ok::<_, u32>(1) }, |_| true).await;
        assert_eq!((tried, breaker.state()), (Ok(1), State::Closed));
    });
}
