//! Token buckets, breakers and retries.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tenure::prelude::*;
use tenure_actors::breaker::{Breaker, BreakerError, State};
use tenure_actors::limiter::{Bucket, Limiter, LimiterError, Rate};
use tenure_actors::retry::{Retry, RetryError};
use tokio::time::{Instant, advance, sleep, timeout};

use crate::common::{multi_thread, paused};
use crate::gauge::{Gauge, Value, ms};

#[test]
fn bucket_gives_a_burst_and_then_a_steady_rate() {
    paused(async |_| {
        let bucket = Bucket::new(Rate::per_second(4), 3).unwrap();
        let start = Instant::now();
        let mut times = Vec::new();
        for _ in 0..6 {
            bucket.take(1).await.unwrap();
            times.push(start.elapsed().as_millis());
        }
        assert_eq!(times, [0, 0, 0, 250, 500, 750]);
        sleep(ms(10_000)).await;
        bucket.try_take(3).unwrap();
        let limited = bucket.try_take(2).unwrap_err();
        assert_eq!(limited.retry_after(), Some(ms(500)));
        advance(ms(500)).await;
        bucket.try_take(2).unwrap();
    });
}

#[test]
fn those_who_wait_for_tokens_are_served_in_order_and_one_that_goes_takes_none() {
    paused(async |_| {
        let bucket = Bucket::new(Rate::per_second(1), 2).unwrap();
        bucket.try_take(2).unwrap();
        let start = Instant::now();
        let wait = |tokens| {
            let bucket = bucket.clone();
            async move {
                bucket.take(tokens).await.unwrap();
                start.elapsed().as_secs()
            }
        };
        let gives_up = timeout(ms(500), wait(1));
        let (gone, first, second) = tokio::join!(gives_up, wait(2), wait(1));
        assert!(gone.is_err());
        assert_eq!((first, second), (2, 3));
    });
}

#[test]
fn nobody_overtakes_those_who_wait_for_tokens() {
    paused(async |_| {
        let bucket = Bucket::new(Rate::per_second(1), 2).unwrap();
        bucket.try_take(1).unwrap();
        let waits = bucket.take(2);
        tokio::pin!(waits);
        assert!(timeout(ms(0), &mut waits).await.is_err());
        assert!(
            bucket.try_take(1).is_err(),
            "there is one, and it is not for this one"
        );
        waits.await.unwrap();
    });
}

#[test]
fn rates_that_make_no_sense_are_refused() {
    paused(async |_| {
        assert_eq!(
            Bucket::new(Rate::per_second(0), 1).unwrap_err(),
            LimiterError::NoRate
        );
        assert_eq!(
            Bucket::new(Rate::new(1, Duration::ZERO), 1).unwrap_err(),
            LimiterError::NoRate
        );
        assert_eq!(
            Bucket::new(Rate::per_minute(1), 0).unwrap_err(),
            LimiterError::NoBurst
        );
        let slow = Bucket::new(Rate::new(1, Duration::MAX), u32::MAX).unwrap();
        slow.try_take(u32::MAX).unwrap();
        assert!(slow.try_take(1).is_err());
        slow.try_take(0).unwrap();
        let small = Bucket::new(Rate::new(u32::MAX, Duration::from_nanos(1)), 5).unwrap();
        assert_eq!(
            small.try_take(6).unwrap_err(),
            LimiterError::TooMany { burst: 5 }
        );
        assert_eq!(
            small.take(6).await.unwrap_err(),
            LimiterError::TooMany { burst: 5 }
        );
    });
}

