//! A mailbox whose capacity counts the current message gives an actor a message only when it is free.

use super::SECOND;
use crate::common::{paused, settled};
use tenure::prelude::*;
use tokio::time::{Instant, sleep};

struct Slow;

impl Actor for Slow {
    type Msg = u32;

    async fn handle(&mut self, seconds: u32, _: &mut Context<Self>) -> tenure::Result {
        sleep(seconds * SECOND).await;
        if seconds == 3 {
            return Err("three".into());
        }
        Ok(())
    }
}

#[test]
fn capacity_that_counts_the_current_message_is_free_once_its_handler_has_ended() {
    paused(async |_| {
        tenure::scope(async |scope| {
            let mailbox = Mailbox::bounded(1).including_current();
            let spec = ChildSpec::factory(|| Slow).restart(Restart::OnFailure);
            let slow = scope.spawn(spec.mailbox(mailbox))?;
            let start = Instant::now();
            let mut waited = Vec::new();
            for seconds in [1, 2, 3, 1, 0] {
                slow.tell(seconds).await?;
                waited.push(start.elapsed().as_secs());
                settled().await;
                assert!(seconds == 0 || slow.try_tell(9).is_err());
                assert_eq!(slow.node().in_hand(), u64::from(seconds > 0));
            }
            // The third message fails the actor, which is restarted.
            assert_eq!(waited, [0, 1, 3, 6, 7]);
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn room_for_the_current_message_counts_whatever_becomes_of_what_is_too_much() {
    paused(async |_| {
        tenure::scope(async |scope| {
            for (mailbox, dropped) in [
                (Mailbox::bounded(2).including_current().drop_newest(), 3),
                (Mailbox::bounded(2).including_current().drop_oldest(), 3),
            ] {
                let before = scope.dead_letters();
                let slow = scope.spawn(ChildSpec::new(Slow).mailbox(mailbox))?;
                slow.tell(1).await?;
                settled().await;
                for _ in 0..4 {
                    slow.tell(1).await?;
                }
                assert_eq!(slow.node().in_hand(), 2);
                let start = Instant::now();
                slow.drain().await?;
                assert_eq!(start.elapsed(), 2 * SECOND);
                assert_eq!(scope.dead_letters() - before, dropped);
            }
            Ok(())
        })
        .await
        .unwrap();
    });
}
