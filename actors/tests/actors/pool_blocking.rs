//! Workers whose messages are handled on threads that may block.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tenure::NodeRef;
use tenure::prelude::*;
use tenure_actors::pool::{Blocking, Pool};
use tokio::runtime::Builder;

use crate::common::multi_thread;

#[derive(Default)]
struct Seen {
    now: AtomicUsize,
    most: AtomicUsize,
    cancelled: AtomicBool,
}

enum Job {
    /// Takes a while on its thread.
    Square(u32, ReplyTo<u32>),
    /// Works until its token fires.
    Endless(ReplyTo<()>),
    Panic(ReplyTo<()>),
    Fail(ReplyTo<()>),
}

fn worker(seen: &Arc<Seen>) -> Blocking<Job> {
    let seen = Arc::clone(seen);
    Blocking::new(move |job, token| {
        let now = seen.now.fetch_add(1, Ordering::SeqCst) + 1;
        seen.most.fetch_max(now, Ordering::SeqCst);
        let mut result = Ok(());
        match job {
            Job::Square(number, reply) => {
                std::thread::sleep(Duration::from_millis(2));
                reply.send(number * number);
            }
            Job::Endless(_reply) => {
                while !token.is_cancelled() {
                    std::thread::yield_now();
                }
                seen.cancelled.store(true, Ordering::SeqCst);
            }
            Job::Panic(_reply) => {
                seen.now.fetch_sub(1, Ordering::SeqCst);
                panic!("a job that panics");
            }
            Job::Fail(_reply) => result = Err("a job that fails".into()),
        }
        seen.now.fetch_sub(1, Ordering::SeqCst);
        result
    })
}

async fn begun(seen: &Seen) {
    while seen.now.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
}

fn pool(size: usize, seen: &Arc<Seen>) -> ChildSpec<impl Start<Actor: Actor<Msg = Job>>> {
    let worker = worker(seen);
    Pool::of(size, move |_| {
        let spec = ChildSpec::new(worker.clone()).restart(Restart::OnFailure);
        spec.intensity(100, Duration::from_secs(1))
    })
}

#[test]
fn no_more_jobs_run_at_a_time_than_there_are_workers() {
    multi_thread(async |check| {
        let seen = Arc::new(Seen::default());
        tenure::scope(async |scope| {
            let pool = scope.spawn(pool(3, &seen))?;
            check.node(pool.node());
            let mut asks = Vec::new();
            for number in 0..30 {
                let ask = pool.ask(|reply| Job::Square(number, reply)).owned();
                asks.push(scope.task(async { tenure::Ok(ask.await?) })?);
            }
            for (number, ask) in (0..).zip(asks) {
                assert_eq!(ask.await?, number * number);
            }
            Ok(())
        })
        .await
        .unwrap();
        let most = seen.most.load(Ordering::SeqCst);
        assert!((1..=3).contains(&most), "{most} at a time");
    });
}

#[test]
fn job_whose_caller_has_gone_is_told_by_its_token() {
    multi_thread(async |_| {
        let seen = Arc::new(Seen::default());
        tenure::scope(async |scope| {
            let pool = scope.spawn(pool(1, &seen))?;
            tokio::select! {
                _ = pool.ask(Job::Endless) => panic!("it is endless"),
                () = begun(&seen) => {}
            }
            // The only worker is free again.
            assert_eq!(pool.ask(|reply| Job::Square(3, reply)).await?, 9);
            Ok(())
        })
        .await
        .unwrap();
        assert!(seen.cancelled.load(Ordering::SeqCst));
    });
}

#[test]
fn stop_fires_the_tokens_of_jobs_and_joins_them() {
    multi_thread(async |_| {
        let seen = Arc::new(Seen::default());
        tenure::scope(async |scope| {
            let pool = scope.start(pool(2, &seen)).await?;
            let ask = pool.ask(Job::Endless).owned();
            let ask = scope.task(async { tenure::Ok(ask.await) })?;
            begun(&seen).await;
            pool.stop().await?;
            assert_eq!(seen.now.load(Ordering::SeqCst), 0, "it is joined");
            assert!(ask.await?.is_err());
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn job_that_fails_or_panics_fails_its_worker_which_is_restarted() {
    multi_thread(async |_| {
        let seen = Arc::new(Seen::default());
        tenure::scope(async |scope| {
            let pool = scope.spawn(pool(1, &seen))?;
            for _ in 0..3 {
                assert_eq!(pool.ask(Job::Panic).await, Err(AskError::NoReply));
                assert_eq!(pool.ask(Job::Fail).await, Err(AskError::NoReply));
                assert_eq!(pool.ask(|reply| Job::Square(2, reply)).await?, 4);
            }
            Ok(())
        })
        .await
        .unwrap();
    });
}

/// The only thread for jobs is taken, so the job is still waiting when its caller goes.
#[test]
fn job_whose_caller_has_gone_before_it_began_fails_nobody() {
    let mut builder = Builder::new_multi_thread();
    let runtime = builder.max_blocking_threads(1).enable_all().build();
    let runtime = runtime.unwrap();
    runtime.block_on(async {
        let seen = Arc::new(Seen::default());
        tenure::scope(async |scope| {
            let spec = ChildSpec::new(worker(&seen)).mailbox(Mailbox::bounded(1));
            let worker = scope.start(spec).await?;
            let busy = Arc::new(AtomicBool::new(true));
            let is_busy = Arc::clone(&busy);
            let other = scope.blocking(move |_| {
                while is_busy.load(Ordering::SeqCst) {
                    std::thread::yield_now();
                }
            })?;
            let mut ask = Box::pin(worker.ask(Job::Endless));
            tokio::select! {
                _ = &mut ask => panic!("no thread is free"),
                () = has_job(worker.node()) => {}
            }
            drop(ask);
            while !worker.node().children().is_empty() {
                tokio::task::yield_now().await;
            }
            let next = worker.ask(|reply| Job::Square(3, reply)).owned();
            let next = scope.task(async { tenure::Ok(next.await?) })?;
            busy.store(false, Ordering::SeqCst);
            other.await?;
            assert_eq!(next.await?, 9);
            Ok(())
        })
        .await
        .unwrap();
        assert!(!seen.cancelled.load(Ordering::SeqCst), "it was never begun");
    });
}

#[test]
fn job_that_is_stopped_killed_or_cut_fails_nobody() {
    let ends: [fn(&NodeRef); 3] = [NodeRef::request_stop, NodeRef::request_kill, |job| {
        drop(job.stop().within(Duration::ZERO))
    }];
    for end in ends {
        multi_thread(async |_| {
            let seen = Arc::new(Seen::default());
            tenure::scope(async |scope| {
                let worker = scope.start(worker(&seen)).await?;
                let ask = worker.ask(Job::Endless).owned();
                let ask = scope.task(async { tenure::Ok(ask.await) })?;
                begun(&seen).await;
                end(&worker.node().children()[0]);
                assert_eq!(ask.await?, Err(AskError::NoReply));
                assert_eq!(worker.ask(|reply| Job::Square(3, reply)).await?, 9);
                Ok(())
            })
            .await
            .unwrap();
        });
    }
}

async fn has_job(worker: NodeRef) {
    while worker.children().is_empty() {
        tokio::task::yield_now().await;
    }
}
