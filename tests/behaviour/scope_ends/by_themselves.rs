//! Scopes whose bodies end, and which then wait for the rest.

use std::future::pending;
use std::time::Duration;

use super::SECOND;
use crate::common::node::{Node, note};
use crate::common::{Guard, Kept, Log, paused, poll_unwoken, settled};
use tenure::prelude::*;
use tenure::{StopReason, scope_send};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

/// The rule: the end of a body is not an order. The scope waits for the tasks that were started in it.
#[test]
fn scope_waits_for_a_task_of_ten_seconds() {
    paused(async |check| {
        let begin = Instant::now();
        let guard = check.guard();
        let ended = tenure::scope(async |scope| {
            scope.task(async move {
                sleep(10 * SECOND).await;
                drop(guard);
            })?;
            Ok(())
        })
        .await;
        assert!(ended.is_ok(), "{ended:?}");
        assert_eq!(begin.elapsed(), 10 * SECOND);
    });
}

/// Replies once it is told to end, or once another latch has replied.
struct Latch(#[expect(dead_code, reason = "it is counted")] Guard);

enum Latched {
    Told(ReplyTo<()>),
    Via(ActorRef<Latched>, ReplyTo<()>),
}

impl Actor for Latch {
    type Msg = Latched;

    async fn handle(&mut self, msg: Latched, ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            Latched::Told(reply) => {
                ctx.cancelled().await;
                reply.send(());
            }
            Latched::Via(other, reply) => {
                sleep(SECOND).await;
                other.ask(Latched::Told).await?;
                reply.send(());
            }
        }
        Ok(())
    }
}

/// The rule: an actor that has to be told to end before it replies to a task is told at once. Its handler goes on in a
/// drain, so here its grace ends the wait.
#[test]
fn actor_that_waits_for_its_order_does_not_hold_up_a_task_that_asks_it() {
    for (deep, queued, drains) in [
        (false, false, false),
        (true, false, false),
        (false, true, false),
        (false, false, true),
        (true, false, true),
    ] {
        paused(async |check| {
            let begin = Instant::now();
            let own = check.clone();
            let ended = tenure::scope(async move |scope| {
                let latch = scope.spawn(Latch(own.guard()))?;
                let between = scope.spawn(Latch(own.guard()))?;
                scope.task(async move {
                    if queued {
                        sleep(SECOND).await;
                    }
                    let asked = match deep {
                        true => between.ask(|reply| Latched::Via(latch, reply)).await,
                        false => latch.ask(Latched::Told).await,
                    };
                    assert!(asked.is_err(), "{asked:?}");
                })?;
                if drains {
                    let node = scope.node();
                    tokio::task::yield_now().await;
                    node.request_drain();
                }
                Ok(())
            })
            .await;
            assert!(!matches!(ended, Ok(())), "{ended:?}");
            let late = u32::from(deep || queued);
            assert_eq!(
                begin.elapsed(),
                (5 + late) * SECOND,
                "{deep} {queued} {drains}"
            );
        });
    }
}

/// An actor that a task uses is told only after the task has ended.
#[test]
fn actors_outlive_the_tasks_of_a_scope_that_ends() {
    paused(async |check| {
        let log = Log::default();
        let ended = tenure::scope(async |scope| {
            let actor = scope.spawn(Node::new(&check, &log))?;
            check.node(actor.node());
            scope.task(async move {
                sleep(60 * SECOND).await;
                actor.tell(note("late")).await
            })?;
            Ok(())
        })
        .await;
        assert!(ended.is_ok(), "{ended:?}");
        assert_eq!(log.entries(), ["late"]);
    });
}

/// A task with a token is told when the body has ended, and its grace begins.
#[test]
fn token_of_a_task_fires_when_the_body_ends() {
    paused(async |_check| {
        let begin = Instant::now();
        let ended = tenure::scope(async |scope| {
            scope.task_with(async |token| token.cancelled().await)?;
            scope.task(async { sleep(SECOND).await })?;
            Ok(())
        })
        .await;
        assert!(ended.is_ok(), "{ended:?}");
        assert_eq!(begin.elapsed(), SECOND);

        let begin = Instant::now();
        let ended = tenure::scope(async |scope| {
            scope.task_with(async |_| sleep(100 * SECOND).await)?;
            Ok(())
        })
        .await;
        assert!(matches!(ended, Err(RunError::CutShort(_))), "{ended:?}");
        assert_eq!(begin.elapsed(), 5 * SECOND);
    });
}

