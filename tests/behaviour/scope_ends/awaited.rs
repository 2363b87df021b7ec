//! Siblings for whose ends the tasks of a scope wait.

use std::time::Duration;

use super::SECOND;
use crate::common::node::{self, Node};
use crate::common::{Log, paused};
use tenure::prelude::*;
use tokio::time::{Instant, sleep, timeout};

enum Msg {
    /// Begins to wait for the end of that one after a second, through a task that has waited before.
    Through(ActorRef<node::Msg>, ReplyTo<()>),
    /// Waits for it, with a limit.
    Limited(ActorRef<node::Msg>),
    Ping(ReplyTo<()>),
}

struct Waits;

impl Actor for Waits {
    type Msg = Msg;

    async fn handle(&mut self, msg: Msg, ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            Msg::Through(sibling, reply) => {
                let task = ctx.task(async move { sibling.stopped().await })?;
                sleep(SECOND).await;
                drop(task.await);
                reply.send(());
            }
            Msg::Limited(sibling) => drop(sibling.stopped().timeout(60 * SECOND).await),
            Msg::Ping(reply) => reply.send(()),
        }
        Ok(())
    }
}

/// Runs a scope whose body ends at once, with two actors that a task can use.
async fn ends_after(
    time: Duration,
    start: impl AsyncFnOnce(&Scope, ActorRef<node::Msg>, ActorRef<Msg>) -> tenure::Result,
) {
    let begin = Instant::now();
    let ended = tenure::scope(async |scope| {
        let check = crate::common::Check::default();
        let sibling = scope.spawn(Node::new(&check, &Log::default()))?;
        let waits = scope.spawn(Waits)?;
        start(&scope, sibling, waits).await
    });
    let ended = timeout(600 * SECOND, ended).await;
    assert_eq!(begin.elapsed(), time);
    ended.unwrap().unwrap();
}

/// The last wait on the way is not that of a task.
#[test]
fn sibling_is_told_when_an_actor_comes_to_wait_for_it() {
    paused(async |_check| {
        ends_after(SECOND, async |scope, sibling, waits| {
            let asks = async move { waits.ask(|reply| Msg::Through(sibling, reply)).await };
            scope.task(asks)?;
            Ok(())
        })
        .await;
    });
}

/// A task asks later, and the wait that it leads to has a limit.
#[test]
fn sibling_is_told_when_a_task_asks_an_actor_that_waits_for_it_with_a_limit() {
    paused(async |_check| {
        ends_after(SECOND, async |scope, sibling, waits| {
            waits.tell(Msg::Limited(sibling)).await?;
            scope.task(async move {
                sleep(SECOND).await;
                waits.ask(Msg::Ping).await
            })?;
            Ok(())
        })
        .await;
    });
}

/// The waits begin before the scope looks again.
#[test]
fn all_siblings_are_told_whose_ends_many_tasks_begin_to_await_at_once() {
    paused(async |_check| {
        ends_after(SECOND, async |scope, _, _| {
            for _ in 0..9 {
                let sibling = scope.spawn(Waits)?;
                scope.task(async move {
                    sleep(SECOND).await;
                    sibling.stopped().await
                })?;
            }
            Ok(())
        })
        .await;
    });
}

/// A task is waited for, and not told: it takes as long as it takes.
#[test]
fn task_whose_end_another_awaits_is_not_told() {
    paused(async |_check| {
        ends_after(60 * SECOND, async |scope, _, _| {
            let takes_long = scope.task(sleep(60 * SECOND))?;
            scope.task(takes_long)?;
            Ok(())
        })
        .await;
    });
}
