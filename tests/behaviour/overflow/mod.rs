//! Mailboxes that drop messages when they are full: nobody waits, and every drop is counted.

mod aside;
mod asks;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::common::node::{Gate, Msg, Node, hold, note};
use crate::common::{Check, Log, multi_thread, paused, settled};
use tenure::prelude::*;
use tenure::{Overflow, StopError};
use tokio::time::{Instant, sleep};

const SECOND: Duration = Duration::from_secs(1);

fn oldest(capacity: usize) -> Mailbox {
    Mailbox::bounded(capacity).drop_oldest()
}

fn newest(capacity: usize) -> Mailbox {
    Mailbox::bounded(capacity).drop_newest()
}

/// An actor with this mailbox, in a handler that lasts until the gate is opened.
async fn held(
    scope: &Scope,
    mailbox: Mailbox,
    check: &Check,
    log: &Log,
) -> tenure::Result<(ActorRef<Msg>, Arc<Gate>)> {
    let actor = scope.spawn(ChildSpec::new(Node::new(check, log)).mailbox(mailbox))?;
    let gate = hold(&actor).await;
    Ok((actor, gate))
}

/// Sends this many notes to a busy actor, never waiting. Returns the notes that it handled, and the number of dead
/// letters.
async fn notes_handled(mailbox: Mailbox, number: usize, check: &Check) -> (Vec<String>, u64) {
    let log = Log::default();
    let dead = tenure::scope(async |scope| {
        let (actor, gate) = held(&scope, mailbox, check, &log).await?;
        let start = Instant::now();
        for text in 0..number {
            match text % 3 {
                0 => actor.tell(note(text.to_string())).await?,
                1 => actor.try_tell(note(text.to_string()))?,
                _ => actor.reserve().await?.send(note(text.to_string()))?,
            }
        }
        assert_eq!(start.elapsed(), Duration::ZERO, "nobody waits for room");
        gate.open();
        actor.drain().await?;
        Ok(scope.dead_letters())
    });
    let dead = dead.await.unwrap();
    (log.entries(), dead)
}

#[test]
fn oldest_are_dropped_and_counted() {
    paused(async |check| {
        let (handled, dead) = notes_handled(oldest(3), 10, &check).await;
        assert_eq!(handled, ["7", "8", "9"]);
        assert_eq!(dead, 7);
    });
}

#[test]
fn newest_are_dropped_and_counted() {
    paused(async |check| {
        let (handled, dead) = notes_handled(newest(3), 10, &check).await;
        assert_eq!(handled, ["0", "1", "2"]);
        assert_eq!(dead, 7);
    });
}

#[test]
fn nothing_is_dropped_while_there_is_room() {
    paused(async |check| {
        for mailbox in [oldest(4), newest(4)] {
            let (handled, dead) = notes_handled(mailbox, 4, &check).await;
            assert_eq!(handled, ["0", "1", "2", "3"]);
            assert_eq!(dead, 0);
        }
    });
}

#[test]
fn capacity_of_one_keeps_the_last_or_the_first() {
    paused(async |check| {
        assert_eq!(notes_handled(oldest(1), 5, &check).await.0, ["4"]);
        assert_eq!(notes_handled(newest(1), 5, &check).await.0, ["0"]);
    });
}

#[test]
fn unbounded_mailbox_with_a_policy_never_drops() {
    paused(async |check| {
        for mailbox in [
            Mailbox::unbounded().drop_oldest(),
            Mailbox::unbounded().drop_newest(),
        ] {
            let (handled, dead) = notes_handled(mailbox, 2_000, &check).await;
            assert_eq!((handled.len(), dead), (2_000, 0));
        }
    });
}