/// Once somebody asks for the end of a scope, a grace begins for all of it.
#[test]
fn ordered_end_of_a_scope_has_graces() {
    paused(async |check| {
        let begin = Instant::now();
        let guard = check.guard();
        let ended = tenure::scope(async |scope| {
            let own = scope.node();
            tokio::task::yield_now().await;
            scope.task(async move {
                sleep(SECOND).await;
                own.request_drain();
                sleep(1_000 * SECOND).await;
                drop(guard);
            })?;
            Ok(())
        })
        .await;
        assert!(matches!(ended, Err(RunError::CutShort(_))), "{ended:?}");
        assert_eq!(begin.elapsed(), 6 * SECOND);
    });
}

/// The rule: a failure stops the rest, at any time before the end of the scope.
#[test]
fn failure_in_a_scope_that_ends_stops_the_rest() {
    paused(async |check| {
        let begin = Instant::now();
        let guard = check.guard();
        let ended = tenure::scope(async |scope| {
            scope.task(async {
                sleep(SECOND).await;
                Err::<(), _>(tenure::Error::from("it fails"))
            })?;
            scope.task(async move {
                let _guard = guard;
                std::future::pending::<()>().await;
            })?;
            Ok(())
        })
        .await;
        let Err(RunError::Failed(failure)) = ended else {
            panic!("{ended:?}");
        };
        assert_eq!(failure.leaves().count(), 1);
        assert_eq!(begin.elapsed(), SECOND);
    });
}

/// A task that waits for the end of an actor beside it would wait for ever, since actors are told after the tasks. So
/// that actor is told at once.
#[test]
fn sibling_whose_end_a_task_awaits_is_told_at_once() {
    paused(async |check| {
        for late in [Duration::ZERO, SECOND] {
            let begin = Instant::now();
            let log = Log::default();
            let ended = tenure::scope(async |scope| {
                let awaited = scope.spawn(Node::new(&check, &log))?;
                check.node(awaited.node());
                scope.task(async move {
                    sleep(late).await;
                    drop(awaited.stopped().await);
                })?;
                Ok(())
            })
            .await;
            assert!(ended.is_ok(), "{ended:?}");
            assert_eq!(begin.elapsed(), late);
        }
    });
}

/// The same in a drain of an actor.
#[test]
fn sibling_whose_end_a_task_awaits_is_told_in_a_drain() {
    paused(async |check| {
        let begin = Instant::now();
        let log = Log::default();
        tenure::scope(async |scope| {
            let (own, entries) = (check.clone(), log.clone());
            let owner = Node::new(&check, &log).on_start(move |ctx| {
                let awaited = ctx.spawn(Node::new(&own, &entries)).unwrap();
                drop(ctx.task(async move { drop(awaited.stopped().await) }));
            });
            let owner = scope.spawn(owner)?;
            check.node(owner.node());
            let end = owner.drain().await;
            assert!(matches!(end, Ok(StopReason::Drained)), "{end:?}");
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(begin.elapsed(), Duration::ZERO);
    });
}

/// It still uses the actor. The other one has opened a scope that somebody keeps, and which nobody polls.
#[test]
fn scope_waits_for_a_task_beside_one_that_does_not_yield() {
    paused(async |check| {
        let log = Log::default();
        let (to, given) = oneshot::channel::<Kept>();
        let ended = tenure::scope(async |scope| {
            let actor = scope.spawn(Node::new(&check, &log))?;
            scope.task_with(move |_| async move {
                let mut kept: Kept = Box::pin(scope_send(|_| pending()));
                assert!(poll_unwoken(&mut kept).is_pending());
                drop(to.send(kept));
            })?;
            scope.task(async move {
                sleep(60 * SECOND).await;
                actor.tell(note("late")).await
            })?;
            Ok(())
        })
        .await;
        assert!(matches!(ended, Err(RunError::Unjoined(_))), "{ended:?}");
        assert_eq!(log.entries(), ["late"]);
        drop(given.await.unwrap());
        settled().await;
    });
}
