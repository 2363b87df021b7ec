//! Actors that look right and are broken on purpose. As an ordinary test each passes; a thousand seeds find it.

mod common;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tenure::prelude::*;
use tenure::testing::{Finding, Seeds, Sim, Simulation, SimulationError};
use tokio::sync::{Mutex, mpsc};
use tokio::task::yield_now;
use tokio::time::timeout;

/// What the seeds find in a body that passes as an ordinary test.
#[track_caller]
fn found(body: impl AsyncFn() -> Result<(), RunError>) -> SimulationError {
    let runtime = common::paused_runtime();
    let ordinary = runtime.block_on(async { timeout(Duration::from_secs(60), body()).await });
    ordinary.expect("nobody waits for ever").unwrap();
    let simulation = Simulation::new(Seeds::first(1_000));
    simulation.try_run(async |_: Sim| body().await).unwrap_err()
}

async fn turns(number: u32) {
    for _ in 0..number {
        yield_now().await;
    }
}

struct Idle;

impl Actor for Idle {
    type Msg = ();

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        Ok(())
    }
}

#[test]
fn name_that_is_looked_up_and_taken_in_two_steps() {
    async fn child(owner: Spawner) -> tenure::Result {
        if owner.child("only").is_none() {
            yield_now().await;
            owner.spawn(ChildSpec::new(Idle).name("only"))?;
        }
        Ok(())
    }

    let error = found(async || {
        tenure::scope(async |scope| {
            let first = scope.task(child(scope.spawner()))?;
            let second = scope.task({
                let owner = scope.spawner();
                async move {
                    turns(4).await;
                    child(owner).await
                }
            })?;
            first.await?;
            second.await?;
            Ok(())
        })
        .await
    });
    assert!(
        error.to_string().contains("a live sibling has that name"),
        "{error}"
    );
}

/// Keeps what has been loaded, and not what is being loaded.
struct Cache {
    kept: HashMap<u32, u32>,
    loads: Arc<AtomicU32>,
}

enum CacheMsg {
    Get(u32, ReplyTo<u32>),
    Loaded(u32, u32, ReplyTo<u32>),
}

impl Actor for Cache {
    type Msg = CacheMsg;

    async fn handle(&mut self, msg: CacheMsg, ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            CacheMsg::Get(key, reply) => match self.kept.get(&key) {
                Some(value) => reply.send(*value),
                None => {
                    let (me, loads) = (ctx.me(), Arc::clone(&self.loads));
                    ctx.task(async move {
                        loads.fetch_add(1, Ordering::Relaxed);
                        yield_now().await;
                        me.tell(CacheMsg::Loaded(key, 2 * key, reply)).await
                    })?;
                }
            },
            CacheMsg::Loaded(key, value, reply) => {
                self.kept.insert(key, value);
                reply.send(value);
            }
        }
        Ok(())
    }
}

#[test]
fn cache_that_is_filled_twice() {
    let error = found(async || {
        let loads = Arc::new(AtomicU32::new(0));
        tenure::scope(async |scope| {
            let cache = scope.spawn(Cache {
                kept: HashMap::new(),
                loads: Arc::clone(&loads),
            })?;
            let get = |cache: ActorRef<CacheMsg>, late| async move {
                turns(late).await;
                cache.ask(|reply| CacheMsg::Get(7, reply)).await
            };
            let first = scope.task(get(cache.clone(), 0))?;
            let second = scope.task(get(cache.clone(), 6))?;
            assert_eq!((first.await?, second.await?), (14, 14));
            Ok(())
        })
        .await?;
        assert_eq!(loads.load(Ordering::Relaxed), 1, "it was loaded twice");
        Ok(())
    });
    assert!(error.to_string().contains("loaded twice"), "{error}");
}

#[test]
fn two_locks_that_are_taken_in_two_orders() {
    async fn take(first: Arc<Mutex<()>>, second: Arc<Mutex<()>>, late: u32) {
        turns(late).await;
        let first = first.lock().await;
        yield_now().await;
        drop((second.lock().await, first));
    }

    let error = found(async || {
        tenure::scope(async |scope| {
            let (left, right) = (Arc::default(), Arc::default());
            let first = take(Arc::clone(&left), Arc::clone(&right), 0);
            scope.task(TaskSpec::new(first).name("first"))?;
            scope.task(TaskSpec::new(take(right, left, 3)).name("second"))?;
            Ok(())
        })
        .await
    });
    assert_eq!(*error.finding(), Finding::Stuck);
    let tree = error.tree();
    assert!(tree.contains("first#") && tree.contains("second#"));
}

