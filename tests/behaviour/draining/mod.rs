//! What a drain handles, and what becomes of messages and asks to a node that ends.

mod overtaken;
mod owners;

use std::sync::Arc;
use std::time::Duration;

use crate::common::worker::{Do, Worker};
use crate::common::{Check, Count, Guard, Log, paused};
use tenure::prelude::*;
use tenure::{StopReason, TrySendError};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

const SECOND: Duration = Duration::from_secs(1);

/// Counts what it handles, and starts what it is told to start.
struct Sink {
    plain: Count,
    piped: Count,
    from_child: Count,
    gate: Arc<Notify>,
    check: Check,
}

enum SinkMsg {
    Pass,
    Plain(#[allow(dead_code, reason = "counted")] Guard),
    Start,
    Piped,
    FromChild,
    Last,
}

/// Sends a last message to its owner when it ends.
struct Faithful(
    ActorRef<SinkMsg>,
    #[allow(dead_code, reason = "counted")] Guard,
);

impl Actor for Faithful {
    type Msg = ();

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        Ok(())
    }

    async fn on_stop(&mut self, _: &mut Context<Self>) -> tenure::Result {
        sleep(SECOND).await;
        Ok(self.0.tell(SinkMsg::FromChild).await?)
    }
}

impl Actor for Sink {
    type Msg = SinkMsg;

    async fn handle(&mut self, msg: SinkMsg, ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            SinkMsg::Pass => self.gate.notified().await,
            SinkMsg::Plain(_) => self.plain.add(),
            SinkMsg::Start => {
                ctx.spawn(Faithful(ctx.me(), self.check.guard()))?;
                ctx.pipe(sleep(3 * SECOND), |()| SinkMsg::Piped)?;
            }
            SinkMsg::Piped => self.piped.add(),
            // What it starts from here on is beneath the draining node, too.
            SinkMsg::FromChild => {
                self.from_child.add();
                ctx.pipe(sleep(SECOND), |()| SinkMsg::Last)?;
            }
            SinkMsg::Last => self.from_child.add(),
        }
        Ok(())
    }
}

