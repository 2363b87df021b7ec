//! A failure that nobody is left to be told of is traced, so it goes somewhere (rule 9).

use crate::common;

use std::future::pending;
use std::time::Duration;

use common::lines::Lines;
use common::node::{self, Node, run_in};
use common::restarting::{Msg, Recipe};
use common::{Kept, Log, paused, poll_unwoken, settled};
use tenure::prelude::*;
use tenure::{StopReason, System, scope_send};
use tokio::sync::oneshot;

/// Whoever awaited the scope would have been told, but the scope is dropped.
#[test]
fn failure_beneath_a_scope_that_is_dropped_is_traced() {
    paused(async |check| {
        for fails in [false, true] {
            let lines = Lines::default();
            let _listening = lines.listen();
            let (to, opened) = oneshot::channel();
            let child = Node::new(&check, &Log::default()).named("child");
            let mut scope: Kept = Box::pin(scope_send(move |scope| async move {
                drop(to.send(scope.spawn(child)?));
                pending().await
            }));
            assert!(poll_unwoken(&mut scope).is_pending());
            let child = opened.await.unwrap();
            if fails {
                child.tell(node::Msg::Fail).await.unwrap();
                drop(child.stopped().await);
            }
            drop(scope);
            settled().await;
            let told = lines.with("a scope was dropped after a failure");
            assert_eq!(told.len(), usize::from(fails), "{told:?}");
            assert!(
                told.iter().all(|line| line.contains("it fails")),
                "{told:?}"
            );
        }
    });
}

/// The code of the scope has gone before the failure, and its end is decided.
#[test]
fn failure_beneath_what_was_dropped_before_is_traced() {
    for is_contained in [false, true] {
        paused(async |_check| {
            let lines = Lines::default();
            let _listening = lines.listen();
            let (to, given) = oneshot::channel::<Kept>();
            let task = TaskSpec::new(async move {
                drop(given.await?);
                Err::<(), tenure::Error>("it fails late".into())
            });
            let mut scope: Kept = Box::pin(scope_send(move |scope| async move {
                let task = match is_contained {
                    true => task.contain(),
                    false => task,
                };
                drop(scope.task(task)?);
                pending().await
            }));
            assert!(poll_unwoken(&mut scope).is_pending());
            assert!(to.send(scope).is_ok());
            settled().await;
            let told = lines.with("beneath a node that was dropped");
            assert_eq!(told.len(), usize::from(!is_contained), "{told:?}");
            assert!(told.iter().all(|line| line.contains("it fails late")));
        });
    }
}

/// A restart had settled the failure. The end that somebody asks for afterwards is not a failure.
#[test]
fn failure_of_one_that_is_told_to_end_before_it_is_restarted_is_traced() {
    paused(async |check| {
        let lines = Lines::default();
        let _listening = lines.listen();
        let system = System::start().unwrap();
        let late = Backoff::fixed(Duration::from_secs(10));
        let mut recipe = Recipe::new("again", &Log::default(), &check);
        recipe.cleanup = Duration::from_secs(1);
        let spec = recipe.restarting(Restart::OnFailure).backoff(late);
        let actor = system.spawn(spec).unwrap();
        actor.tell(Msg::Fail).await.unwrap();
        settled().await; // it is cleaning up
        let ended = actor.stop().await;
        assert!(matches!(ended, Ok(StopReason::Stopped)), "{ended:?}");
        let told = lines.with("told to end in a restart");
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("again fails"), "{told:?}");
        system.stop().await.unwrap();
    });
}

/// A contained failure fails nobody, even if the owner had no time to see it.
#[test]
fn contained_failure_that_its_owner_has_not_looked_at_does_not_fail_it() {
    paused(async |check| {
        let system = System::start().unwrap();
        let owner = system.spawn(Node::new(&check, &Log::default())).unwrap();
        let (to, started) = oneshot::channel();
        let child = Node::new(&check, &Log::default()).named("child").contain();
        run_in(&owner, move |ctx| drop(to.send(ctx.spawn(child)))).await;
        let child = started.await.unwrap().unwrap();
        let gate = node::hold(&owner).await;
        child.tell(node::Msg::Fail).await.unwrap();
        drop(child.stopped().await);
        let stopping = owner.stop();
        gate.open();
        let ended = stopping.await;
        assert!(matches!(ended, Ok(StopReason::Stopped)), "{ended:?}");
        system.stop().await.unwrap();
    });
}

/// Whoever awaits a scope gets its failure, and passes it on.
#[test]
fn failure_of_a_scope_that_is_awaited_is_not_traced() {
    for is_beneath in [false, true] {
        paused(async |_check| {
            let lines = Lines::default();
            let _listening = lines.listen();
            let fails = async || scope_send(|_| async { Err::<(), _>("it fails".into()) }).await;
            let ended = match is_beneath {
                true => tenure::scope(async |_| Ok(fails().await?)).await,
                false => fails().await,
            };
            assert!(ended.is_err());
            assert_eq!(lines.with("it fails"), [""; 0]);
        });
    }
}
