//! What a drain handles, and what becomes of messages and asks to a node that ends.

use crate::common;

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use common::worker::{Do, Worker};
use common::{Check, Count, Guard, Log, paused};
use tenure::prelude::*;
use tenure::{Phase, StopError, StopReason, TrySendError};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

const SECOND: Duration = Duration::from_secs(1);

/// Counts what it handles, and starts what it is told to.
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
            // What it starts now is beneath it, too.
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
            // One slot is reserved, one more waits in the line, and neither has sent anything.
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
            // The pipe takes 3 s; only then does the child go, which takes 1 s, and what came of
            // its message takes another.
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

/// Hands jobs out to workers, who hand results back.
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

/// Looks at the ends of its children, and takes their failures.
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

#[test]
fn stop_and_kill_overtake_a_drain() {
    paused(async |check| {
        let log = Log::default();
        tenure::scope(async |scope| {
            for kill in [false, true] {
                let p = scope.spawn(Worker::new("p", &log, &check).named())?;
                let beneath = p.ask(Do::Lend).await?;
                let c = beneath.spawn(Worker::new("c", &log, &check).named())?;
                let (guard, task_guard) = (check.guard(), check.guard());
                beneath.task(async move {
                    let _guard = task_guard;
                    sleep(4 * SECOND).await;
                })?;
                p.tell(Do::Sleep(SECOND)).await?;
                c.tell(Do::Keep(guard)).await?;

                // The message takes a second; then the drain waits for the task.
                let start = Instant::now();
                let draining = p.drain();
                sleep(2 * SECOND).await;
                assert_eq!(p.node().phase(), Phase::Stopping);
                let reason = if kill { p.kill() } else { p.stop() }.await?;
                assert_eq!(start.elapsed(), 2 * SECOND);
                assert_eq!(check.alive(), 0);
                match reason {
                    StopReason::Killed if kill => {}
                    StopReason::Stopped if !kill => {}
                    reason => panic!("{reason:?}"),
                }
                draining.await?;
            }
            Ok(())
        })
        .await
        .unwrap();
        let stopped = ["c on_stop", "c dropped", "p on_stop", "p dropped"];
        let mut entries = log.entries();
        let mut killed = entries.split_off(stopped.len());
        killed.sort();
        assert_eq!(entries, stopped);
        assert_eq!(killed, ["c dropped", "p dropped"]);
    });
}

/// Asks its owner in its handler, and once more in its `on_stop`.
struct Asker {
    owner: ActorRef<OwnerMsg>,
    outcomes: Log,
}

impl Asker {
    async fn ask(&self, when: &str) {
        let outcome = self.owner.ask(OwnerMsg::Ask).await;
        self.outcomes.push(format!("{when}: {outcome:?}"));
    }
}

impl Actor for Asker {
    type Msg = ();

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        self.ask("handler").await;
        Ok(())
    }

    async fn on_stop(&mut self, _: &mut Context<Self>) -> tenure::Result {
        self.ask("on_stop").await;
        Ok(())
    }
}

enum OwnerMsg {
    Spawn(Log, ReplyTo<ActorRef<()>>),
    /// Stops its child, and may wait for that.
    StopChild(ActorRef<()>, bool),
    Sleep(Duration),
    Ask(ReplyTo<u32>),
}

struct Owner;

impl Actor for Owner {
    type Msg = OwnerMsg;

    async fn handle(&mut self, msg: OwnerMsg, ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            OwnerMsg::Spawn(outcomes, reply) => {
                let owner = ctx.me();
                let asker = ChildSpec::new(Asker { owner, outcomes });
                let asker = asker.mailbox(Mailbox::bounded(2));
                reply.send(ctx.spawn(asker)?);
            }
            OwnerMsg::StopChild(child, waits) => {
                let stopping = ctx.stop_child(&child.node())?;
                if waits {
                    stopping.await?;
                }
            }
            OwnerMsg::Sleep(time) => sleep(time).await,
            OwnerMsg::Ask(reply) => reply.send(7),
        }
        Ok(())
    }
}

#[test]
fn asks_to_a_stopping_owner_bounce() {
    for drain in [true, false] {
        paused(async |check| {
            let outcomes = Log::default();
            tenure::scope(async |scope| {
                let owner = scope.spawn(Owner)?;
                let mut askers = Vec::new();
                for _ in 0..2 {
                    let asker = owner.ask(|reply| OwnerMsg::Spawn(outcomes.clone(), reply));
                    askers.push(asker.await?);
                }
                owner.tell(OwnerMsg::Sleep(SECOND)).await?;
                while owner.node().backlog() > 0 {
                    tokio::task::yield_now().await;
                }
                for asker in &askers {
                    check.node(asker.node());
                    asker.tell(()).await?;
                }
                // The asks of both handlers are queued when the end begins.
                while owner.node().backlog() < 2 {
                    tokio::task::yield_now().await;
                }
                let start = Instant::now();
                let ending = if drain { owner.drain() } else { owner.stop() };
                ending.await?;
                assert_eq!(start.elapsed(), SECOND);
                Ok(())
            })
            .await
            .unwrap();
            let outcome = if drain { "Ok(7)" } else { "Err(Stopped)" };
            let mut entries = outcomes.entries();
            entries.sort();
            let expected = ["handler", "handler", "on_stop", "on_stop"];
            assert_eq!(entries, expected.map(|when| format!("{when}: {outcome}")));
        });
    }
}

