//! The pool: all that it accepts is handled, whichever of its workers is full or last.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tenure::prelude::*;
use tenure_actors::pool::Pool;
use tokio::time::{Instant, sleep};

#[derive(Clone)]
struct Slow {
    done: Arc<AtomicU32>,
}

impl Actor for Slow {
    type Msg = u32;

    async fn handle(&mut self, number: u32, _ctx: &mut Context<Self>) -> tenure::Result {
        sleep(Duration::from_secs(1)).await;
        self.done.fetch_add(1, Ordering::Relaxed);
        if number == 0 {
            Err("zero".into())
        } else {
            Ok(())
        }
    }
}

fn pool_of(size: usize, done: &Arc<AtomicU32>) -> ChildSpec<impl Start<Actor = Pool<Slow>>> {
    let done = Arc::clone(done);
    Pool::of(size, move |_| Slow {
        done: Arc::clone(&done),
    })
}

#[tokio::test(start_paused = true)]
async fn work_is_spread_and_a_drain_loses_nothing() {
    let done = Arc::new(AtomicU32::new(0));
    let start = Instant::now();
    tenure::scope(async |scope| {
        let pool = scope.spawn(pool_of(4, &done))?;
        for number in 1..=12 {
            pool.tell(number).await?;
        }
        Ok(())
    })
    .await
    .unwrap();
    assert_eq!(done.load(Ordering::Relaxed), 12);
    assert_eq!(
        start.elapsed(),
        Duration::from_secs(3),
        "twelve seconds of work on four workers"
    );
}

#[tokio::test(start_paused = true)]
async fn no_size_is_taken_for_one_worker() {
    let done = Arc::new(AtomicU32::new(0));
    tenure::scope(async |scope| {
        let pool = scope.start(pool_of(0, &done)).await?;
        assert_eq!(pool.node().children().len(), 1);
        pool.tell(1).await?;
        Ok(())
    })
    .await
    .unwrap();
    assert_eq!(done.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_fails_fails_the_pool() {
    let done = Arc::new(AtomicU32::new(0));
    let outcome = tenure::scope(async |scope| {
        let pool = scope.spawn(pool_of(2, &done).name("pool"))?;
        pool.tell(0).await?;
        pool.stopped().await?;
        Ok(())
    })
    .await;
    let RunError::Failed(failure) = outcome.unwrap_err() else {
        panic!("it fails");
    };
    let leaf = failure.leaves().next().unwrap();
    assert_eq!(leaf.to_string(), "/pool/worker-0 failed: zero");
}

#[tokio::test(start_paused = true)]
async fn worker_with_a_restart_policy_fails_nobody() {
    let done = Arc::new(AtomicU32::new(0));
    let slow = Slow {
        done: Arc::clone(&done),
    };
    let worker = move |_| ChildSpec::new(slow.clone()).restart(Restart::OnFailure);
    tenure::scope(async |scope| {
        let pool = scope.spawn(Pool::of(2, worker))?;
        for number in 0..8 {
            pool.tell(number).await?;
        }
        // A failure in the drain itself is not followed by a restart.
        sleep(Duration::from_secs(2)).await;
        Ok(())
    })
    .await
    .unwrap();
    assert_eq!(done.load(Ordering::Relaxed), 8);
}
