//! A pool handles everything that it accepts, whichever of its workers fails, is full, or comes last.

use crate::forwarding_tests;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tenure::prelude::*;
use tenure_actors::pool::{Dispatch, Pool, PoolOptions, Priority};
use tokio::time::{Instant, sleep};

forwarding_tests!(of_two_workers, |worker| Pool::of(2, move |_| worker()));
forwarding_tests!(of_one_worker, |worker| Pool::of(1, move |_| worker()));
forwarding_tests!(in_turn, |worker| PoolOptions::fixed(2, move |_| worker())
    .dispatch(Dispatch::RoundRobin)
    .prefetch(3)
    .spec());
forwarding_tests!(by_load, |worker| PoolOptions::fixed(2, move |_| worker())
    .dispatch(Dispatch::LeastLoaded)
    .prefetch(2)
    .spec());
forwarding_tests!(by_key, |worker| PoolOptions::fixed(2, move |_| worker())
    .by_key(|_| 1)
    .spec());
forwarding_tests!(by_priority, |worker| PoolOptions::fixed(
    2,
    move |_| worker()
)
.priority(|_| Priority::High)
.spec());
forwarding_tests!(elastic, |worker| PoolOptions::elastic(1..=2, move |_| {
    worker()
})
.spec());

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
        // A failure in the drain itself would not be followed by a restart.
        sleep(Duration::from_secs(2)).await;
        Ok(())
    })
    .await
    .unwrap();
    assert_eq!(done.load(Ordering::Relaxed), 8);
}

/// Counts what it handles. Waits for ever when it is told to.
struct Held;

enum HeldMsg {
    Hold(ReplyTo<()>),
    Ping(ReplyTo<()>),
}

impl Actor for Held {
    type Msg = HeldMsg;

    async fn handle(&mut self, msg: HeldMsg, _: &mut Context<Self>) -> tenure::Result {
        match msg {
            HeldMsg::Hold(reply) => reply.gone().await,
            HeldMsg::Ping(reply) => reply.send(()),
        }
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn worker_that_somebody_ends_is_replaced_at_once() {
    tenure::scope(async |scope| {
        let pool = scope.start(Pool::of(2, |_| Held).name("pool")).await?;
        for end in [
            tenure::NodeRef::request_kill,
            tenure::NodeRef::request_stop,
            tenure::NodeRef::request_drain,
        ] {
            let worker = scope.find("/pool/worker-1").unwrap();
            end(&worker);
            worker.stopped().await?;
            for _ in 0..8 {
                tokio::task::yield_now().await;
            }
            let next = scope.find("/pool/worker-1").unwrap();
            assert_ne!(next.id(), worker.id());
            assert_eq!(pool.node().children().len(), 2);
        }
        pool.ask(HeldMsg::Ping).await?;
        Ok(())
    })
    .await
    .unwrap();
}

#[tokio::test(start_paused = true)]
async fn pool_whose_workers_are_all_ending_waits_for_one_and_replaces_it() {
    tenure::scope(async |scope| {
        let pool = scope.start(Pool::of(2, |_| Held).name("pool")).await?;
        let hold = |limit| {
            pool.ask(HeldMsg::Hold)
                .timeout(Duration::from_secs(limit))
                .owned()
        };
        let held =
            [hold(2), hold(3)].map(|ask| scope.task(async { tenure::Ok(ask.await) }).unwrap());
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
        for worker in pool.node().children() {
            worker.request_stop();
        }
        let start = Instant::now();
        pool.ask(HeldMsg::Ping).await?;
        assert_eq!(
            start.elapsed(),
            Duration::from_secs(2),
            "the first of them has ended"
        );
        for task in held {
            assert!(task.await?.is_err());
        }
        Ok(())
    })
    .await
    .unwrap();
}

#[tokio::test(start_paused = true)]
async fn worker_whose_failure_is_contained_is_replaced_when_it_is_needed() {
    let done = Arc::new(AtomicU32::new(0));
    tenure::scope(async |scope| {
        let slow = Slow {
            done: Arc::clone(&done),
        };
        let worker = move |_| ChildSpec::new(slow.clone()).contain();
        let pool = scope.spawn(Pool::of(1, worker))?;
        for number in [0, 1, 0, 1] {
            pool.tell(number).await?;
            sleep(Duration::from_secs(2)).await;
        }
        Ok(())
    })
    .await
    .unwrap();
    assert_eq!(done.load(Ordering::Relaxed), 4);
}

#[tokio::test(start_paused = true)]
async fn pool_that_drains_replaces_nobody() {
    tenure::scope(async |scope| {
        let pool = scope.start(Pool::of(2, |_| Held)).await?;
        pool.request_drain();
        pool.stopped().await?;
        Ok(())
    })
    .await
    .unwrap();
}
