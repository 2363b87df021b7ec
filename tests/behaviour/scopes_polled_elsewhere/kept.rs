//! A scope whose future is kept unpolled and that is told to end is ended by the shell of its owner.

use std::time::Duration;

use tenure::prelude::*;
use tenure::{Kind, NodeRef, StopError, StopReason, System, scope_send};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

use super::{Msg, SECOND, holder, keep};
use crate::common::worker::{Do, Worker};
use crate::common::{Check, Log, paused, settled};

/// Has the actor open a scope with an actor beneath it, whose cleanup takes this long. The actor then keeps the scope's
/// future unpolled.
async fn keep_with_actor(
    holder: &ActorRef<Msg>,
    (check, log): (&Check, &Log),
    cleanup: Duration,
) -> (NodeRef, ActorRef<Do>) {
    let (to, opened) = oneshot::channel();
    let child = Worker::new("child", log, check).cleanup(cleanup).named();
    keep(holder, move |scope| async move {
        let child = scope.spawn(child)?;
        drop(to.send((scope.node(), child)));
        std::future::pending().await
    })
    .await;
    holder.ask(Msg::Ping).await.unwrap();
    opened.await.unwrap()
}

/// The rule: a limit is a part of the order, and what is beneath a scope is told and joined, whether anybody polls the
/// scope or not.
#[test]
fn kept_scope_that_is_told_to_stop_ends_beneath_a_living_owner() {
    paused(async |check| {
        let (system, log) = (System::start().unwrap(), Log::default());
        let holder = holder(&system, &check);
        let (scope, child) = keep_with_actor(&holder, (&check, &log), SECOND).await;
        let begin = Instant::now();
        drop(scope.stop().within(3 * SECOND));
        assert!(matches!(child.stopped().await, Ok(StopReason::Stopped)));
        assert_eq!(begin.elapsed(), SECOND);
        assert_eq!(log.entries(), ["child on_stop", "child dropped"]);
        holder.ask(Msg::Ping).await.unwrap();
        sleep(3 * SECOND).await;
        // Only the future is left of the scope, and the grace of its body is over.
        holder.tell(Msg::TryAwait).await.unwrap();
        holder.ask(Msg::Ping).await.unwrap();
        assert!(matches!(scope.outcome(), Some(Err(StopError::CutShort(_)))));
        system.stop().await.unwrap();
    });
}

#[test]
fn kept_scope_that_is_told_to_drain_loses_nothing() {
    paused(async |check| {
        let (system, log) = (System::start().unwrap(), Log::default());
        let holder = holder(&system, &check);
        let (scope, child) = keep_with_actor(&holder, (&check, &log), SECOND).await;
        child.tell(Do::Sleep(SECOND)).await.unwrap();
        child.tell(Do::Sleep(SECOND)).await.unwrap();
        let begin = Instant::now();
        drop(scope.drain());
        assert!(matches!(child.stopped().await, Ok(StopReason::Drained)));
        assert_eq!(begin.elapsed(), 3 * SECOND);
        drop(scope.kill());
        system.stop().await.unwrap();
    });
}

/// What takes longer than the limit is cut, even if nobody polls the scope or awaits its end.
#[test]
fn limit_cuts_what_is_beneath_a_kept_scope() {
    paused(async |check| {
        let (system, log) = (System::start().unwrap(), Log::default());
        let holder = holder(&system, &check);
        let (scope, child) = keep_with_actor(&holder, (&check, &log), 100 * SECOND).await;
        let begin = Instant::now();
        drop(scope.stop().within(2 * SECOND));
        let ended = child.stopped().await;
        assert!(ended.is_err(), "{ended:?}");
        assert_eq!(begin.elapsed(), 2 * SECOND);
        drop(system.stop().await);
    });
}

/// A wait for the end of a kept scope is told that the body does not yield.
#[test]
fn wait_for_the_end_of_a_kept_scope_names_it() {
    for drains in [false, true] {
        paused(async |check| {
            let (system, log) = (System::start().unwrap(), Log::default());
            let holder = holder(&system, &check);
            let (scope, _) = keep_with_actor(&holder, (&check, &log), SECOND).await;
            let begin = Instant::now();
            let ended = match drains {
                true => scope.drain().await,
                false => scope.stop().await,
            };
            let Err(StopError::Unjoined(unjoined)) = ended else {
                panic!("{ended:?}");
            };
            assert_eq!(unjoined.nodes()[0].kind, Kind::Scope);
            // A second for the actor, the scope's grace of 5 s, and the patience of 2 s.
            assert_eq!(begin.elapsed(), 8 * SECOND);
            drop(system.stop().await);
        });
    }
}

/// A scope that its owner polls again after it was told to end comes to an end by itself.
#[test]
fn kept_scope_that_is_polled_again_ends_by_itself() {
    paused(async |check| {
        let (system, log) = (System::start().unwrap(), Log::default());
        let holder = holder(&system, &check);
        let (scope, child) = keep_with_actor(&holder, (&check, &log), 2 * SECOND).await;
        let stop = scope.stop();
        sleep(SECOND).await;
        holder.tell(Msg::TryAwait).await.unwrap();
        let ended = stop.await;
        assert!(matches!(ended, Ok(StopReason::Stopped)), "{ended:?}");
        assert!(child.is_stopped());
        system.stop().await.unwrap();
    });
}

