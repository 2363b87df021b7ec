//! A message that is put aside keeps its room in the mailbox.

use std::sync::{Arc, Mutex};

use tenure::Stashed;
use tenure::prelude::*;
use tokio::time::sleep;

use super::{SECOND, newest, oldest};
use crate::common::{paused, settled};

/// Puts aside what it is told, where the test can take it.
#[derive(Default, Clone)]
struct Shelf(Arc<Mutex<Vec<Stashed<Told>>>>);

enum Told {
    Note(u32),
    Ask(#[expect(dead_code, reason = "it is only dropped")] ReplyTo<()>),
    /// The handler takes a second.
    Busy,
}

impl Actor for Shelf {
    type Msg = Told;

    async fn handle(&mut self, msg: Told, ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            Told::Busy => sleep(SECOND).await,
            msg => self.0.lock().unwrap().push(ctx.stash(msg)),
        }
        Ok(())
    }
}

impl Shelf {
    fn notes(&self) -> Vec<u32> {
        let aside = self.0.lock().unwrap();
        let notes = aside.iter().filter_map(|aside| match aside.as_ref() {
            Told::Note(number) => Some(*number),
            _ => None,
        });
        notes.collect()
    }
}

#[test]
fn capacity_counts_what_is_put_aside() {
    paused(async |_| {
        tenure::scope(async |scope| {
            for mailbox in [oldest(3), newest(3)] {
                let before = scope.dead_letters();
                let dropped = || scope.dead_letters() - before;
                let shelf = Shelf::default();
                let actor = scope.spawn(ChildSpec::new(shelf.clone()).mailbox(mailbox))?;
                for number in 0..8 {
                    actor.tell(Told::Note(number)).await?;
                    settled().await;
                }
                assert_eq!(shelf.notes(), [0, 1, 2], "{mailbox:?}");
                assert_eq!(dropped(), 5);
                let asked = actor.ask(Told::Ask).await;
                assert_eq!(asked, Err(AskError::Dropped));

                // A message that is taken out of its envelope frees its room. Here the message that keeps the actor
                // busy takes it.
                let first = shelf.0.lock().unwrap().remove(0);
                drop(first.into_inner());
                actor.tell(Told::Busy).await?;
                settled().await;
                for number in 8..11 {
                    actor.tell(Told::Note(number)).await?;
                }
                assert_eq!(actor.node().backlog(), 1);
                assert_eq!(dropped(), 5 + 1 + 2);
                sleep(2 * SECOND).await;
                let last = if mailbox == oldest(3) { 10 } else { 8 };
                assert_eq!(shelf.notes(), [1, 2, last]);
                shelf.0.lock().unwrap().clear();
                actor.drain().await?;
            }
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn capacity_of_one_that_counts_the_current_message_keeps_nothing_behind_it() {
    paused(async |_| {
        tenure::scope(async |scope| {
            for mailbox in [oldest(1), newest(1)] {
                let before = scope.dead_letters();
                let shelf = ChildSpec::new(Shelf::default());
                let shelf = scope.spawn(shelf.mailbox(mailbox.including_current()))?;
                for busy in 0..3 {
                    shelf.tell(Told::Busy).await?;
                    settled().await;
                    assert_eq!(shelf.node().in_hand(), 1);
                    assert_eq!(scope.dead_letters() - before, busy);
                }
                sleep(2 * SECOND).await;
                shelf.tell(Told::Busy).await?;
                assert_eq!(scope.dead_letters() - before, 2);
                shelf.drain().await?;
            }
            Ok(())
        })
        .await
        .unwrap();
    });
}
