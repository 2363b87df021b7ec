//! Children that ask or tell their owner while it ends.

use std::time::Duration;

use super::SECOND;
use crate::common::{Log, paused};
use tenure::prelude::*;
use tenure::{StopError, StopReason};
use tokio::time::{Instant, sleep};

/// Asks its owner in its handler, and once more in its `on_stop`.
struct Asker {
    owner: ActorRef<OwnerMsg>,
    outcomes: Log,
}

impl Asker {
    async fn ask(&self, when: &str) {
        let outcome = self.owner.ask(OwnerMsg::Ask).await;
        self.outcomes.push(format!("{when}: {outcome:?}"));
    }
}

impl Actor for Asker {
    type Msg = ();

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        self.ask("handler").await;
        Ok(())
    }

    async fn on_stop(&mut self, _: &mut Context<Self>) -> tenure::Result {
        self.ask("on_stop").await;
        Ok(())
    }
}

enum OwnerMsg {
    Spawn(Log, ReplyTo<ActorRef<()>>),
    /// Stops its child; with `true`, waits for that.
    StopChild(ActorRef<()>, bool),
    Sleep(Duration),
    Ask(ReplyTo<u32>),
}

struct Owner;

impl Actor for Owner {
    type Msg = OwnerMsg;

    async fn handle(&mut self, msg: OwnerMsg, ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            OwnerMsg::Spawn(outcomes, reply) => {
                let owner = ctx.me();
                let asker = ChildSpec::new(Asker { owner, outcomes });
                let asker = asker.mailbox(Mailbox::bounded(2));
                reply.send(ctx.spawn(asker)?);
            }
            OwnerMsg::StopChild(child, waits) => {
                let stopping = ctx.stop_child(&child.node())?;
                if waits {
                    stopping.await?;
                }
            }
            OwnerMsg::Sleep(time) => sleep(time).await,
            OwnerMsg::Ask(reply) => reply.send(7),
        }
        Ok(())
    }
}

#[test]
fn asks_to_a_stopping_owner_bounce() {
    for drain in [true, false] {
        paused(async |check| {
            let outcomes = Log::default();
            tenure::scope(async |scope| {
                let owner = scope.spawn(Owner)?;
                let mut askers = Vec::new();
                for _ in 0..2 {
                    let asker = owner.ask(|reply| OwnerMsg::Spawn(outcomes.clone(), reply));
                    askers.push(asker.await?);
                }
                owner.tell(OwnerMsg::Sleep(SECOND)).await?;
                while owner.node().backlog() > 0 {
                    tokio::task::yield_now().await;
                }
                for asker in &askers {
                    check.node(asker.node());
                    asker.tell(()).await?;
                }
                // The asks of both handlers are queued when the end begins.
                while owner.node().backlog() < 2 {
                    tokio::task::yield_now().await;
                }
                let start = Instant::now();
                let ending = if drain { owner.drain() } else { owner.stop() };
                ending.await?;
                assert_eq!(start.elapsed(), SECOND);
                Ok(())
            })
            .await
            .unwrap();
            let outcome = if drain { "Ok(7)" } else { "Err(Stopped)" };
            let mut entries = outcomes.entries();
            entries.sort();
            let expected = ["handler", "handler", "on_stop", "on_stop"];
            assert_eq!(entries, expected.map(|when| format!("{when}: {outcome}")));
        });
    }
}

/// An owner whose child has a full mailbox and waits for an answer of the owner, which has other messages first.
async fn owner_with_full_child(
    scope: &Scope,
    outcomes: &Log,
) -> tenure::Result<(ActorRef<OwnerMsg>, ActorRef<()>)> {
    let owner = scope.spawn(Owner)?;
    let child = owner
        .ask(|reply| OwnerMsg::Spawn(outcomes.clone(), reply))
        .await?;
    owner.tell(OwnerMsg::Sleep(SECOND)).await?;
    child.tell(()).await?;
    while child.node().backlog() > 0 || owner.node().backlog() != 1 {
        tokio::task::yield_now().await;
    }
    while child.try_tell(()).is_ok() {}
    assert_eq!(child.node().backlog(), 2);
    Ok((owner, child))
}

#[test]
fn full_mailbox_does_not_block_stop() {
    paused(async |_check| {
        // The owner stops the child in a message that comes before the child's question.
        let outcomes = Log::default();
        tenure::scope(async |scope| {
            let owner = scope.spawn(Owner)?;
            let child = owner
                .ask(|reply| OwnerMsg::Spawn(outcomes.clone(), reply))
                .await?;
            owner.tell(OwnerMsg::Sleep(SECOND)).await?;
            owner
                .tell(OwnerMsg::StopChild(child.clone(), false))
                .await?;
            child.tell(()).await?;
            while child.node().backlog() > 0 || owner.node().backlog() != 2 {
                tokio::task::yield_now().await;
            }
            while child.try_tell(()).is_ok() {}
            let start = Instant::now();
            let reason = child.stopped().await?;
            assert!(matches!(reason, StopReason::Stopped), "{reason:?}");
            assert_eq!(start.elapsed(), SECOND);
            Ok(())
        })
        .await
        .unwrap();
        // The owner answered both times.
        assert_eq!(outcomes.entries(), ["handler: Ok(7)", "on_stop: Ok(7)"]);

        // The owner itself is stopped: the child's ask fails.
        let outcomes = Log::default();
        tenure::scope(async |scope| {
            let (owner, child) = owner_with_full_child(&scope, &outcomes).await?;
            let start = Instant::now();
            let ending = owner.stop();
            child.stopped().await?;
            assert_eq!(start.elapsed(), SECOND);
            ending.await?;
            assert_eq!(start.elapsed(), SECOND);
            Ok(())
        })
        .await
        .unwrap();
        let expected = ["handler: Err(Stopped)", "on_stop: Err(Stopped)"];
        assert_eq!(outcomes.entries(), expected);

        // Somebody else stops the child while it waits for its owner.
        let outcomes = Log::default();
        tenure::scope(async |scope| {
            let (_owner, child) = owner_with_full_child(&scope, &outcomes).await?;
            let start = Instant::now();
            let reason = child.stop().await?;
            assert!(matches!(reason, StopReason::Stopped), "{reason:?}");
            assert_eq!(start.elapsed(), SECOND);
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(outcomes.entries(), ["handler: Ok(7)", "on_stop: Ok(7)"]);
    });
}

#[test]
fn waiting_for_the_stop_of_a_child_that_asks_ends_with_its_grace() {
    paused(async |_check| {
        let outcomes = Log::default();
        tenure::scope(async |scope| {
            let owner = scope.spawn(ChildSpec::new(Owner).contain())?;
            let child = owner
                .ask(|reply| OwnerMsg::Spawn(outcomes.clone(), reply))
                .await?;
            owner.tell(OwnerMsg::Sleep(SECOND)).await?;
            owner.tell(OwnerMsg::StopChild(child.clone(), true)).await?;
            child.tell(()).await?;
            let start = Instant::now();
            // The owner and the child wait for each other. The child's grace bounds that.
            let outcome = child.stopped().await;
            assert_eq!(start.elapsed(), 6 * SECOND);
            assert!(
                matches!(outcome, Err(StopError::CutShort(_))),
                "{outcome:?}"
            );
            let outcome = owner.stopped().await;
            assert!(matches!(outcome, Err(StopError::Failed(_))), "{outcome:?}");
            Ok(())
        })
        .await
        .unwrap();
        assert!(outcomes.entries().is_empty());
    });
}
