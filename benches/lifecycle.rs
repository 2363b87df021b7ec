//! What does it cost to start actors, and to stop and join them, beside tasks with channels written
//! by hand?

#![allow(
    clippy::disallowed_methods,
    reason = "the rows by hand use tokio as it comes"
)]
#![allow(missing_docs, reason = "a bench has no readers of its items")]

mod harness;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use harness::{compare, header, runtimes, timed};
use tenure::prelude::*;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

const ACTORS: u64 = 100_000;

fn main() {
    header();
    for runtime in &runtimes() {
        compare(
            runtime,
            "spawn 100,000",
            ACTORS,
            || spawn_and_stop(Timed::Spawn),
            || by_hand(Timed::Spawn),
        );
        compare(
            runtime,
            "stop and join each",
            ACTORS,
            || spawn_and_stop(Timed::Stop),
            || by_hand(Timed::Stop),
        );
        compare(
            runtime,
            "stop their owner",
            ACTORS,
            || spawn_and_stop(Timed::Owner),
            || by_hand(Timed::Stop),
        );
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Timed {
    Spawn,
    Stop,
    Owner,
}

/// Counts those that have started and not ended.
struct Alive(Arc<AtomicU64>);

impl Alive {
    fn new(count: &Arc<AtomicU64>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

struct Idle(#[expect(dead_code, reason = "counts as long as it lives")] Alive);

impl Actor for Idle {
    type Msg = u64;

    async fn handle(&mut self, _: u64, _ctx: &mut Context<Self>) -> tenure::Result {
        Ok(())
    }
}

async fn spawn_and_stop(part: Timed) -> Duration {
    let alive = Arc::new(AtomicU64::new(0));
    let mut time = Duration::ZERO;
    tenure::scope(async |scope| {
        let owner = scope.spawn(Owner)?;
        let spawner = owner.ask(OwnerMsg).await?;
        let mut actors = Vec::new();
        let spawn = timed(async {
            for _ in 0..ACTORS {
                actors.push(spawner.spawn(Idle(Alive::new(&alive))).expect("it is open"));
            }
        });
        let spawned = spawn.await;
        let stopped = timed(async {
            if part == Timed::Owner {
                owner.stop().await.expect("it stops");
            } else {
                for actor in actors.iter().rev() {
                    actor.stop().await.expect("it stops");
                }
            }
        })
        .await;
        assert_eq!(alive.load(Ordering::Relaxed), 0);
        time = if part == Timed::Spawn {
            spawned
        } else {
            stopped
        };
        Ok(())
    })
    .await
    .expect("nothing fails");
    time
}

struct Owner;
struct OwnerMsg(ReplyTo<Spawner>);

impl Actor for Owner {
    type Msg = OwnerMsg;

    async fn handle(
        &mut self,
        OwnerMsg(reply): OwnerMsg,
        ctx: &mut Context<Self>,
    ) -> tenure::Result {
        reply.send(ctx.spawner());
        Ok(())
    }
}

/// The careful engineer's actor: it ends when its sender is dropped, and its task is joined.
fn spawn_by_hand(alive: Alive) -> (mpsc::Sender<u64>, JoinHandle<()>) {
    let (sender, mut messages) = mpsc::channel(1_024);
    let task = tokio::spawn(async move {
        let alive = alive;
        while messages.recv().await.is_some() {}
        drop(alive);
    });
    (sender, task)
}

async fn by_hand(part: Timed) -> Duration {
    let alive = Arc::new(AtomicU64::new(0));
    let mut actors = Vec::new();
    let spawned = timed(async {
        for _ in 0..ACTORS {
            actors.push(spawn_by_hand(Alive::new(&alive)));
        }
    })
    .await;
    let stopped = timed(async {
        for (sender, task) in actors.into_iter().rev() {
            drop(sender);
            task.await.expect("the task does not panic");
        }
    })
    .await;
    assert_eq!(alive.load(Ordering::Relaxed), 0);
    if part == Timed::Spawn {
        spawned
    } else {
        stopped
    }
}
