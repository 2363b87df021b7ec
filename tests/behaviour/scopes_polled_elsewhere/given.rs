//! Scopes that were given to somebody who does not poll them: what does not yield, and for how long.

use std::future::pending;

use super::{SECOND, give, give_waiting, holder, keep};
use crate::common::node::{Msg, Node, run_in};
use crate::common::{Check, Kept, Log, paused, poll_unwoken, settled};
use tenure::prelude::*;
use tenure::{StopError, System, scope_send};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

/// Its owner waits for nothing else, and looks at the bound of the scope as well.
#[test]
fn bound_of_a_scope_that_was_given_away_holds() {
    paused(async |check| {
        let system = System::start().unwrap();
        let holder = holder(&system, &check);
        let given = give_waiting(&holder, 100 * SECOND).await;
        let node = holder.node().children().remove(0);
        let begin = Instant::now();
        let draining = holder.drain();
        settled().await;
        drop(node.drain().within(SECOND));
        let drained = draining.await;
        assert!(
            matches!(drained, Err(StopError::Unjoined(_))),
            "{drained:?}"
        );
        // The bound, and the patience.
        assert_eq!(begin.elapsed(), 3 * SECOND);
        let tallies = system.snapshot().tallies;
        let unjoined: Vec<_> = tallies.iter().map(|tally| tally.unjoined).collect();
        assert_eq!(unjoined, [1], "{tallies:?}");
        drop(given);
        drop(system.stop().await);
    });
}

/// A child of this actor.
async fn child(of: &ActorRef<Msg>, check: &Check) -> ActorRef<Msg> {
    let (to, started) = oneshot::channel();
    let child = Node::new(check, &Log::default());
    run_in(of, move |ctx| drop(to.send(ctx.spawn(child)))).await;
    started.await.unwrap().unwrap()
}

/// Opens a scope in the actor, and gives it away.
async fn open(actor: &ActorRef<Msg>) -> Kept {
    let (to, given) = oneshot::channel::<Kept>();
    run_in(actor, move |_| {
        let mut kept: Kept = Box::pin(scope_send(|_| pending()));
        assert!(poll_unwoken(&mut kept).is_pending());
        drop(to.send(kept));
    })
    .await;
    given.await.unwrap()
}

/// The one beneath the older child.
#[test]
fn deepest_that_does_not_yield_is_named_first() {
    paused(async |check| {
        let system = System::start().unwrap();
        let owner = system.spawn(Node::new(&check, &Log::default())).unwrap();
        let older = child(&owner, &check).await;
        let deep = child(&older, &check).await;
        let younger = child(&owner, &check).await;
        let given = [open(&deep).await, open(&younger).await];
        let Err(StopError::Unjoined(unjoined)) = owner.kill().await else {
            panic!("all have yielded");
        };
        let nodes = unjoined.nodes().iter();
        let depths: Vec<_> = nodes.map(|node| node.path.matches('/').count()).collect();
        assert_eq!(depths, [4, 3], "{unjoined:?}");
        drop(given);
        drop(system.stop().await);
    });
}

/// Its body has ended, and nothing is left beneath it. Whoever has its future could still poll it.
#[test]
fn scope_that_was_given_away_and_has_only_its_future_left_has_its_grace() {
    paused(async |check| {
        for fails in [false, true] {
            let system = System::start().unwrap();
            let holder = holder(&system, &check);
            keep(&holder, move |scope| async move {
                drop(scope.task_with(|_| sleep(SECOND))?);
                match fails {
                    true => Err("its body fails".into()),
                    false => Ok(()),
                }
            })
            .await;
            let given = give(&holder).await;
            sleep(2 * SECOND).await;
            let begin = Instant::now();
            let stopped = holder.stop().await;
            let Err(StopError::Unjoined(unjoined)) = &stopped else {
                panic!("{stopped:?}");
            };
            assert_eq!(
                unjoined.nodes()[0].path.matches('/').count(),
                2,
                "{unjoined:?}"
            );
            // Its grace, and the patience.
            assert_eq!(begin.elapsed(), 7 * SECOND);
            drop(given);
            drop(system.stop().await);
        }
    });
}
