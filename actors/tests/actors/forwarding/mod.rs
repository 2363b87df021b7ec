//! What every actor that forwards messages owes to those who wait for replies. A new pool, router or balancer is tested
//! with one line, `forwarding_tests!`.
//!
//! The caller, the failure and the deadline are kept: with a limit and without, while the message is queued and while
//! it is handled, over one hop and over two.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tenure::prelude::*;
use tokio::time::{Instant, sleep};

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// What the workers behind a forwarder are sent.
pub(crate) enum Job {
    Echo(u32, ReplyTo<u32>),
    /// Replies how much time is left.
    Deadline(ReplyTo<Option<Duration>>),
    /// Works until its caller has gone.
    Endless(ReplyTo<()>),
    /// Works for this many seconds.
    Busy(u32),
    Fail(ReplyTo<()>),
    Panic(ReplyTo<()>),
    /// Drops the reply, and goes on for a second.
    Forget(ReplyTo<()>),
    /// Kills itself while it holds the reply.
    Die(ReplyTo<()>),
    /// Ends in good order.
    Finish,
}

/// What the workers have done.
#[derive(Clone, Default)]
pub(crate) struct Done {
    pub(crate) started: Arc<AtomicUsize>,
    pub(crate) given_up: Arc<AtomicUsize>,
    pub(crate) incarnations: Arc<AtomicUsize>,
}

impl Done {
    pub(crate) fn started(&self) -> usize {
        self.started.load(Ordering::SeqCst)
    }

    pub(crate) fn given_up(&self) -> usize {
        self.given_up.load(Ordering::SeqCst)
    }
}

#[derive(Clone)]
pub(crate) struct Worker(pub(crate) Done);

impl Actor for Worker {
    type Msg = Job;

