//! A handler that waits for the next message while it handles one.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{self, Wake, Waker};
use std::time::Duration;

use super::SECOND;
use crate::common::{Check, Log, paused, settled};
use tenure::prelude::*;
use tokio::time::{Instant, sleep, timeout};

/// Collects the messages that come within a second.
struct Gatherer(Log);

impl Actor for Gatherer {
    type Msg = u32;

    async fn handle(&mut self, first: u32, ctx: &mut Context<Self>) -> tenure::Result {
        let mut batch = vec![first];
        let end = Instant::now() + SECOND;
        while let Ok(Some(next)) = tokio::time::timeout_at(end, ctx.next()).await {
            batch.push(next);
        }
        self.0.push(format!("{batch:?}"));
        Ok(())
    }
}

async fn gather(
    scope: &Scope,
    check: &Check,
    end: impl AsyncFnOnce(&ActorRef<u32>) -> tenure::Result,
) -> tenure::Result<Vec<String>> {
    let log = Log::default();
    let gatherer = scope.spawn(Gatherer(log.clone()))?;
    check.node(gatherer.node());
    for number in 0..3 {
        gatherer.tell(number).await?;
        sleep(SECOND * 2 / 5).await;
    }
    end(&gatherer).await?;
    Ok(log.entries())
}

#[test]
fn handler_waits_for_the_next_message() {
    paused(async |check| {
        tenure::scope(async |scope| {
            let start = Instant::now();
            let batches = gather(&scope, &check, async |gatherer| {
                sleep(SECOND).await;
                gatherer.tell(3).await?;
                sleep(2 * SECOND).await;
                Ok(())
            });
            assert_eq!(batches.await?, ["[0, 1, 2]", "[3]"]);
            assert_eq!(start.elapsed(), SECOND * 4 + SECOND / 5);
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn wait_for_the_next_message_ends_with_a_stop_and_with_a_drain_that_has_nothing_left() {
    paused(async |check| {
        tenure::scope(async |scope| {
            let start = Instant::now();
            let of_stop = gather(&scope, &check, async |gatherer| {
                gatherer.tell(3).await?;
                gatherer.stop().await?;
                Ok(())
            });
            // The stop comes 200 ms into the second batch, whose message is left in the mailbox.
            assert_eq!(of_stop.await?, ["[0, 1, 2]"]);
            let of_drain = gather(&scope, &check, async |gatherer| {
                gatherer.tell(3).await?;
                gatherer.drain().await?;
                Ok(())
            });
            assert_eq!(of_drain.await?, ["[0, 1, 2]", "[3]"]);
            assert_eq!(start.elapsed(), SECOND * 12 / 5, "nobody waits for more");
            Ok(())
        })
        .await
        .unwrap();
    });
}

/// A waker that passes wakes on to the one that it holds, for as long as it holds one.
#[derive(Default)]
struct Relay(Mutex<Option<Waker>>);

impl Wake for Relay {
    fn wake(self: Arc<Self>) {
        if let Some(waker) = self.0.lock().unwrap().take() {
            waker.wake();
        }
    }
}

/// Polls its wait for the next message with another waker than the task's, and then drops that waker's target.
struct Wrapped;

impl Actor for Wrapped {
    type Msg = ReplyTo<()>;

    async fn handle(&mut self, reply: ReplyTo<()>, ctx: &mut Context<Self>) -> tenure::Result {
        let cancelled = ctx.cancelled();
        {
            let relay = Arc::new(Relay::default());
            let mut next = pin!(ctx.next());
            let through = poll_fn(|cx| {
                *relay.0.lock().unwrap() = Some(cx.waker().clone());
                let waker = Waker::from(Arc::clone(&relay));
                next.as_mut().poll(&mut task::Context::from_waker(&waker))
            });
            assert!(timeout(SECOND, through).await.is_err());
            relay.0.lock().unwrap().take();
        }
        reply.send(());
        cancelled.await;
        Ok(())
    }
}

#[test]
fn actor_is_woken_after_a_wait_for_the_next_message_was_dropped() {
    paused(async |check| {
        tenure::scope(async |scope| {
            let wrapped = scope.spawn(Wrapped)?;
            check.node(wrapped.node());
            wrapped.ask(|reply| reply).await?;
            settled().await;
            let start = Instant::now();
            wrapped.stop().await?;
            assert_eq!(start.elapsed(), Duration::ZERO);
            Ok(())
        })
        .await
        .unwrap();
    });
}
