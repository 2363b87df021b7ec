//! Actors that send themselves a message in each message.

use crate::common::{Count, Guard, multi_thread};
use tenure::StopReason;
use tenure::prelude::*;
use tokio::task::yield_now;

/// Sends itself a message in each message.
struct SelfFeeding {
    handled: Count,
    _guard: Guard,
}

impl Actor for SelfFeeding {
    type Msg = ();

    async fn handle(&mut self, (): (), ctx: &mut Context<Self>) -> tenure::Result {
        self.handled.add();
        Ok(ctx.me().tell(()).await?)
    }
}

/// Replies.
struct Neighbour;

impl Actor for Neighbour {
    type Msg = ReplyTo<()>;

    async fn handle(&mut self, reply: Self::Msg, _: &mut Context<Self>) -> tenure::Result {
        reply.send(());
        Ok(())
    }
}

#[test]
fn self_feeding_mailbox() {
    multi_thread(async |check| {
        tenure::scope(async |scope| {
            // Two actors for each worker.
            let mut feeding = Vec::new();
            for _ in 0..4 {
                let handled = Count::default();
                let actor = scope.spawn(SelfFeeding {
                    handled: handled.clone(),
                    _guard: check.guard(),
                })?;
                check.node(actor.node());
                actor.tell(()).await?;
                feeding.push((actor, handled));
            }
            // All of them run, and none keeps the others waiting.
            while feeding.iter().any(|(_, handled)| handled.get() < 1_000) {
                yield_now().await;
            }
            let neighbour = scope.spawn(Neighbour)?;
            for _ in 0..100 {
                neighbour.ask(|reply| reply).await?;
            }
            for (index, (actor, handled)) in feeding.iter().enumerate() {
                let stopping = actor.stop();
                // The message that was being handled is the last one.
                let so_far = handled.get();
                let reason = stopping.await?;
                assert!(matches!(reason, StopReason::Stopped), "{reason:?}");
                assert!(handled.get() <= so_far + 1);
                assert_eq!(check.alive(), 3 - isize::try_from(index)?);
            }
            Ok(())
        })
        .await
        .unwrap();
    });
}