/// The rule: what goes with an owner's code is not named as long as the owner still has time.
#[test]
fn kept_scope_whose_time_is_up_does_not_hold_up_the_stop_of_those_above() {
    paused(async |check| {
        let (system, log) = (System::start().unwrap(), Log::default());
        let older = Worker::new("older", &log, &check).named();
        let older = system.spawn(older).unwrap();
        let holder = holder(&system, &check);
        let (scope, _) = keep_with_actor(&holder, (&check, &log), SECOND).await;
        drop(scope.stop());
        // The scope has been killed by then. Its future is still kept.
        sleep(100 * SECOND).await;
        let begin = Instant::now();
        holder.tell(Msg::Sleep(3 * SECOND)).await.unwrap();
        settled().await;
        let stopped = system.stop().await;
        assert!(
            matches!(stopped, Err(StopError::CutShort(_))),
            "{stopped:?}"
        );
        assert_eq!(begin.elapsed(), 3 * SECOND);
        assert!(matches!(older.stopped().await, Ok(StopReason::Stopped)));
        assert_eq!(check.alive(), 0);
    });
}

/// Has the actor open a scope, or a scope within another, with two actors beneath it that clean up for a second each.
/// The actor then keeps the future unpolled.
async fn keep_with_two(
    holder: &ActorRef<Msg>,
    (check, log): (&Check, &Log),
    is_nested: bool,
) -> (NodeRef, [ActorRef<Do>; 2]) {
    let (to, opened) = oneshot::channel();
    let child = |name| Worker::new(name, log, check).cleanup(SECOND).named();
    let (older, younger) = (child("older"), child("younger"));
    let body = move |scope: Scope| async move {
        let children = [scope.spawn(older)?, scope.spawn(younger)?];
        drop(to.send((scope.node(), children)));
        std::future::pending().await
    };
    match is_nested {
        true => {
            let outer = move |_| async move {
                scope_send(body).await?;
                Ok(())
            };
            keep(holder, outer).await;
        }
        false => keep(holder, body).await,
    }
    opened.await.unwrap()
}

async fn end_one_after_the_other([older, younger]: &[ActorRef<Do>; 2]) {
    let begin = Instant::now();
    assert!(matches!(younger.stopped().await, Ok(StopReason::Stopped)));
    assert_eq!(begin.elapsed(), SECOND);
    assert!(matches!(older.stopped().await, Ok(StopReason::Stopped)));
    assert_eq!(begin.elapsed(), 2 * SECOND);
}

/// The owner polls the scope in the very poll in which both are told, and nothing wakes the owner after that.
#[test]
fn kept_scope_that_its_owner_peeks_at_ends_beneath_it() {
    paused(async |check| {
        let (system, log) = (System::start().unwrap(), Log::default());
        let holder = holder(&system, &check);
        let (scope, children) = keep_with_two(&holder, (&check, &log), false).await;
        holder.tell(Msg::Peek).await.unwrap();
        drop(scope.stop().within(10 * SECOND));
        end_one_after_the_other(&children).await;
        drop(system.stop().await);
    });
}

/// The scope around it is told nothing, and nobody polls it either.
#[test]
fn scope_within_a_kept_one_that_is_told_to_stop_ends_beneath_it() {
    paused(async |check| {
        let (system, log) = (System::start().unwrap(), Log::default());
        let holder = holder(&system, &check);
        let (scope, children) = keep_with_two(&holder, (&check, &log), true).await;
        drop(scope.stop().within(10 * SECOND));
        end_one_after_the_other(&children).await;
        drop(system.stop().await);
    });
}

/// Its own time had begun. From the drain of its owner on it goes with the owner's state, and has none.
#[test]
fn kept_scope_that_was_told_to_drain_is_not_cut_in_its_owners_drain() {
    paused(async |check| {
        let (system, log) = (System::start().unwrap(), Log::default());
        let holder = holder(&system, &check);
        let lasts = Worker::new("lasts", &log, &check).named();
        let spawner = holder.ask(Msg::Spawner).await.unwrap();
        let lasts = spawner.spawn(lasts.grace(100 * SECOND)).unwrap();
        lasts.tell(Do::Sleep(20 * SECOND)).await.unwrap();
        let (to, opened) = oneshot::channel();
        keep(&holder, move |scope| async move {
            drop(to.send(scope));
            std::future::pending().await
        })
        .await;
        let scope = opened.await.unwrap();
        drop(scope.node().drain());
        settled().await;
        assert!(scope.task(async {}).is_err(), "nothing is left to drain");
        let begin = Instant::now();
        let drained = holder.drain().await;
        assert!(matches!(drained, Ok(StopReason::Drained)), "{drained:?}");
        assert_eq!(begin.elapsed(), 20 * SECOND);
        let ended = scope.node().outcome();
        assert!(matches!(ended, Some(Ok(StopReason::Drained))), "{ended:?}");
        system.stop().await.unwrap();
    });
}
