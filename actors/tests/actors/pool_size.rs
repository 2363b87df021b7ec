//! How many workers a pool has, and what happens when a factory fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tenure::prelude::*;
use tenure_actors::pool::{Pool, PoolError, PoolOptions};
use tokio::time::{Instant, sleep};

use crate::common::{Log, paused};
use crate::recorder::{Recorder, SECOND, begun, work};

fn workers(pool: &ActorRef<crate::recorder::Work>) -> Vec<String> {
    let children = pool.node().children();
    let mut names: Vec<_> = children.iter().filter_map(tenure::NodeRef::name).collect();
    names.retain(|name| name.starts_with("worker"));
    names.sort();
    names
}

#[test]
fn pool_grows_while_messages_wait_and_shrinks_while_it_is_idle() {
    paused(async |check| {
        let log = Log::default();
        tenure::scope(async |scope| {
            let pool = PoolOptions::elastic(2..=4, Recorder::maker(&log)).idle(10 * SECOND);
            let pool = scope.start(pool.spec().grace(60 * SECOND)).await?;
            check.node(pool.node());
            assert_eq!(workers(&pool).len(), 2);
            let start = Instant::now();
            for id in 0..8 {
                pool.tell(work(id, 2)).await?;
            }
            sleep(SECOND).await;
            assert_eq!(workers(&pool).len(), 4);
            sleep(3 * SECOND).await;
            assert_eq!(begun(&log).len(), 8);
            // From here on, three workers are enough.
            while start.elapsed() < 30 * SECOND {
                for id in 0..3 {
                    pool.tell(work(id, 1)).await?;
                }
                sleep(2 * SECOND).await;
            }
            assert_eq!(workers(&pool), ["worker-0", "worker-1", "worker-2"]);
            sleep(20 * SECOND).await;
            assert_eq!(workers(&pool), ["worker-0", "worker-1"]);
            // Only the workers are left: there is no task that checks the size.
            assert_eq!(pool.node().children().len(), 2);
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn pool_waits_for_more_than_one_message_before_it_grows_if_it_is_told_to() {
    paused(async |_| {
        let log = Log::default();
        tenure::scope(async |scope| {
            let pool = PoolOptions::elastic(1..=3, Recorder::maker(&log)).grow_at(3);
            let pool = scope.start(pool.spec().grace(60 * SECOND)).await?;
            for id in 0..3 {
                pool.tell(work(id, 1)).await?;
            }
            sleep(SECOND / 2).await;
            assert_eq!(workers(&pool).len(), 1, "two wait");
            pool.tell(work(3, 1)).await?;
            pool.tell(work(4, 1)).await?;
            sleep(SECOND).await;
            assert!(workers(&pool).len() > 1);
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(begun(&log).len(), 5);
    });
}

#[test]
fn drain_does_not_wait_for_the_next_look_at_the_size() {
    paused(async |_| {
        let log = Log::default();
        let start = Instant::now();
        tenure::scope(async |scope| {
            let pool = PoolOptions::elastic(1..=4, Recorder::maker(&log)).idle(Duration::MAX);
            let pool = scope.spawn(pool.spec())?;
            for id in 0..4 {
                pool.tell(work(id, 1)).await?;
            }
            sleep(SECOND / 2).await;
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(start.elapsed(), SECOND);
    });
}

#[test]
fn times_of_no_length_do_not_spin() {
    paused(async |_| {
        let log = Log::default();
        tenure::scope(async |scope| {
            let pool = PoolOptions::elastic(0..=3, Recorder::maker(&log))
                .idle(Duration::ZERO)
                .grow_at(0)
                .prefetch(0)
                .fairness(0);
            let pool = scope.spawn(pool.spec())?;
            for id in 0..6 {
                pool.tell(work(id, 1)).await?;
            }
            sleep(10 * SECOND).await;
            assert_eq!(workers(&pool).len(), 1);
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(begun(&log).len(), 6);
    });
}

#[test]
fn empty_range_fails_the_start() {
    paused(async |_| {
        tenure::scope(async |scope| {
            let log = Log::default();
            #[expect(clippy::reversed_empty_ranges, reason = "it is what is tried")]
            let pool = PoolOptions::elastic(3..=2, Recorder::maker(&log));
            let Err(tenure::StartError::Failed(failure)) = scope.start(pool.spec()).await else {
                panic!("it does not start");
            };
            let text = failure.leaves().next().unwrap().to_string();
            assert!(text.contains("at least 3 and at most 2 workers"), "{text}");
            Ok(())
        })
        .await
        .unwrap();
    });
}

/// A factory that panics from its worker of this number on.
fn panics_from(number: usize, log: &Log) -> impl FnMut(usize) -> Recorder + Send + 'static + use<> {
    let made = Arc::new(AtomicUsize::new(0));
    let mut make = Recorder::maker(log);
    move |index| {
        assert!(
            made.fetch_add(1, Ordering::SeqCst) < number,
            "no more of them"
        );
        make(index)
    }
}

#[test]
fn factory_that_panics_fails_the_start() {
    paused(async |_| {
        let log = Log::default();
        tenure::scope(async |scope| {
            let started = scope.start(Pool::of(3, panics_from(2, &log))).await;
            let Err(tenure::StartError::Failed(failure)) = started else {
                panic!("it does not start");
            };
            let text = failure.leaves().next().unwrap().to_string();
            assert!(
                text.contains("the factory of worker-2 panicked: no more"),
                "{text}"
            );
            assert!(scope.children().is_empty());
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn factory_that_panics_for_a_new_worker_fails_the_pool() {
    paused(async |_| {
        let log = Log::default();
        let outcome = tenure::scope(async |scope| {
            let pool = scope
                .start(Pool::of(2, panics_from(2, &log)).name("pool"))
                .await?;
            pool.node().children()[0].kill().await?;
            pool.stopped().await?;
            Ok(())
        })
        .await;
        let RunError::Failed(failure) = outcome.unwrap_err() else {
            panic!("it fails");
        };
        let text = failure.leaves().next().unwrap().to_string();
        assert!(text.contains("the factory of worker-0 panicked"), "{text}");
        let expected = PoolError::FactoryPanicked {
            index: 0,
            message: String::from("no more of them"),
        };
        assert!(text.contains(&expected.to_string()));
    });
}

#[test]
fn start_of_a_worker_that_fails_fails_the_start_of_the_pool() {
    #[derive(Debug)]
    struct Fails;

    impl Actor for Fails {
        type Msg = ();

        async fn on_start(&mut self, _: &mut Context<Self>) -> tenure::Result {
            Err("no connection".into())
        }

        async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
            Ok(())
        }
    }

    paused(async |_| {
        tenure::scope(async |scope| {
            assert!(scope.start(Pool::of(2, |_| Fails)).await.is_err());
            Ok(())
        })
        .await
        .unwrap();
    });
}