/// Begins anew after a restart.
#[derive(Default)]
struct Total(u32);

enum TotalMsg {
    Add(u32),
    Get(ReplyTo<u32>),
    Crash,
}

impl Actor for Total {
    type Msg = TotalMsg;

    async fn handle(&mut self, msg: TotalMsg, _: &mut Context<Self>) -> tenure::Result {
        match msg {
            TotalMsg::Add(number) => self.0 += number,
            TotalMsg::Get(reply) => reply.send(self.0),
            TotalMsg::Crash => return Err("it crashes".into()),
        }
        Ok(())
    }
}

#[test]
fn state_that_a_restart_forgets() {
    let error = found(async || {
        tenure::scope(async |scope| {
            let total = ChildSpec::factory(Total::default).restart(Restart::OnFailure);
            let total = scope.spawn(total)?;
            scope.task({
                let total = total.clone();
                async move { total.tell(TotalMsg::Crash).await }
            })?;
            turns(10).await;
            total.tell(TotalMsg::Add(7)).await?;
            yield_now().await;
            assert_eq!(total.ask(TotalMsg::Get).await?, 7, "it is forgotten");
            Ok(())
        })
        .await
        // If the crash comes last, there is no restart that settles it.
        .unwrap_or_default();
        Ok(())
    });
    assert!(error.to_string().contains("it is forgotten"), "{error}");
}

/// Hands on what it has gathered once that is enough.
struct Batcher {
    gathered: Vec<u32>,
    sum: Arc<AtomicU32>,
}

impl Actor for Batcher {
    type Msg = u32;

    async fn handle(&mut self, number: u32, _: &mut Context<Self>) -> tenure::Result {
        self.gathered.push(number);
        if self.gathered.len() == 3 {
            let sum = self.gathered.drain(..).sum();
            self.sum.fetch_add(sum, Ordering::Relaxed);
        }
        Ok(())
    }
}

#[test]
fn batch_that_a_stop_leaves_unfinished() {
    let error = found(async || {
        let sum = Arc::new(AtomicU32::new(0));
        tenure::scope(async |scope| {
            let batcher = scope.spawn(Batcher {
                gathered: Vec::new(),
                sum: Arc::clone(&sum),
            })?;
            scope.task({
                let batcher = batcher.clone();
                async move {
                    for number in 1..=3 {
                        batcher.tell(number).await?;
                    }
                    Ok::<_, tenure::Error>(())
                }
            })?;
            turns(10).await;
            // A drain would wait for those that are on their way.
            batcher.stop().await?;
            Ok(())
        })
        .await
        // The stop may come before the task has told all.
        .unwrap_or_default();
        assert_eq!(sum.load(Ordering::Relaxed), 6, "the batch is lost");
        Ok(())
    });
    assert!(error.to_string().contains("the batch is lost"), "{error}");
}

#[test]
fn select_that_drops_a_message_half_way() {
    /// Not safe to be dropped.
    async fn next(receiver: &mut mpsc::Receiver<u32>) -> Option<u32> {
        let number = receiver.recv().await;
        yield_now().await;
        number
    }

    let error = found(async || {
        tenure::scope(async |scope| {
            let (sender, mut receiver) = mpsc::channel(4);
            scope.task(async move {
                for number in 0..3 {
                    // Nobody receives any more if the body has failed.
                    let _sent = sender.send(number).await;
                }
            })?;
            let enough = scope.task(turns(20))?;
            let mut numbers = Vec::new();
            tokio::pin!(enough);
            loop {
                tokio::select! {
                    biased;
                    _ = &mut enough => break,
                    number = next(&mut receiver) => numbers.extend(number),
                }
            }
            while let Some(number) = receiver.recv().await {
                numbers.push(number);
            }
            assert_eq!(numbers, [0, 1, 2], "one is lost");
            Ok(())
        })
        .await
    });
    assert!(error.to_string().contains("one is lost"), "{error}");
}
