//! An end can be requested without waiting for it, and an actor's own code can see that one was requested.

use std::sync::Arc;
use std::sync::Mutex;

use crate::common::node::{self, Node, hold, note, run};
use crate::common::{Check, Log, paused, settled};
use tenure::prelude::*;
use tenure::{StopError, StopReason};

type Seen = Arc<Mutex<Vec<(&'static str, bool)>>>;

/// Notes in each of its hooks and handlers whether it is ending.
struct Watcher(Seen);

impl Watcher {
    fn look(&self, at: &'static str, ctx: &Context<Self>) {
        self.0.lock().unwrap().push((at, ctx.is_ending()));
    }
}

impl Actor for Watcher {
    type Msg = bool;

    async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        self.look("on_start", ctx);
        Ok(())
    }

    /// With `true` it fails.
    async fn handle(&mut self, fails: bool, ctx: &mut Context<Self>) -> tenure::Result {
        self.look("handle", ctx);
        if fails { Err("told to".into()) } else { Ok(()) }
    }

    async fn on_drain(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        self.look("on_drain", ctx);
        Ok(())
    }

    async fn on_stop(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        self.look("on_stop", ctx);
        Ok(())
    }
}

async fn seen(end: impl AsyncFnOnce(&ActorRef<bool>)) -> Vec<(&'static str, bool)> {
    let seen = Seen::default();
    let ended = tenure::scope(async |scope| {
        let watcher = scope.spawn(ChildSpec::new(Watcher(Arc::clone(&seen))).contain())?;
        end(&watcher).await;
        Ok(())
    });
    ended.await.unwrap();
    seen.lock().unwrap().clone()
}

#[test]
fn draining_actor_sees_in_its_handlers_that_it_is_ending() {
    paused(async |_| {
        let seen = seen(async |watcher| {
            settled().await;
            watcher.tell(false).await.unwrap();
            watcher.drain().await.unwrap();
        });
        let expected = [
            ("on_start", false),
            // The order came while this message was queued.
            ("handle", true),
            ("on_drain", true),
            ("on_stop", true),
        ];
        assert_eq!(seen.await, expected);
    });
}

#[test]
fn actor_that_nobody_has_told_anything_is_not_ending() {
    paused(async |_| {
        let seen = seen(async |watcher| {
            watcher.tell(false).await.unwrap();
            settled().await;
            watcher.stop().await.unwrap();
        });
        let expected = [("on_start", false), ("handle", false), ("on_stop", true)];
        assert_eq!(seen.await, expected);
    });
}

#[test]
fn actor_that_has_failed_is_ending_in_its_on_stop() {
    paused(async |_| {
        let seen = seen(async |watcher| {
            watcher.tell(true).await.unwrap();
            assert!(matches!(watcher.stopped().await, Err(StopError::Failed(_))));
        });
        let expected = [("on_start", false), ("handle", false), ("on_stop", true)];
        assert_eq!(seen.await, expected);
    });
}

#[test]
fn spawner_of_an_actor_that_has_ended_says_so() {
    paused(async |check: Check| {
        tenure::scope(async |scope| {
            let actor = scope.spawn(Node::new(&check, &Log::default()))?;
            let (lend, lent) = tokio::sync::oneshot::channel();
            actor
                .tell(run(move |ctx| lend.send(ctx.spawner()).unwrap()))
                .await?;
            let spawner = lent.await?;
            assert!(!spawner.is_ending());
            actor.kill().await?;
            assert!(spawner.is_ending());
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn spawner_of_an_owner_that_has_ended_by_itself_says_so() {
    paused(async |check: Check| {
        let of_scope = tenure::scope(async |scope| {
            assert!(!scope.is_ending());
            let (lend, lent) = tokio::sync::oneshot::channel();
            let actor = scope.spawn(Node::new(&check, &Log::default()))?;
            actor
                .tell(run(move |ctx| {
                    lend.send(ctx.spawner()).unwrap();
                    ctx.stop();
                }))
                .await?;
            let of_actor = lent.await?;
            assert!(matches!(actor.stopped().await?, StopReason::Finished));
            assert!(of_actor.is_ending());
            Ok(scope.spawner())
        });
        let of_scope = of_scope.await.unwrap();
        assert!(of_scope.is_ending());

        let system = System::start().unwrap();
        let of_system = system.spawner();
        assert!(!of_system.is_ending());
        system
            .task(async { tenure::Result::<()>::Err("no".into()) })
            .unwrap();
        system.stopped().await.unwrap_err();
        assert!(of_system.is_ending());
    });
}

/// Requests an end while the actor is in a handler and has one more message queued. Returns how the actor ended, and
/// what it noted.
async fn requested(
    check: Check,
    request: impl FnOnce(&ActorRef<node::Msg>),
) -> (Result<StopReason, StopError>, Vec<String>) {
    let log = Log::default();
    let ended = tenure::scope(async |scope| {
        let actor = scope.spawn(Node::new(&check, &log))?;
        check.node(actor.node());
        let gate = hold(&actor).await;
        actor.tell(note("queued")).await?;
        request(&actor);
        gate.open();
        Ok(actor.stopped().await)
    });
    (ended.await.unwrap(), log.entries())
}

#[test]
fn requests_of_a_reference_are_orders_and_give_nothing_to_wait_for() {
    paused(async |check| {
        let (end, log) = requested(check.clone(), |actor| actor.request_stop()).await;
        assert!(
            matches!(end, Ok(StopReason::Stopped)) && log.is_empty(),
            "{end:?} {log:?}"
        );
        let (end, log) = requested(check.clone(), |actor| actor.request_drain()).await;
        assert!(
            matches!(end, Ok(StopReason::Drained)) && log == ["queued"],
            "{end:?} {log:?}"
        );
        let (end, log) = requested(check, |actor| actor.request_kill()).await;
        assert!(
            matches!(end, Ok(StopReason::Killed)) && log.is_empty(),
            "{end:?} {log:?}"
        );
    });
}

#[test]
fn requests_of_a_node_are_the_same_orders() {
    paused(async |check| {
        let (end, log) = requested(check.clone(), |actor| actor.node().request_stop()).await;
        assert!(
            matches!(end, Ok(StopReason::Stopped)) && log.is_empty(),
            "{end:?} {log:?}"
        );
        let (end, log) = requested(check.clone(), |actor| actor.node().request_drain()).await;
        assert!(
            matches!(end, Ok(StopReason::Drained)) && log == ["queued"],
            "{end:?} {log:?}"
        );
        let (end, log) = requested(check, |actor| actor.node().request_kill()).await;
        assert!(
            matches!(end, Ok(StopReason::Killed)) && log.is_empty(),
            "{end:?} {log:?}"
        );
    });
}