#[test]
fn drain_handles_all_accepted() {
    const ACCEPTED: usize = 1_000;

    paused(async |check| {
        let sink = || Sink {
            plain: Count::default(),
            piped: Count::default(),
            from_child: Count::default(),
            gate: Arc::new(Notify::new()),
            check: check.clone(),
        };
        let actor = sink();
        let counts = (
            actor.plain.clone(),
            actor.piped.clone(),
            actor.from_child.clone(),
        );
        let gate = Arc::clone(&actor.gate);
        tenure::scope(async |scope| {
            let spec = ChildSpec::new(actor).mailbox(Mailbox::bounded(ACCEPTED + 1));
            let sink = scope.spawn(spec)?;
            check.node(sink.node());
            sink.tell(SinkMsg::Start).await?;
            sink.tell(SinkMsg::Pass).await?;
            while sink.node().backlog() > 0 {
                tokio::task::yield_now().await;
            }
            for _ in 0..ACCEPTED {
                sink.try_tell(SinkMsg::Plain(check.guard()))?;
            }
            // One sender has reserved a slot, another waits in the line, and neither has sent anything.
            let permit = sink.reserve().await?;
            let waiting = {
                let (sink, guard) = (sink.clone(), check.guard());
                scope.task(async move {
                    Ok::<_, tenure::Error>(sink.tell(SinkMsg::Plain(guard)).await)
                })?
            };
            tokio::task::yield_now().await;

            let start = Instant::now();
            let draining = sink.drain();
            let told = sink.tell(SinkMsg::Plain(check.guard())).await;
            let sent = permit.send(SinkMsg::Plain(check.guard()));
            for refused in [told, sent, waiting.await?] {
                assert!(matches!(refused, Err(SendError::Stopped(_))), "{refused:?}");
            }
            let tried = sink.try_tell(SinkMsg::Plain(check.guard()));
            assert!(matches!(tried, Err(TrySendError::Stopped(_))), "{tried:?}");
            assert_eq!(counts.0.get(), 0);

            gate.notify_one();
            let reason = draining.await?;
            assert!(matches!(reason, StopReason::Drained), "{reason:?}");
            // The pipe takes 3 s. Only then is the child told, which takes 1 s, and its last message takes another.
            assert_eq!(start.elapsed(), 5 * SECOND);
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(counts.0.get(), ACCEPTED);
        assert_eq!(counts.1.get(), 1);
        assert_eq!(counts.2.get(), 2);
    });
}

/// Hands out jobs to workers, who send back results.
struct Pool {
    workers: Vec<ActorRef<Job>>,
    results: Count,
    check: Check,
}

enum PoolMsg {
    Job(u32, Guard),
    Done(#[allow(dead_code, reason = "counted")] Guard),
}

struct Job(u32, Guard);

struct PoolWorker(ActorRef<PoolMsg>);

impl Actor for PoolWorker {
    type Msg = Job;

    async fn handle(&mut self, Job(n, guard): Job, _: &mut Context<Self>) -> tenure::Result {
        sleep(Duration::from_millis(n.into())).await;
        Ok(self.0.tell(PoolMsg::Done(guard)).await?)
    }
}

impl Actor for Pool {
    type Msg = PoolMsg;

    async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        for _ in 0..4 {
            let worker = ChildSpec::new(PoolWorker(ctx.me())).mailbox(Mailbox::unbounded());
            let worker = ctx.spawn(worker)?;
            self.check.node(worker.node());
            self.workers.push(worker);
        }
        Ok(())
    }

    async fn handle(&mut self, msg: PoolMsg, _: &mut Context<Self>) -> tenure::Result {
        match msg {
            PoolMsg::Job(n, guard) => {
                let worker = &self.workers[n as usize % self.workers.len()];
                worker.tell(Job(n % 7, guard)).await?;
            }
            PoolMsg::Done(_) => self.results.add(),
        }
        Ok(())
    }
}

#[test]
fn drain_of_a_pool_of_two_levels_loses_nothing() {
    const JOBS: usize = 1_000;

    for order in [StopOrder::Reverse, StopOrder::Concurrent] {
        paused(async |check| {
            let results = Count::default();
            tenure::scope(async |scope| {
                let pool = ChildSpec::new(Pool {
                    workers: Vec::new(),
                    results: results.clone(),
                    check: check.clone(),
                });
                let pool = pool.stop_order(order).mailbox(Mailbox::unbounded());
                let pool = scope.spawn(pool)?;
                for n in 0..JOBS {
                    pool.try_tell(PoolMsg::Job(u32::try_from(n)?, check.guard()))?;
                }
                let reason = pool.drain().await?;
                assert!(matches!(reason, StopReason::Drained), "{reason:?}");
                Ok(())
            })
            .await
            .unwrap();
            assert_eq!(results.get(), JOBS);
        });
    }
}

/// Notes the ends of its children, and tolerates their failures.
struct Tolerant(Count);

impl Actor for Tolerant {
    type Msg = ReplyTo<Spawner>;

    async fn handle(&mut self, reply: Self::Msg, ctx: &mut Context<Self>) -> tenure::Result {
        reply.send(ctx.spawner());
        Ok(())
    }

    async fn on_child_exit(&mut self, _: ChildExit, _: &mut Context<Self>) -> tenure::Result {
        self.0.add();
        Ok(())
    }
}

#[test]
fn drain_shows_the_ends_of_children() {
    paused(async |check| {
        let (log, ends) = (Log::default(), Count::default());
        tenure::scope(async |scope| {
            let p = scope.spawn(Tolerant(ends.clone()))?;
            let beneath = p.ask(|reply| reply).await?;
            for name in ["c1", "c2", "c3"] {
                let child = beneath.spawn(Worker::new(name, &log, &check).named())?;
                child.tell(Do::Sleep(SECOND)).await?;
                child.tell(Do::Fail).await?;
            }
            let reason = p.drain().await?;
            assert!(matches!(reason, StopReason::Drained), "{reason:?}");
            assert_eq!(ends.get(), 3);
            Ok(())
        })
        .await
        .expect("the owner took the failures of its children");
    });
}
