//! What a caller is told whose reply is never sent.

use std::time::Duration;

use super::{Holder, Msg, Rig};
use crate::common::{Check, paused};
use tenure::prelude::*;
use tokio::time::Instant;

/// Runs a test in which no time may pass: callers are told at once.
fn at_once(test: impl AsyncFn(Check)) {
    paused(async |check| {
        let begin = Instant::now();
        test(check).await;
        assert_eq!(begin.elapsed(), Duration::ZERO);
    });
}

#[test]
fn reply_dropped_by_a_handler_is_answered_at_its_end() {
    at_once(async |check| {
        let rig = Rig::new(&check);
        let mut asking = Box::pin(rig.actor.ask(Msg::DropAndGoOn));
        tokio::select! {
            biased;
            asked = &mut asking => panic!("before the handler had ended: {asked:?}"),
            () = rig.entered.notified() => {}
        }
        tokio::select! {
            biased;
            asked = &mut asking => panic!("before the handler had ended: {asked:?}"),
            () = tokio::task::yield_now() => {}
        }
        rig.go_on.notify_one();
        assert_eq!(asking.await, Err(AskError::NoReply));
        rig.end().await;
    });
}

#[test]
fn reply_dropped_by_a_handler_that_fails() {
    at_once(async |check| {
        for message in [
            Msg::DropAndFail,
            Msg::DropAndPanic,
            Msg::DropInScopeAndFail,
            Msg::HoldAndFail,
        ] {
            let rig = Rig::new(&check);
            assert_eq!(rig.actor.ask(message).await, Err(AskError::Failed));
            rig.end().await;
        }
    });
}

#[test]
fn reply_dropped_or_held_by_a_handler_that_is_killed() {
    at_once(async |check| {
        for message in [Msg::DropAndHang, Msg::HoldAndHang] {
            let rig = Rig::new(&check);
            let asked = rig.ask_and(message, || rig.actor.kill()).await;
            assert_eq!(asked, Err(AskError::Killed));
            rig.end().await;
        }
    });
}

#[test]
fn reply_lost_with_a_killed_task_of_an_actor_that_lives_on() {
    at_once(async |check| {
        let rig = Rig::new(&check);
        let kill_task = || rig.actor.node().children()[0].kill();
        let asked = rig.ask_and(Msg::ToTask, kill_task).await;
        assert_eq!(asked, Err(AskError::NoReply));
        assert!(!rig.actor.is_stopped());
        rig.end().await;
    });
}

#[test]
fn reply_dropped_by_another_actor_that_it_was_handed_to() {
    at_once(async |check| {
        let (rig, other) = (Rig::new(&check), Rig::new(&check));
        let asked = rig
            .actor
            .ask(|reply| Msg::To(other.actor.clone(), reply))
            .await;
        assert_eq!(asked, Err(AskError::NoReply));
        rig.end().await;
        other.go_on.notify_one();
        other.end().await;
    });
}

#[test]
fn reply_kept_by_an_actor_that_is_stopped_or_killed() {
    at_once(async |check| {
        let rig = Rig::new(&check);
        let asked = rig.ask_and(Msg::Keep, || rig.actor.stop()).await;
        assert_eq!(asked, Err(AskError::NoReply));
        rig.end().await;
        let rig = Rig::new(&check);
        let asked = rig.ask_and(Msg::Keep, || rig.actor.kill()).await;
        assert_eq!(asked, Err(AskError::Killed));
        rig.end().await;
    });
}

#[test]
fn reply_in_a_message_that_a_stop_or_kill_discards() {
    at_once(async |check| {
        for end in [ActorRef::stop, ActorRef::kill] {
            let rig = Rig::new(&check);
            rig.actor.tell(Msg::Wait).await.unwrap();
            let asking = rig.actor.ask(|reply| Msg::Send(1, reply));
            let ending = async {
                rig.entered.notified().await;
                let ending = end(&rig.actor);
                rig.go_on.notify_one();
                ending.await
            };
            let (asked, ended) = tokio::join!(asking, ending);
            assert_eq!(asked, Err(AskError::Stopped));
            assert!(ended.is_ok(), "{ended:?}");
            rig.end().await;
        }
    });
}

#[test]
fn reply_dropped_by_a_hook_that_goes_on() {
    paused(async |check| {
        let mut holder = Holder::new(&check);
        holder.hook_hangs = true;
        let rig = Rig::with(holder, Mailbox::default(), &check);
        let other = Rig::new(&check);
        let others_failure = || async {
            rig.actor.tell(Msg::EndAChild).await.unwrap();
            rig.entered.notified().await;
            // An error of another actor on this thread is not the answer.
            other.actor.ask(Msg::DropAndPanic).await
        };
        let (asked, failed) = {
            let asking = rig.actor.ask(Msg::Keep);
            let then = async {
                rig.entered.notified().await;
                others_failure().await
            };
            tokio::join!(asking, then)
        };
        assert_eq!(asked, Err(AskError::NoReply));
        assert_eq!(failed, Err(AskError::Failed));
        rig.actor.kill().await.unwrap();
        rig.end().await;
        other.end().await;
    });
}