#[test]
fn no_capacity_is_refused_with_a_policy_too() {
    paused(async |check| {
        tenure::scope(async |scope| {
            for mailbox in [oldest(0), newest(0)] {
                let spec = ChildSpec::new(Node::new(&check, &Log::default())).mailbox(mailbox);
                assert!(matches!(scope.spawn(spec), Err(SpawnError::NoCapacity(_))));
            }
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn policy_can_be_read_and_the_last_one_counts() {
    assert_eq!(Mailbox::bounded(2).overflow(), Overflow::Wait);
    assert_eq!(oldest(2).overflow(), Overflow::DropOldest);
    assert_eq!(oldest(2).drop_newest(), newest(2));
    assert_eq!(newest(2).capacity(), Some(2));
}

/// Takes texts, and asks for how many there were.
enum Part {
    Text(String),
    Count(ReplyTo<usize>),
}

impl From<Part> for Msg {
    fn from(part: Part) -> Self {
        match part {
            Part::Text(text) => Self::Note(text),
            Part::Count(reply) => {
                drop(reply);
                Self::Fail
            }
        }
    }
}

#[test]
fn recipients_have_the_policy_of_the_actor() {
    paused(async |check| {
        tenure::scope(async |scope| {
            let log = Log::default();
            let (actor, gate) = held(&scope, oldest(2), &check, &log).await?;
            let recipient = actor.recipient::<Part>();
            for text in ["a", "b", "c"] {
                recipient.tell(Part::Text(text.into())).await?;
            }
            recipient.try_tell(Part::Text("d".into()))?;
            gate.open();
            actor.drain().await?;
            assert_eq!(log.entries(), ["c", "d"]);
            assert_eq!(scope.dead_letters(), 2);
            let refused = recipient.ask(Part::Count).await;
            assert_eq!(refused, Err(AskError::Stopped));
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn what_is_dropped_is_shown_to_the_systems_hook() {
    paused(async |check| {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let shown = Arc::clone(&seen);
        let system = System::builder()
            .on_dead_letter(move |letter| {
                if let Some(Msg::Note(text)) = letter.downcast_ref() {
                    let entry = format!("{} {} {text}", letter.path(), letter.label());
                    shown.lock().unwrap().push(entry);
                }
            })
            .start()
            .unwrap();
        let actor = Node::new(&check, &Log::default())
            .named("gauge")
            .mailbox(oldest(1));
        let actor = system.spawn(actor).unwrap();
        let gate = hold(&actor).await;
        for text in ["1", "2", "3"] {
            actor.tell(note(text)).await.unwrap();
        }
        assert_eq!(*seen.lock().unwrap(), ["/gauge Note 1", "/gauge Note 2"]);
        gate.open();
        system.drain().await.unwrap();
        assert_eq!(system.dead_letters(), 2);
    });
}

#[test]
fn backlog_counts_what_is_left() {
    paused(async |check| {
        tenure::scope(async |scope| {
            let (actor, gate) = held(&scope, oldest(2), &check, &Log::default()).await?;
            for text in 0..5 {
                actor.tell(note(text.to_string())).await?;
            }
            assert_eq!(actor.node().backlog(), 2);
            gate.open();
            actor.ask(Msg::Ping).await?;
            assert_eq!(actor.node().backlog(), 0);
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn closed_mailbox_refuses_and_gives_back_as_any_other() {
    paused(async |check| {
        tenure::scope(async |scope| {
            for mailbox in [oldest(1), newest(1)] {
                let (actor, gate) = held(&scope, mailbox, &check, &Log::default()).await?;
                let permit = actor.reserve().await?;
                actor.tell(note("queued")).await?;
                actor.request_stop();
                let refused = actor.tell(note("late")).await.unwrap_err().into_inner();
                assert!(matches!(refused, Msg::Note(text) if text == "late"));
                let refused = permit.send(note("later")).unwrap_err().into_inner();
                assert!(matches!(refused, Msg::Note(text) if text == "later"));
                gate.open();
                actor.stopped().await?;
            }
            Ok(())
        })
        .await
        .unwrap();
    });
}

/// A message that panics when it is dropped unhandled, if it is told to.
struct Bomb(bool);

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(!self.0, "dropped unhandled");
    }
}

struct Slow;

impl Actor for Slow {
    type Msg = Bomb;

    async fn handle(&mut self, mut bomb: Bomb, _: &mut Context<Self>) -> tenure::Result {
        bomb.0 = false;
        sleep(SECOND).await;
        Ok(())
    }
}

#[test]
fn message_that_panics_when_it_is_dropped_fails_neither_its_sender_nor_the_actor() {
    paused(async |_| {
        tenure::scope(async |scope| {
            for mailbox in [oldest(1), newest(1)] {
                let slow = scope.spawn(ChildSpec::new(Slow).mailbox(mailbox))?;
                slow.tell(Bomb(true)).await?;
                settled().await;
                for _ in 0..3 {
                    slow.tell(Bomb(true)).await?;
                }
                slow.drain().await?;
            }
            assert_eq!(scope.dead_letters(), 4);
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn every_message_of_many_senders_is_handled_or_counted() {
    const EACH: usize = 5_000;
    multi_thread(async |check| {
        for mailbox in [oldest(8), newest(8)] {
            let log = Log::default();
            let dead = tenure::scope(async |scope| {
                let actor =
                    scope.spawn(ChildSpec::new(Node::new(&check, &log)).mailbox(mailbox))?;
                let mut senders = Vec::new();
                for _ in 0..4 {
                    let actor = actor.clone();
                    senders.push(scope.task(async move {
                        for _ in 0..EACH {
                            actor.tell(note("")).await?;
                        }
                        tenure::Ok(())
                    })?);
                }
                for sender in senders {
                    sender.await?;
                }
                actor.drain().await?;
                Ok(scope.dead_letters())
            });
            let dead = usize::try_from(dead.await.unwrap()).unwrap();
            assert_eq!(log.entries().len() + dead, 4 * EACH);
        }
    });
}

#[test]
fn actor_with_a_full_mailbox_tells_itself_without_a_cycle() {
    paused(async |_| {
        struct Echo;
        impl Actor for Echo {
            type Msg = u32;
            async fn handle(&mut self, left: u32, ctx: &mut Context<Self>) -> tenure::Result {
                for _ in 0..2 {
                    ctx.me().tell(left.saturating_sub(1)).await?;
                }
                if left == 0 {
                    ctx.stop();
                }
                Ok(())
            }
        }
        tenure::scope(async |scope| {
            for mailbox in [oldest(1), newest(1)] {
                let echo = scope.spawn(ChildSpec::new(Echo).mailbox(mailbox))?;
                echo.tell(3).await?;
                let end: Result<_, StopError> = echo.stopped().await;
                end?;
            }
            Ok(())
        })
        .await
        .unwrap();
    });
}

/// What was dropped in front of the current message takes no room while that is handled.
#[test]
fn message_fits_beside_the_current_one_although_others_were_dropped_before() {
    paused(async |check| {
        tenure::scope(async |scope| {
            for mailbox in [oldest(2), oldest(3).including_current()] {
                let log = Log::default();
                let (actor, gate) = held(&scope, mailbox, &check, &log).await?;
                let next = Arc::new(Gate::default());
                actor.try_tell(note("one"))?;
                actor.try_tell(Msg::Hold(Arc::clone(&next)))?;
                actor.try_tell(note("two"))?; // The first is dropped.
                gate.open();
                next.reached().await;
                actor.try_tell(note("three"))?;
                next.open();
                settled().await;
                assert_eq!(log.entries(), ["two", "three"], "{mailbox:?}");
            }
            Ok(())
        })
        .await
        .unwrap();
    });
}