    async fn on_start(&mut self, _: &mut Context<Self>) -> tenure::Result {
        self.0.incarnations.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    async fn handle(&mut self, job: Job, ctx: &mut Context<Self>) -> tenure::Result {
        self.0.started.fetch_add(1, Ordering::SeqCst);
        match job {
            Job::Echo(number, reply) => reply.send(number),
            Job::Deadline(reply) => {
                let left = ctx.deadline().map(|at| at - Instant::now());
                reply.send(left);
            }
            Job::Endless(reply) => {
                let work = std::future::pending::<()>();
                if ctx.until_caller_gone(work).await.is_none() {
                    self.0.given_up.fetch_add(1, Ordering::SeqCst);
                }
                drop(reply);
            }
            Job::Busy(seconds) => sleep(seconds * SECOND).await,
            Job::Fail(_reply) => return Err("told to fail".into()),
            Job::Panic(_reply) => panic!("told to panic"),
            Job::Forget(reply) => {
                drop(reply);
                sleep(SECOND).await;
            }
            Job::Die(reply) => {
                ctx.me().request_kill();
                std::future::pending::<()>().await;
                drop(reply);
            }
            Job::Finish => ctx.stop(),
        }
        Ok(())
    }
}

/// A worker whose failures are contained.
pub(crate) fn worker(done: &Done) -> ChildSpec<Worker> {
    ChildSpec::new(Worker(done.clone()))
        .restart(Restart::OnFailure)
        .mailbox(Mailbox::bounded(4))
        .intensity(100, SECOND)
}

/// Tests a forwarder. `$spec` makes its spec, with the given name, from a function that makes the specs of the workers.
#[macro_export]
macro_rules! forwarding_tests {
    ($name:ident, |$worker:ident| $spec:expr) => {
        mod $name {
            use tenure::prelude::*;
            use tokio::task::yield_now;
            use tokio::time::timeout;

            use super::*;
            use $crate::forwarding::{Done, Job, SECOND, worker};

            /// Runs a test with the forwarder itself, and with a relay in front of it.
            async fn each(test: impl AsyncFn(&Scope, &ActorRef<Job>, &Done) -> tenure::Result) {
                let done = Done::default();
                tenure::scope(async |scope| {
                    let made = done.clone();
                    let $worker = move || worker(&made);
                    let forwarder = scope.start($spec).await?;
                    test(&scope, &forwarder, &done).await
                })
                .await
                .unwrap();
                let done = Done::default();
                tenure::scope(async |scope| {
                    let made = done.clone();
                    let $worker = move || worker(&made);
                    let inner = scope.start($spec).await?;
                    let outer = $crate::forwarding::Relay(inner);
                    let outer = scope.spawn(outer)?;
                    test(&scope, &outer, &done).await
                })
                .await
                .unwrap();
            }

            async fn settle() {
                for _ in 0..32 {
                    yield_now().await;
                }
            }

            #[tokio::test(start_paused = true)]
            async fn reply_goes_straight_to_the_caller() {
                each(async |_, pool, _| {
                    for number in 0..8 {
                        let reply = pool.ask(|reply| Job::Echo(number, reply)).await?;
                        assert_eq!(reply, number);
                    }
                    Ok(())
                })
                .await;
            }

            #[tokio::test(start_paused = true)]
            async fn deadline_is_known_to_the_worker() {
                each(async |_, pool, _| {
                    let limited = pool.ask(Job::Deadline).timeout(3 * SECOND).await?;
                    assert_eq!(limited, Some(3 * SECOND));
                    assert_eq!(pool.ask(Job::Deadline).await?, None);
                    Ok(())
                })
                .await;
            }

            #[tokio::test(start_paused = true)]
            async fn ask_whose_time_is_up_ends_the_work() {
                each(async |_, pool, done| {
                    let start = Instant::now();
                    let reply = pool.ask(Job::Endless).timeout(SECOND).await;
                    assert!(matches!(reply, Err(AskError::TimedOut { .. })), "{reply:?}");
                    assert_eq!(start.elapsed(), SECOND);
                    settle().await;
                    assert_eq!((done.started(), done.given_up()), (1, 1));
                    Ok(())
                })
                .await;
            }

            #[tokio::test(start_paused = true)]
            async fn ask_without_a_limit_that_is_dropped_ends_the_work() {
                each(async |_, pool, done| {
                    assert!(timeout(SECOND, pool.ask(Job::Endless)).await.is_err());
                    settle().await;
                    assert_eq!((done.started(), done.given_up()), (1, 1));
                    Ok(())
                })
                .await;
            }

            #[tokio::test(start_paused = true)]
            async fn ask_that_is_given_up_while_it_is_queued_at_a_worker_is_skipped() {
                each(async |_, pool, done| {
                    // Every worker is busy.
                    for _ in 0..2 {
                        pool.tell(Job::Busy(2)).await?;
                    }
                    settle().await;
                    let half = SECOND / 2;
                    assert!(timeout(half, pool.ask(Job::Endless)).await.is_err());
                    let limited = pool.ask(Job::Endless).timeout(half).await;
                    assert!(
                        matches!(limited, Err(AskError::TimedOut { .. })),
                        "{limited:?}"
                    );
                    // One message for each worker, queued behind those that were given up.
                    for number in 0..2 {
                        pool.ask(|reply| Job::Echo(number, reply)).await?;
                    }
                    assert_eq!((done.started(), done.given_up()), (4, 0));
                    Ok(())
                })
                .await;
            }

            #[tokio::test(start_paused = true)]
            async fn failure_of_the_worker_is_told_as_a_failure() {
                each(async |_, pool, _| {
                    for _ in 0..3 {
                        assert_eq!(pool.ask(Job::Fail).await, Err(AskError::Failed));
                        assert_eq!(pool.ask(Job::Panic).await, Err(AskError::Failed));
                        let limited = pool.ask(Job::Fail).timeout(SECOND).await;
                        assert_eq!(limited, Err(AskError::Failed));
                    }
                    Ok(())
                })
                .await;
            }

            #[tokio::test(start_paused = true)]
            async fn kill_of_the_worker_is_told_as_a_kill_and_another_takes_its_place() {
                each(async |_, pool, done| {
                    for _ in 0..8 {
                        assert_eq!(pool.ask(Job::Die).await, Err(AskError::Killed));
                        settle().await;
                    }
                    assert_eq!(pool.ask(|reply| Job::Echo(1, reply)).await?, 1);
                    assert_eq!(done.started(), 9);
                    Ok(())
                })
                .await;
            }

            #[tokio::test(start_paused = true)]
            async fn worker_that_has_finished_is_replaced_when_it_is_needed() {
                each(async |_, pool, done| {
                    for number in 0..8 {
                        pool.tell(Job::Finish).await?;
                        settle().await;
                        let reply = pool.ask(|reply| Job::Echo(number, reply)).await?;
                        assert_eq!(reply, number);
                    }
                    assert_eq!(done.started(), 16);
                    Ok(())
                })
                .await;
            }

            #[tokio::test(start_paused = true)]
            async fn reply_that_the_worker_forgets_is_none_and_is_not_waited_for() {
                each(async |_, pool, _| {
                    let start = Instant::now();
                    assert_eq!(pool.ask(Job::Forget).await, Err(AskError::NoReply));
                    assert_eq!(start.elapsed(), Duration::ZERO);
                    Ok(())
                })
                .await;
            }
        }
    };
}

/// Forwards each message without looking at it.
pub(crate) struct Relay(pub(crate) ActorRef<Job>);

impl Actor for Relay {
    type Msg = Job;

    async fn handle(&mut self, job: Job, ctx: &mut Context<Self>) -> tenure::Result {
        ctx.forward(&self.0, job).await?;
        Ok(())
    }
}