#[test]
fn bucket_gives_no_more_than_its_rate_to_many_threads() {
    multi_thread(async |_| {
        let bucket = Bucket::new(Rate::per_second(10_000), 10).unwrap();
        let taken = Arc::new(AtomicU32::new(0));
        let start = Instant::now();
        tenure::scope(async |scope| {
            for _ in 0..8 {
                let (bucket, taken) = (bucket.clone(), Arc::clone(&taken));
                scope.task(async move {
                    for _ in 0..50 {
                        bucket.take(1).await?;
                        taken.fetch_add(1, Ordering::Relaxed);
                    }
                    tenure::Ok(())
                })?;
            }
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(taken.load(Ordering::Relaxed), 400);
        assert!(start.elapsed() >= ms(39), "{:?}", start.elapsed());
    });
}

#[test]
fn limiter_hands_on_at_its_rate_and_an_ask_that_is_given_up_takes_no_token() {
    struct Clock(Instant);

    impl Actor for Clock {
        type Msg = ReplyTo<u64>;

        async fn handle(&mut self, reply: ReplyTo<u64>, _: &mut Context<Self>) -> tenure::Result {
            reply.send(self.0.elapsed().as_secs());
            Ok(())
        }
    }

    paused(async |check| {
        tenure::scope(async |scope| {
            let clock = scope.spawn(Clock(Instant::now()))?;
            let bucket = Bucket::new(Rate::per_second(1), 1)?;
            let limited = scope.spawn(Limiter::new(bucket, clock))?;
            check.node(limited.node());
            assert_eq!(limited.ask(|reply| reply).await?, 0);
            for _ in 0..3 {
                assert!(limited.ask(|reply| reply).timeout(ms(100)).await.is_err());
            }
            assert_eq!(limited.ask(|reply| reply).await?, 1);
            assert_eq!(limited.ask(|reply| reply).await?, 2);
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn stop_of_a_limiter_waits_for_no_token_and_what_waits_is_dead() {
    paused(async |_| {
        let gauge = Gauge::open();
        tenure::scope(async |scope| {
            let to = scope.spawn(gauge.clone())?;
            let limited = scope.spawn(Limiter::new(Bucket::new(Rate::per_minute(1), 1)?, to))?;
            for number in 0..4 {
                limited.tell(Value::from(number)).await?;
            }
            sleep(ms(1)).await;
            limited.stop().await?;
            assert_eq!(scope.dead_letters(), 3);
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(gauge.timed(), ["0 at 0"]);
    });
}

#[test]
fn stop_of_a_limiter_waits_for_no_room_behind_it() {
    paused(async |_| {
        let gauge = Gauge::held();
        tenure::scope(async |scope| {
            let to = scope.spawn(ChildSpec::new(gauge.clone()).mailbox(Mailbox::bounded(1)))?;
            let bucket = Bucket::new(Rate::per_minute(1), 10)?;
            let limited = scope.spawn(Limiter::new(bucket, to))?;
            for number in 0..4 {
                limited.tell(Value::from(number)).await?;
            }
            sleep(ms(1)).await;
            let start = Instant::now();
            limited.stop().await?;
            assert_eq!(start.elapsed(), ms(0));
            assert_eq!(scope.dead_letters(), 2);
            gauge.let_go(2);
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(gauge.values(), ["0", "1"]);
    });
}

/// How retries end whose first attempts fail with these errors, and after how many milliseconds.
async fn tries(retry: Retry, errors: &[AskError]) -> (Result<u32, RetryError<AskError>>, u128) {
    let (start, mut number) = (Instant::now(), 0);
    let result = retry.ask(|| {
        let error = errors.get(number).cloned();
        number += 1;
        let number = u32::try_from(number).unwrap();
        async move { error.map_or(Ok(number), Err) }
    });
    (result.await, start.elapsed().as_millis())
}

#[test]
fn only_what_was_never_started_is_asked_again_unless_it_is_idempotent() {
    paused(async |_| {
        let retry = Retry::new(5).backoff(Backoff::fixed(ms(10)));
        let timed_out = |started, inherited| AskError::TimedOut { started, inherited };
        for (error, again, if_idempotent) in [
            (AskError::Stopped, true, true),
            (AskError::Full, true, true),
            (AskError::Dropped, true, true),
            (timed_out(false, false), true, true),
            (timed_out(true, false), false, true),
            (timed_out(false, true), false, false),
            (AskError::Failed, false, true),
            (AskError::Killed, false, true),
            (AskError::NoReply, false, true),
        ] {
            for (retry, again) in [(retry, again), (retry.idempotent(), if_idempotent)] {
                let (result, took) = tries(retry, &[error.clone(), error.clone()]).await;
                match again {
                    true => assert_eq!((result, took), (Ok(3), 20), "{error:?}"),
                    false => {
                        let failed = result.unwrap_err();
                        assert_eq!((failed.attempts, failed.last, took), (1, error.clone(), 0));
                    }
                }
            }
        }
    });
}

#[test]
fn number_of_tries_and_their_time_are_bounded() {
    paused(async |_| {
        let errors = [const { AskError::Full }; 10];
        let retry = |attempts| Retry::new(attempts).backoff(Backoff::fixed(ms(10)));
        let (result, took) = tries(retry(0), &errors).await;
        assert_eq!((result.unwrap_err().attempts, took), (1, 0));
        let (result, took) = tries(retry(4), &errors).await;
        let failed = result.unwrap_err();
        assert_eq!((failed.attempts, took), (4, 30));
        assert_eq!(failed.to_string(), "failed 4 times");
        let (result, took) = tries(retry(u32::MAX).within(ms(35)), &errors).await;
        assert_eq!(
            (result.unwrap_err().attempts, took),
            (4, 30),
            "the next would be too late"
        );
        let (result, _) = tries(retry(u32::MAX).within(Duration::MAX), &errors).await;
        assert_eq!(result.unwrap(), 11);
        let never = Retry::new(2).backoff(Backoff::fixed(Duration::MAX));
        let (result, took) = tries(never.within(ms(5)), &errors).await;
        assert_eq!((result.unwrap_err().attempts, took), (1, 0));
    });
}

#[test]
fn worker_that_was_lost_is_asked_again_through_its_pool() {
    #[derive(Clone)]
    struct Mortal(Arc<AtomicU32>);

    impl Actor for Mortal {
        type Msg = ReplyTo<u32>;

        async fn handle(&mut self, reply: ReplyTo<u32>, ctx: &mut Context<Self>) -> tenure::Result {
            let number = self.0.fetch_add(1, Ordering::SeqCst);
            if number < 2 {
                ctx.me().request_kill();
                std::future::pending::<()>().await;
            }
            reply.send(number);
            Ok(())
        }
    }

    paused(async |_| {
        tenure::scope(async |scope| {
            let mortal = Mortal(Arc::default());
            let pool = tenure_actors::pool::Pool::of(2, move |_| mortal.clone());
            let pool = scope.spawn(pool)?;
            let once = Retry::new(5).ask(|| pool.ask(|reply| reply)).await;
            assert_eq!(once.unwrap_err().last, AskError::Killed);
            let retry = Retry::new(5).idempotent();
            assert_eq!(retry.ask(|| pool.ask(|reply| reply)).await?, 2);
            Ok(())
        })
        .await
        .unwrap();
    });
}

async fn call(
    breaker: &Breaker,
    result: Result<u32, AskError>,
) -> Result<u32, BreakerError<AskError>> {
    breaker.ask(|| async { result }).await
}

fn failed() -> Result<u32, BreakerError<AskError>> {
    Err(BreakerError::Failed(AskError::Failed))
}

fn open(millis: u64) -> Result<u32, BreakerError<AskError>> {
    Err(BreakerError::Open {
        retry_after: ms(millis),
    })
}

#[test]
fn breaker_opens_after_failures_in_a_row_and_closes_after_a_try() {
    paused(async |_| {
        let breaker = Breaker::new(2, ms(100));
        assert_eq!(call(&breaker, Err(AskError::Failed)).await, failed());
        assert_eq!(call(&breaker, Ok(1)).await, Ok(1));
        assert_eq!(call(&breaker, Err(AskError::Failed)).await, failed());
        // An inherited limit says nothing about the one that was asked.
        let inherited = AskError::TimedOut {
            started: true,
            inherited: true,
        };
        assert!(call(&breaker, Err(inherited)).await.is_err());
        assert_eq!(breaker.state(), State::Closed);
        assert_eq!(call(&breaker, Err(AskError::Failed)).await, failed());
        assert_eq!(breaker.state(), State::Open);
        advance(ms(40)).await;
        assert_eq!(call(&breaker, Ok(2)).await, open(60));
        advance(ms(60)).await;
        assert_eq!(breaker.state(), State::HalfOpen);
        assert_eq!(call(&breaker, Err(AskError::Failed)).await, failed());
        assert_eq!(call(&breaker, Ok(3)).await, open(100));
        advance(ms(100)).await;
        assert_eq!(call(&breaker, Ok(4)).await, Ok(4));
        assert_eq!(breaker.state(), State::Closed);
    });
}

#[test]
fn breaker_that_is_half_open_lets_so_many_try_and_one_that_is_dropped_makes_room() {
    paused(async |_| {
        let breaker = Breaker::new(0, ms(10)).probes(2);
        assert!(call(&breaker, Err(AskError::Killed)).await.is_err());
        advance(ms(10)).await;
        let never = || std::future::pending::<Result<u32, AskError>>();
        let tries = [(); 2].map(|()| Box::pin(breaker.ask(never)));
        let [mut one, mut other] = tries;
        assert!(timeout(ms(0), &mut one).await.is_err());
        assert!(timeout(ms(0), &mut other).await.is_err());
        assert_eq!(call(&breaker, Ok(1)).await, open(0));
        drop(one);
        assert_eq!(call(&breaker, Ok(2)).await, Ok(2));
        assert_eq!(breaker.state(), State::HalfOpen, "another is still trying");
        drop(other);
        assert_eq!(call(&breaker, Ok(3)).await, Ok(3));
        assert_eq!(breaker.state(), State::Closed);
    });
}

#[test]
fn breaker_that_is_open_for_ever_and_one_that_is_not_at_all() {
    paused(async |_| {
        let for_ever = Breaker::new(1, Duration::MAX);
        assert!(call(&for_ever, Err(AskError::Full)).await.is_err());
        advance(ms(1_000_000_000)).await;
        assert_eq!(for_ever.state(), State::Open);
        let never = Breaker::new(1, Duration::ZERO);
        assert!(call(&never, Err(AskError::Full)).await.is_err());
        assert_eq!(call(&never, Ok(1)).await, Ok(1));
    });
}
