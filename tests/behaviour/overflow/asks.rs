//! Asks in a mailbox that drops messages.

use std::time::Duration;

use super::{SECOND, held, newest, oldest};
use crate::common::node::{Msg, note};
use crate::common::{Log, paused, settled};
use tenure::prelude::*;
use tokio::time::{Instant, timeout};

#[test]
fn ask_that_is_dropped_as_the_oldest_resolves_at_once_and_says_why() {
    paused(async |check| {
        tenure::scope(async |scope| {
            let (actor, gate) = held(&scope, oldest(1), &check, &Log::default()).await?;
            let start = Instant::now();
            for limit in [None, Some(9 * SECOND)] {
                let ask = actor.ask(Msg::Ping).owned();
                let ask = match limit {
                    Some(limit) => ask.timeout(limit),
                    None => ask,
                };
                let asking = scope.task(async move { tenure::Ok(ask.await) })?;
                settled().await;
                actor.tell(note("for which it is dropped")).await?;
                let error = asking.await?.unwrap_err();
                assert_eq!(error, AskError::Dropped);
                assert!(error.never_started());
            }
            assert_eq!(start.elapsed(), Duration::ZERO, "while the actor is busy");
            gate.open();
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn ask_that_is_dropped_as_the_newest_resolves_at_once_and_says_why() {
    paused(async |check| {
        tenure::scope(async |scope| {
            let (actor, gate) = held(&scope, newest(1), &check, &Log::default()).await?;
            actor.tell(note("in the way")).await?;
            assert_eq!(actor.ask(Msg::Ping).await, Err(AskError::Dropped));
            assert_eq!(
                actor.ask(Msg::Ping).timeout(SECOND).await,
                Err(AskError::Dropped)
            );
            assert_eq!(actor.try_ask(Msg::Ping).await, Err(AskError::Dropped));
            assert_eq!(scope.dead_letters(), 3);
            gate.open();
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn asker_that_gives_up_before_its_message_is_started_is_skipped() {
    paused(async |check| {
        tenure::scope(async |scope| {
            let (actor, gate) = held(&scope, oldest(4), &check, &Log::default()).await?;
            for text in 0..6 {
                actor.tell(note(text.to_string())).await?;
            }
            assert!(timeout(SECOND, actor.ask(Msg::Ping)).await.is_err());
            let limited = actor.ask(Msg::Ping).timeout(SECOND).await;
            assert!(
                matches!(limited, Err(AskError::TimedOut { started: false, .. })),
                "{limited:?}"
            );
            gate.open();
            actor.ask(Msg::Ping).await?;
            // Two notes were dropped for later notes, and one more for each of the three asks.
            assert_eq!(scope.dead_letters(), 5);
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn ask_that_was_given_up_and_is_dropped_then_is_no_loss() {
    paused(async |check| {
        tenure::scope(async |scope| {
            let (actor, gate) = held(&scope, oldest(1), &check, &Log::default()).await?;
            assert!(timeout(SECOND, actor.ask(Msg::Ping)).await.is_err());
            actor.tell(note("for which it is dropped")).await?;
            assert_eq!(scope.dead_letters(), 0);
            gate.open();
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn stop_resolves_asks_in_a_mailbox_that_has_dropped_some() {
    paused(async |check| {
        tenure::scope(async |scope| {
            let (actor, gate) = held(&scope, oldest(2), &check, &Log::default()).await?;
            for text in 0..5 {
                actor.tell(note(text.to_string())).await?;
            }
            let ask = actor.ask(Msg::Ping).owned();
            let asking = scope.task(async move { tenure::Ok(ask.await) })?;
            settled().await;
            actor.request_stop();
            gate.open();
            assert_eq!(asking.await?, Err(AskError::Stopped));
            // Three notes were dropped for later notes and one for the ask; one note was discarded, and so was the ask.
            assert_eq!(scope.dead_letters(), 6);
            Ok(())
        })
        .await
        .unwrap();
    });
}