/// The child's mailbox is full, and it waits for an answer of its owner, whose own mailbox has
/// messages before that.
async fn owner_with_full_child(
    scope: &Scope,
    outcomes: &Log,
) -> tenure::Result<(ActorRef<OwnerMsg>, ActorRef<()>)> {
    let owner = scope.spawn(Owner)?;
    let child = owner
        .ask(|reply| OwnerMsg::Spawn(outcomes.clone(), reply))
        .await?;
    owner.tell(OwnerMsg::Sleep(SECOND)).await?;
    child.tell(()).await?;
    while child.node().backlog() > 0 || owner.node().backlog() != 1 {
        tokio::task::yield_now().await;
    }
    while child.try_tell(()).is_ok() {}
    assert_eq!(child.node().backlog(), 2);
    Ok((owner, child))
}

#[test]
fn full_mailbox_does_not_block_stop() {
    paused(async |_check| {
        // The owner stops the child, in a message that is handled before the child's question is.
        let outcomes = Log::default();
        tenure::scope(async |scope| {
            let owner = scope.spawn(Owner)?;
            let child = owner
                .ask(|reply| OwnerMsg::Spawn(outcomes.clone(), reply))
                .await?;
            owner.tell(OwnerMsg::Sleep(SECOND)).await?;
            owner
                .tell(OwnerMsg::StopChild(child.clone(), false))
                .await?;
            child.tell(()).await?;
            while child.node().backlog() > 0 || owner.node().backlog() != 2 {
                tokio::task::yield_now().await;
            }
            while child.try_tell(()).is_ok() {}
            let start = Instant::now();
            let reason = child.stopped().await?;
            assert!(matches!(reason, StopReason::Stopped), "{reason:?}");
            assert_eq!(start.elapsed(), SECOND);
            Ok(())
        })
        .await
        .unwrap();
        // Both times the owner was there to answer.
        assert_eq!(outcomes.entries(), ["handler: Ok(7)", "on_stop: Ok(7)"]);

        // The owner itself is stopped: the child's question bounces.
        let outcomes = Log::default();
        tenure::scope(async |scope| {
            let (owner, child) = owner_with_full_child(&scope, &outcomes).await?;
            let start = Instant::now();
            let ending = owner.stop();
            child.stopped().await?;
            assert_eq!(start.elapsed(), SECOND);
            ending.await?;
            assert_eq!(start.elapsed(), SECOND);
            Ok(())
        })
        .await
        .unwrap();
        let expected = ["handler: Err(Stopped)", "on_stop: Err(Stopped)"];
        assert_eq!(outcomes.entries(), expected);

        // Someone else stops the child while it waits for its owner.
        let outcomes = Log::default();
        tenure::scope(async |scope| {
            let (_owner, child) = owner_with_full_child(&scope, &outcomes).await?;
            let start = Instant::now();
            let reason = child.stop().await?;
            assert!(matches!(reason, StopReason::Stopped), "{reason:?}");
            assert_eq!(start.elapsed(), SECOND);
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(outcomes.entries(), ["handler: Ok(7)", "on_stop: Ok(7)"]);
    });
}

#[test]
fn waiting_for_the_stop_of_a_child_that_asks_ends_with_its_grace() {
    paused(async |_check| {
        let outcomes = Log::default();
        tenure::scope(async |scope| {
            let owner = scope.spawn(ChildSpec::new(Owner).contain())?;
            let child = owner
                .ask(|reply| OwnerMsg::Spawn(outcomes.clone(), reply))
                .await?;
            owner.tell(OwnerMsg::Sleep(SECOND)).await?;
            owner.tell(OwnerMsg::StopChild(child.clone(), true)).await?;
            child.tell(()).await?;
            let start = Instant::now();
            // Each waits for the other, but the grace of the child bounds it.
            let outcome = child.stopped().await;
            assert_eq!(start.elapsed(), 6 * SECOND);
            assert!(
                matches!(outcome, Err(StopError::CutShort(_))),
                "{outcome:?}"
            );
            let outcome = owner.stopped().await;
            assert!(matches!(outcome, Err(StopError::Failed(_))), "{outcome:?}");
            Ok(())
        })
        .await
        .unwrap();
        assert!(outcomes.entries().is_empty());
    });
}

#[test]
fn drain_of_a_task_that_never_ends_is_cut_short() {
    paused(async |check| {
        let log = Log::default();
        tenure::scope(async |scope| {
            let p = scope.spawn(Worker::new("p", &log, &check).named())?;
            let beneath = p.ask(Do::Lend).await?;
            let guard = check.guard();
            let task = beneath.task(async move {
                let _guard = guard;
                pending::<()>().await
            })?;
            let start = Instant::now();
            let outcome = p.drain().await;
            let Err(StopError::CutShort(cut)) = &outcome else {
                panic!("{outcome:?}");
            };
            assert_eq!(start.elapsed(), 5 * SECOND);
            assert_eq!((cut.nodes().len(), check.alive()), (1, 0));
            assert_eq!(cut.nodes()[0].path, task.node().path());
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(log.entries(), ["p on_stop", "p dropped"]);
    });
}
