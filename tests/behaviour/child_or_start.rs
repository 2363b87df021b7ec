//! `child_or_start` gives the child of a name, or starts one.

use std::time::Duration;

use crate::common::node::{self, Msg, Node, hold, run_in};
use crate::common::{Check, Count, Log, paused};
use tenure::StartError;
use tenure::prelude::*;
use tokio::sync::oneshot;
use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);

fn actor(check: &Check) -> Node {
    Node::new(check, &Log::default())
}

#[test]
fn first_one_starts_it_and_all_others_get_it() {
    paused(async |check| {
        tenure::scope(async |scope| {
            let made = Count::default();
            let mut asked = Vec::new();
            for _ in 0..8 {
                let (spawner, made, check) = (scope.spawner(), made.clone(), check.clone());
                asked.push(scope.task(async move {
                    let make = || {
                        made.add();
                        actor(&check)
                    };
                    Ok::<_, tenure::Error>(spawner.child_or_start("a", make).await.unwrap())
                })?);
            }
            let first = asked.remove(0).await?;
            assert_eq!(first.path(), "/a");
            for other in asked {
                assert_eq!(other.await?, first);
            }
            assert_eq!(made.get(), 1);
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn one_that_is_ending_is_waited_for_and_replaced() {
    paused(async |check| {
        tenure::scope(async |scope| {
            let old = scope.child_or_start("a", || actor(&check)).await.unwrap();
            let gate = hold(&old).await;
            old.request_drain();
            let (spawner, second) = (scope.spawner(), check.clone());
            let found = scope.task(async move {
                tenure::Ok(
                    spawner
                        .child_or_start("a", || actor(&second))
                        .await
                        .unwrap(),
                )
            })?;
            tokio::task::yield_now().await;
            assert!(!old.is_stopped());
            gate.open();
            let new = found.await?;
            assert!(old.is_stopped());
            assert_ne!(new, old);
            new.ask(Msg::Ping).await?;
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn one_that_is_ending_is_replaced_whatever_it_is() {
    paused(async |check| {
        /// Takes a second to stop.
        struct Other;
        impl Actor for Other {
            type Msg = u8;
            async fn handle(&mut self, _: u8, _: &mut Context<Self>) -> tenure::Result {
                Ok(())
            }
            async fn on_stop(&mut self, _: &mut Context<Self>) -> tenure::Result {
                tokio::time::sleep(SECOND).await;
                Ok(())
            }
        }
        tenure::scope(async |scope| {
            let other = scope.spawn(ChildSpec::new(Other).name("other"))?;
            let task = TaskSpec::with_token(async |token| {
                token.cancelled().await;
                tokio::time::sleep(SECOND).await;
            });
            let task = scope.task(task.name("task"))?;
            let start = Instant::now();
            other.request_stop();
            task.cancel();
            for name in ["other", "task"] {
                let found = scope.child_or_start(name, || actor(&check)).await.unwrap();
                assert_eq!(found.path(), format!("/{name}"));
                found.ask(Msg::Ping).await?;
            }
            assert!(other.is_stopped());
            assert!(start.elapsed() >= SECOND);
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn wait_for_one_that_is_ending_has_a_limit() {
    paused(async |check| {
        tenure::scope(async |scope| {
            let old = scope.child_or_start("a", || actor(&check)).await.unwrap();
            let gate = hold(&old).await;
            old.request_drain();
            let start = Instant::now();
            let found = scope
                .child_or_start("a", || actor(&check))
                .timeout(SECOND)
                .await;
            assert!(matches!(found, Err(StartError::TimedOut)), "{found:?}");
            assert_eq!(start.elapsed(), SECOND);
            gate.open();
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn name_of_one_that_takes_other_messages_or_none_is_an_error_and_makes_nothing() {
    paused(async |check| {
        struct Other;
        impl Actor for Other {
            type Msg = u8;
            async fn handle(&mut self, _: u8, _: &mut Context<Self>) -> tenure::Result {
                Ok(())
            }
        }
        tenure::scope(async |scope| {
            scope.spawn(ChildSpec::new(Other).name("other"))?;
            let pending = std::future::pending::<()>();
            let task = scope.task(TaskSpec::new(pending).name("task"))?;
            for name in ["other", "task"] {
                let make = || -> Node { panic!("nothing is made") };
                let found = scope.child_or_start(name, make).await;
                let Err(StartError::WrongType { path }) = found else {
                    panic!("{found:?}")
                };
                assert_eq!(path, format!("/{name}"));
            }
            let found = scope.child_or_start("other", || Other).await;
            assert!(found.is_ok(), "{found:?}");
            task.cancel();
            let error = scope
                .child_or_start("other", || actor(&check))
                .await
                .unwrap_err();
            assert_eq!(error.to_string(), "/other takes other messages, or none");
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn bad_names_and_closed_owners_give_back_what_was_made() {
    paused(async |check| {
        let late = tenure::scope(async |scope| {
            for name in ["", "a/b"] {
                let found = scope.child_or_start(name, || actor(&check)).await;
                let refused = matches!(found, Err(StartError::Refused(SpawnError::BadName(_))));
                assert!(refused, "{name:?}");
            }
            Ok(scope.spawner())
        });
        let late = late.await.unwrap();
        let found = late.child_or_start("a", || actor(&check)).await;
        assert!(matches!(
            found,
            Err(StartError::Refused(SpawnError::Closed(_)))
        ));
    });
}

#[test]
fn owner_that_waits_for_a_child_whose_end_waits_for_it_is_told_of_the_cycle() {
    paused(async |check| {
        tenure::scope(async |scope| {
            let owner = scope.spawn(actor(&check).named("owner"))?;
            let (send, received) = oneshot::channel();
            run_in(&owner, move |ctx| {
                assert!(send.send(ctx.spawner()).is_ok());
            })
            .await;
            let spawner = received.await?;
            let child = spawner.child_or_start("a", || actor(&check)).await.unwrap();
            // The child looks for itself while it is ending, which would never come to an end.
            let (send, received) = oneshot::channel();
            let (own, other) = (spawner.clone(), check.clone());
            let look = node::run(move |ctx| {
                ctx.me().request_drain();
                let work = async move {
                    own.child_or_start("a", || actor(&other))
                        .timeout(SECOND)
                        .await
                };
                let task =
                    ctx.task(async move { assert!(send.send(work.await.map(drop)).is_ok()) });
                drop(task);
            });
            child.tell(look).await?;
            let found = received.await?;
            let is_cycle = matches!(found, Err(StartError::Deadlock(_) | StartError::TimedOut));
            assert!(is_cycle, "{found:?}");
            owner.stop().await?;
            Ok(())
        })
        .await
        .unwrap();
    });
}
