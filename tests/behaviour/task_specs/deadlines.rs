//! The deadlines of tasks, and which asks inherit them.

use std::time::Duration;

use super::SECOND;
use crate::common::node::{self, Node};
use crate::common::{Log, paused};
use tenure::Deadline;
use tenure::prelude::*;
use tokio::time::{Instant, sleep};

/// Never replies.
struct Silent;

impl Actor for Silent {
    type Msg = ReplyTo<()>;

    async fn handle(&mut self, reply: ReplyTo<()>, _: &mut Context<Self>) -> tenure::Result {
        reply.gone().await;
        Ok(())
    }
}

/// How an ask ended, and after how long.
type Waited = (Result<(), AskError>, Duration);

async fn waited(silent: &ActorRef<ReplyTo<()>>) -> Waited {
    let start = Instant::now();
    (silent.ask(|reply| reply).await, start.elapsed())
}

const TIMED_OUT: Result<(), AskError> = Err(AskError::TimedOut {
    started: true,
    inherited: true,
});

#[test]
fn asks_in_a_task_inherit_its_deadline_and_so_do_those_in_tasks_that_it_starts() {
    paused(async |_| {
        tenure::scope(async |scope| {
            let silent = scope.spawn(Silent)?;
            let spawner = scope.spawner();
            let work = async move {
                let own = waited(&silent).await;
                tenure::Ok((own, silent))
            };
            let limited = TaskSpec::new(work).deadline(Instant::now() + 2 * SECOND);
            let (own, silent) = scope.task(limited)?.await?;
            assert_eq!(own, (TIMED_OUT, 2 * SECOND));

            let outer = async move {
                let inner = spawner.task(async move { tenure::Ok(waited(&silent).await) })?;
                tenure::Ok(inner.await?)
            };
            let limited = TaskSpec::new(outer).deadline(Instant::now() + 3 * SECOND);
            assert_eq!(scope.task(limited)?.await?, (TIMED_OUT, 3 * SECOND));
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn deadline_that_is_moved_or_lifted_holds_for_the_asks_that_begin_after_that() {
    paused(async |_| {
        tenure::scope(async |scope| {
            let silent = scope.spawn(Silent)?;
            let deadline = Deadline::at(Instant::now() + SECOND);
            let moved = deadline.clone();
            let work = async move {
                let first = waited(&silent).await;
                moved.set(Instant::now() + 3 * SECOND);
                let second = waited(&silent).await;
                moved.lift();
                let ask = silent.ask(|reply| reply).timeout(9 * SECOND);
                let lifted = matches!(
                    ask.await,
                    Err(AskError::TimedOut {
                        inherited: false,
                        ..
                    })
                );
                moved.set(Instant::now());
                tenure::Ok((lifted, [first.1, second.1, waited(&silent).await.1]))
            };
            let task = scope.task(TaskSpec::new(work).deadline(deadline))?;
            let waits = [SECOND, 3 * SECOND, Duration::ZERO];
            assert_eq!(task.await?, (true, waits));
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn deadline_of_a_task_does_not_end_it_and_fails_its_later_asks_at_once() {
    paused(async |_| {
        tenure::scope(async |scope| {
            let silent = scope.spawn(Silent)?;
            let work = async move {
                sleep(5 * SECOND).await;
                tenure::Ok(waited(&silent).await)
            };
            let limited = TaskSpec::new(work).deadline(Instant::now() + SECOND);
            let (reply, waited) = scope.task(limited)?.await?;
            assert!(
                matches!(
                    reply,
                    Err(AskError::TimedOut {
                        inherited: true,
                        ..
                    })
                ),
                "{reply:?}"
            );
            assert_eq!(waited, Duration::ZERO);
            Ok(())
        })
        .await
        .unwrap();
    });
}

/// Starts a task with a deadline while an ask with another deadline is handled. Returns how long an ask of the task
/// waited.
async fn both_deadlines(asked: Duration, spec: Duration) -> String {
    struct Owner(ActorRef<ReplyTo<()>>, Duration, Log);
    impl Actor for Owner {
        type Msg = ReplyTo<()>;

        async fn handle(&mut self, reply: ReplyTo<()>, ctx: &mut Context<Self>) -> tenure::Result {
            let (silent, log) = (self.0.clone(), self.2.clone());
            let work = async move {
                let (_, time) = waited(&silent).await;
                log.push(format!("{time:?}"));
                // The reply is kept until here, so the ask stays open.
                drop(reply);
            };
            ctx.task(TaskSpec::new(work).deadline(Instant::now() + self.1))?;
            Ok(())
        }
    }
    let log = Log::default();
    let kept = log.clone();
    tenure::scope(async move |scope| {
        let silent = scope.spawn(Silent)?;
        let owner = scope.spawn(Owner(silent, spec, kept))?;
        assert!(owner.ask(|reply| reply).timeout(asked).await.is_err());
        Ok(())
    })
    .await
    .unwrap();
    log.entries().remove(0)
}

#[test]
fn of_an_inherited_deadline_and_that_of_the_spec_the_earlier_holds() {
    paused(async |_| {
        assert_eq!(both_deadlines(9 * SECOND, 2 * SECOND).await, "2s");
        assert_eq!(both_deadlines(2 * SECOND, 9 * SECOND).await, "2s");
    });
}

#[test]
fn deadline_in_the_past_gives_each_ask_one_try() {
    paused(async |check| {
        tenure::scope(async |scope| {
            let actor = scope.spawn(Node::new(&check, &Log::default()))?;
            let past = Instant::now();
            sleep(SECOND).await;
            let work = async move { tenure::Ok(actor.ask(node::Msg::Ping).await) };
            let reply = scope.task(TaskSpec::new(work).deadline(past))?.await?;
            assert!(
                matches!(
                    reply,
                    Err(AskError::TimedOut {
                        inherited: true,
                        ..
                    })
                ),
                "{reply:?}"
            );
            Ok(())
        })
        .await
        .unwrap();
    });
}
