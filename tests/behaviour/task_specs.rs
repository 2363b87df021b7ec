//! Tasks with a name, a grace, a deadline, and failures that fail nobody.

use std::time::Duration;

use crate::common::node::{self, Node, run_in};
use crate::common::{Check, Count, Log, paused};
use tenure::prelude::*;
use tenure::{
    AutoShutdown, Cause, Deadline, Kind, Phase, RunError, StopError, StopReason, TaskError,
};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

const SECOND: Duration = Duration::from_secs(1);

/// Answers when it is told to, which is never.
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

async fn pending() {
    std::future::pending().await
}

#[test]
fn name_is_found_until_the_task_has_ended_and_is_free_then() {
    paused(async |check| {
        tenure::scope(async |scope| {
            let task = scope.task(TaskSpec::new(pending()).name("upload"))?;
            check.node(task.node());
            assert_eq!(task.node().path(), "/upload");
            assert_eq!(scope.child("upload"), Some(task.node()));
            task.node().stop().await?;
            assert_eq!(scope.child("upload"), None);
            let again = scope.task(TaskSpec::new(pending()).name("upload"))?;
            again.cancel();
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn names_that_are_taken_empty_or_with_a_slash_are_refused_and_the_spec_comes_back() {
    paused(async |check| {
        tenure::scope(async |scope| {
            let first = scope.task(TaskSpec::new(pending()).name("upload"))?;
            let guard = check.guard();
            let spec = TaskSpec::new(async move { drop(guard) });
            let Err(SpawnError::NameTaken(spec)) = scope.task(spec.name("upload")) else {
                panic!("it is taken")
            };
            let Err(SpawnError::BadName(spec)) = scope.task(spec.into_inner().name("")) else {
                panic!("it is empty")
            };
            let Err(SpawnError::BadName(spec)) = scope.task(spec.into_inner().name("a/b")) else {
                panic!("it has a slash")
            };
            assert_eq!(check.alive(), 1, "nothing of it has run");
            scope.task(spec.into_inner().name("other"))?.await?;
            assert_eq!(check.alive(), 0);
            first.cancel();
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn refused_names_give_back_what_each_sort_of_task_was_made_of() {
    paused(async |_| {
        tenure::scope(async |scope| {
            let ran = Count::default();
            let runs = ran.clone();
            let job = TaskSpec::blocking(move |_| runs.add()).name("a/b");
            let Err(SpawnError::BadName(job)) = scope.task(job) else {
                panic!("it has a slash")
            };
            let runs = ran.clone();
            let with = TaskSpec::with_token(move |_| async move { runs.add() }).name("");
            let Err(SpawnError::BadName(with)) = scope.task(with) else {
                panic!("it is empty")
            };
            assert_eq!(ran.get(), 0);
            scope.task(job.into_inner().name("job"))?.await?;
            scope.task(with.into_inner().name("with"))?.await?;
            assert_eq!(ran.get(), 2);
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn pipe_with_a_bad_name_comes_back() {
    paused(async |check| {
        tenure::scope(async |scope| {
            let log = Log::default();
            let actor = scope.spawn(Node::new(&check, &log))?;
            run_in(&actor, |ctx| {
                let spec = TaskSpec::new(async { String::from("piped") }).name("a/b");
                let Err(SpawnError::BadName(refused)) = ctx.pipe(spec, node::Msg::Note) else {
                    panic!("it has a slash")
                };
                let (spec, to_message) = refused.into_inner();
                let piped = ctx.pipe(spec.name("pipe"), to_message).unwrap();
                assert!(piped.node().path().ends_with("/pipe"));
            })
            .await;
            actor.drain().await?;
            assert_eq!(log.entries(), ["piped"]);
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn whatever_starts_tasks_takes_a_spec() {
    paused(async |check| {
        let system = System::start().unwrap();
        let spawner = system.spawner();
        let spec = |name: &str| TaskSpec::new(async {}).name(name);
        let mut tasks = vec![
            system.task(spec("by-system")).unwrap(),
            spawner.task(spec("by-spawner")).unwrap(),
        ];
        let (send, received) = oneshot::channel();
        let actor = system.spawn(Node::new(&check, &Log::default())).unwrap();
        run_in(&actor, move |ctx| {
            let task = ctx.task(TaskSpec::new(async {}).name("by-context"));
            assert!(send.send(task.unwrap()).is_ok());
        })
        .await;
        tasks.push(received.await.unwrap());
        let scoped = tenure::scope(async |scope| Ok(scope.task(spec("by-scope"))?));
        tasks.push(scoped.await.unwrap());
        let names: Vec<_> = tasks.iter().map(|task| task.node().name()).collect();
        let expected = ["by-system", "by-spawner", "by-context", "by-scope"];
        assert_eq!(names, expected.map(|name| Some(String::from(name))));
        system.drain().await.unwrap();
    });
}

#[test]
fn task_has_the_grace_of_its_spec_and_not_that_of_its_owner() {
    paused(async |check| {
        let start = Instant::now();
        tenure::scope(async |scope| {
            let owner = Node::new(&check, &Log::default())
                .named("owner")
                .grace(SECOND);
            let owner = scope.spawn(owner)?;
            run_in(&owner, |ctx| {
                let slow = TaskSpec::with_token(|token| async move {
                    token.cancelled().await;
                    sleep(8 * SECOND).await;
                });
                ctx.task(slow.grace(10 * SECOND)).unwrap();
            })
            .await;
            assert!(matches!(owner.stop().await, Ok(StopReason::Stopped)));
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(start.elapsed(), 8 * SECOND);
    });
}

#[test]
fn task_that_takes_longer_than_the_grace_of_its_spec_is_cut_and_named() {
    paused(async |check| {
        tenure::scope(async |scope| {
            let owner = scope.spawn(Node::new(&check, &Log::default()).named("owner"))?;
            run_in(&owner, |ctx| {
                let slow = TaskSpec::new(pending()).name("slow").grace(SECOND);
                ctx.task(slow).unwrap();
            })
            .await;
            let start = Instant::now();
            let Err(StopError::CutShort(cut)) = owner.drain().await else {
                panic!("it is cut")
            };
            assert_eq!(start.elapsed(), SECOND);
            assert_eq!(cut.nodes()[0].path, "/owner/slow");
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn failure_of_a_contained_task_fails_nobody_but_whoever_awaits_it_is_told() {
    paused(async |_| {
        tenure::scope(async |scope| {
            let failing = async { Err::<(), _>("no route") };
            let task = scope.task(TaskSpec::new(failing).contain())?;
            let Err(TaskError::Failed(failure)) = task.await else {
                panic!("it fails")
            };
            assert!(
                matches!(failure.cause(), Cause::Error(error) if error.to_string() == "no route")
            );
            let panicking = TaskSpec::blocking(|_| -> () { panic!("no disk") });
            let task = scope.task(panicking.contain())?;
            assert!(matches!(task.await, Err(TaskError::Failed(_))));
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn failure_of_a_task_that_is_not_contained_fails_its_owner() {
    paused(async |_| {
        let end = tenure::scope(async |scope| {
            scope.task(TaskSpec::new(async { Err::<(), _>("no route") }).name("upload"))?;
            pending().await;
            Ok(())
        });
        let RunError::Failed(failure) = end.await.unwrap_err() else {
            panic!("it fails")
        };
        let leaf = failure.leaves().next().unwrap();
        assert_eq!(leaf.to_string(), "/upload failed: no route");
    });
}

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

/// Starts a task with a deadline while an ask with another is handled; gives how long an ask in it waited.
async fn both_deadlines(asked: Duration, spec: Duration) -> String {
    struct Owner(ActorRef<ReplyTo<()>>, Duration, Log);
    impl Actor for Owner {
        type Msg = ReplyTo<()>;

        async fn handle(&mut self, reply: ReplyTo<()>, ctx: &mut Context<Self>) -> tenure::Result {
            let (silent, log) = (self.0.clone(), self.2.clone());
            let work = async move {
                let (_, time) = waited(&silent).await;
                log.push(format!("{time:?}"));
                // Kept until now, so that the ask is open meanwhile.
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

#[test]
fn pipe_is_cancelled_by_its_handle_and_sends_nothing() {
    paused(async |check| {
        tenure::scope(async |scope| {
            let log = Log::default();
            let actor = scope.spawn(Node::new(&check, &log))?;
            let (send, received) = oneshot::channel();
            let guard = check.guard();
            run_in(&actor, move |ctx| {
                let slow = async move {
                    let _guard = guard;
                    sleep(SECOND).await;
                    String::from("piped")
                };
                assert!(send.send(ctx.pipe(slow, node::Msg::Note).unwrap()).is_ok());
            })
            .await;
            let pipe = received.await?;
            pipe.cancel();
            assert!(matches!(
                pipe.await,
                Err(TaskError::Stopped(StopReason::Stopped))
            ));
            sleep(2 * SECOND).await;
            actor.drain().await?;
            assert_eq!(log.entries(), Vec::<String>::new());
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn task_that_is_cancelled_after_its_end_keeps_its_value() {
    paused(async |_| {
        tenure::scope(async |scope| {
            let task = scope.task(async { tenure::Ok(7) })?;
            task.node().stopped().await?;
            task.cancel();
            assert_eq!(task.await?, 7);
            Ok(())
        })
        .await
        .unwrap();
    });
}

/// Starts tasks in its `on_start`.
struct Starter;

impl Actor for Starter {
    type Msg = ();

    async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        ctx.task(async { pending().await })?;
        ctx.task(pending())?;
        ctx.task_with(|token| async move { token.cancelled().await })?;
        ctx.task(sleep(SECOND))?;
        Ok(())
    }

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        Ok(())
    }
}

#[test]
fn tasks_are_printed_with_the_function_that_they_were_written_in() {
    paused(async |_: Check| {
        tenure::scope(async |scope| {
            let starter = scope.start(Starter).await?;
            let snapshot = starter.node().snapshot();
            let tasks = snapshot
                .nodes
                .iter()
                .filter(|entry| entry.kind == Kind::Task);
            let labels: Vec<_> = tasks.map(|entry| entry.type_name.clone()).collect();
            assert_eq!(labels, ["on_start", "pending", "on_start", "Sleep"]);
            assert!(!snapshot.to_string().contains("{{closure}}"), "{snapshot}");
            assert_eq!(starter.node().phase(), Phase::Running);
            starter.kill().await?;
            Ok(())
        })
        .await
        .unwrap();
    });
}

/// Ends with its reading task, if its spec says so.
struct Session(Option<oneshot::Receiver<tenure::Result>>);

impl Actor for Session {
    type Msg = ReplyTo<()>;

    async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        let read = self.0.take().unwrap();
        ctx.task(TaskSpec::new(async move { read.await? }).significant())?;
        // It does not matter.
        ctx.task(async {})?;
        Ok(())
    }

    async fn handle(&mut self, reply: ReplyTo<()>, _: &mut Context<Self>) -> tenure::Result {
        reply.send(());
        Ok(())
    }
}

#[test]
fn owner_stops_with_a_significant_task_if_it_is_to() {
    for when in [AutoShutdown::Never, AutoShutdown::Any, AutoShutdown::All] {
        paused(async |check| {
            tenure::scope(async |scope| {
                let (close, closed) = oneshot::channel();
                let spec = ChildSpec::new(Session(Some(closed))).auto_shutdown(when);
                let session = scope.spawn(spec)?;
                check.node(session.node());
                sleep(SECOND).await;
                session.ask(|reply| reply).await?;
                close.send(Ok(())).unwrap();
                sleep(SECOND).await;
                if when == AutoShutdown::Never {
                    session.ask(|reply| reply).await?;
                    session.stop().await?;
                } else {
                    let end = session.stopped().await;
                    assert!(matches!(end, Ok(StopReason::Finished)), "{end:?}");
                }
                Ok(())
            })
            .await
            .unwrap();
        });
    }
}

#[test]
fn end_of_a_significant_task_that_somebody_asks_for_does_not_count() {
    paused(async |check| {
        tenure::scope(async |scope| {
            let (_close, closed) = oneshot::channel();
            let spec = ChildSpec::new(Session(Some(closed))).auto_shutdown(AutoShutdown::Any);
            let session = scope.spawn(spec)?;
            check.node(session.node());
            sleep(SECOND).await;
            for task in session.node().children() {
                task.stop().await?;
            }
            session.ask(|reply| reply).await?;
            session.stop().await?;
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn significant_task_that_fails_fails_its_owner() {
    paused(async |check| {
        tenure::scope(async |scope| {
            let (close, closed) = oneshot::channel();
            let spec = ChildSpec::new(Session(Some(closed))).auto_shutdown(AutoShutdown::Any);
            let session = scope.spawn(spec.contain())?;
            check.node(session.node());
            close.send(Err("reset by peer".into())).unwrap();
            let Err(StopError::Failed(failure)) = session.stopped().await else {
                panic!("it has not failed")
            };
            let leaf = failure.leaves().next().unwrap();
            assert!(leaf.to_string().contains("reset by peer"), "{failure}");
            Ok(())
        })
        .await
        .unwrap();
    });
}
