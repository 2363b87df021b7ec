//! Messages that an actor puts aside, takes while it handles another, or is only given once it is free.

mod current;
mod next;

use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use crate::common::{Log, paused, settled};
use tenure::prelude::*;
use tenure::{Stashed, TrySendError};
use tokio::time::{Instant, sleep, timeout};

const SECOND: Duration = Duration::from_secs(1);

enum Msg {
    /// The shelf puts it aside.
    Later(u32, ReplyTo<u32>),
    /// The shelf puts it aside, and nobody waits for it.
    Note,
    /// Forwards the oldest message that is aside.
    HandOn(ReplyTo<bool>),
    /// Drops the oldest message that is aside.
    Drop,
    /// Answers the oldest message that is aside. Replies whether its caller had gone, or that there was none.
    Take(ReplyTo<Option<bool>>),
}

struct Shelf {
    aside: VecDeque<Stashed<Msg>>,
    next: Option<ActorRef<Msg>>,
}

impl Shelf {
    fn new(next: Option<ActorRef<Msg>>) -> Self {
        Self {
            aside: VecDeque::new(),
            next,
        }
    }
}

impl Actor for Shelf {
    type Msg = Msg;

    async fn handle(&mut self, msg: Msg, ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            Msg::Later(..) | Msg::Note => self.aside.push_back(ctx.stash(msg)),
            Msg::HandOn(reply) => {
                let (Some(first), Some(next)) = (self.aside.pop_front(), &self.next) else {
                    reply.send(false);
                    return Ok(());
                };
                match first.try_forward(next) {
                    Ok(()) => reply.send(true),
                    Err(TrySendError::Full(first) | TrySendError::Stopped(first)) => {
                        self.aside.push_front(first.into_inner());
                        reply.send(false);
                    }
                }
            }
            Msg::Drop => drop(self.aside.pop_front()),
            Msg::Take(reply) => {
                let first = self.aside.pop_front();
                reply.send(first.as_ref().map(Stashed::is_abandoned));
                if let Some(Msg::Later(number, later)) = first.map(Stashed::into_inner) {
                    later.send(number);
                }
            }
        }
        Ok(())
    }
}

/// Answers if the caller has the expected time left; otherwise it works until the caller has gone.
struct Desk;

impl Actor for Desk {
    type Msg = Msg;

    async fn handle(&mut self, msg: Msg, ctx: &mut Context<Self>) -> tenure::Result {
        if let Msg::Later(number, reply) = msg {
            let left = ctx.deadline().map(|at| at - Instant::now());
            if left == Some(Duration::from_millis(1_500)) {
                reply.send(number);
            } else {
                ctx.until_caller_gone(std::future::pending::<()>()).await;
            }
        }
        Ok(())
    }
}

/// Polls an ask once, which sends it.
async fn sent<T>(ask: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        reply = ask => Some(reply),
        () = std::future::ready(()) => None,
    }
}

#[test]
fn message_that_is_put_aside_is_handed_on_with_its_caller_and_deadline() {
    paused(async |check| {
        tenure::scope(async |scope| {
            let desk = scope.spawn(Desk)?;
            let shelf = scope.spawn(Shelf::new(Some(desk.clone())))?;
            check.node(shelf.node());
            let limited = shelf.ask(|reply| Msg::Later(7, reply)).timeout(2 * SECOND);
            let limited = scope.task(limited.owned())?;
            settled().await;
            sleep(SECOND / 2).await;
            assert!(shelf.ask(Msg::HandOn).await?);
            assert_eq!(limited.await?, 7);

            // This ask has no limit, so the desk works until its caller has gone.
            let asked = timeout(SECOND, async {
                let ask = shelf.ask(|reply| Msg::Later(8, reply));
                tokio::pin!(ask);
                tokio::select! {
                    _ = &mut ask => panic!("nobody answers"),
                    () = settled() => {}
                }
                assert!(shelf.ask(Msg::HandOn).await.is_ok_and(|it| it));
                ask.await
            });
            assert!(asked.await.is_err());
            desk.drain().within(SECOND).await?;
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn it_is_known_whether_the_caller_of_what_is_aside_has_gone() {
    paused(async |_| {
        tenure::scope(async |scope| {
            let shelf = scope.spawn(Shelf::new(None))?;
            assert!(
                timeout(SECOND, shelf.ask(|reply| Msg::Later(1, reply)))
                    .await
                    .is_err()
            );
            let limited = shelf.ask(|reply| Msg::Later(2, reply)).timeout(SECOND);
            assert!(limited.await.is_err());
            shelf.tell(Msg::Note).await?;
            let mut gone = Vec::new();
            for _ in 0..4 {
                gone.push(shelf.ask(Msg::Take).await?);
            }
            assert_eq!(gone, [Some(true), Some(true), Some(false), None]);
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn what_is_aside_takes_room_until_it_is_used() {
    paused(async |_| {
        tenure::scope(async |scope| {
            let spec = ChildSpec::new(Shelf::new(None)).mailbox(Mailbox::bounded(3));
            let shelf = scope.spawn(spec)?;
            shelf.tell(Msg::Note).await?;
            shelf.tell(Msg::Note).await?;
            settled().await;
            shelf.try_tell(Msg::Note)?;
            assert!(
                shelf
                    .try_tell(Msg::Note)
                    .is_err_and(|refused| refused.is_full())
            );
            settled().await;
            let refused = shelf.tell(Msg::Note).timeout(SECOND).await;
            assert!(matches!(refused, Err(SendError::TimedOut(_))));
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn room_of_what_is_aside_goes_to_those_who_wait_for_it() {
    paused(async |_| {
        tenure::scope(async |scope| {
            let desk = scope.spawn(Desk)?;
            let spec = ChildSpec::new(Shelf::new(Some(desk))).mailbox(Mailbox::bounded(2));
            let shelf = scope.spawn(spec)?;
            shelf.tell(Msg::Note).await?;
            settled().await;
            for _ in 2..20 {
                shelf.tell(Msg::Drop).await?;
                shelf.tell(Msg::Note).await?;
            }
            assert_eq!(shelf.ask(Msg::HandOn).await, Ok(true));
            shelf.drain().await?;
            assert_eq!(scope.dead_letters(), 18);
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn what_is_aside_and_dropped_is_a_dead_letter_and_its_ask_was_never_started() {
    paused(async |_| {
        tenure::scope(async |scope| {
            let shelf = scope.spawn(Shelf::new(None))?;
            let mut ask = pin!(shelf.ask(|reply| Msg::Later(1, reply)));
            let mut last = pin!(shelf.ask(|reply| Msg::Later(2, reply)));
            assert!(sent(ask.as_mut()).await.is_none());
            assert!(sent(last.as_mut()).await.is_none());
            shelf.tell(Msg::Drop).await?;
            let dropped = ask.await.unwrap_err();
            assert_eq!(dropped, AskError::Dropped);
            assert!(dropped.never_started());
            assert_eq!(scope.dead_letters(), 1);
            shelf.stop().await?;
            assert_eq!(last.await, Err(AskError::Stopped));
            assert_eq!(scope.dead_letters(), 2);
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn caller_of_what_is_dropped_has_gone_and_it_is_no_dead_letter() {
    paused(async |_| {
        let letters = Log::default();
        let seen = letters.clone();
        let system = System::builder()
            .on_dead_letter(move |letter| seen.push(letter.path()))
            .start()
            .unwrap();
        let shelf = system.spawn(Shelf::new(None)).unwrap();
        let late = timeout(SECOND, shelf.ask(|reply| Msg::Later(1, reply)));
        assert!(late.await.is_err());
        shelf.tell(Msg::Drop).await.unwrap();
        shelf.drain().await.unwrap();
        assert_eq!(system.dead_letters(), 0);
        assert_eq!(letters.entries(), [""; 0]);
        system.stop().await.unwrap();
    });
}

struct Keeps(Option<Stashed<Bomb>>);

struct Bomb(bool);

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(!self.0, "a message that panics");
    }
}

impl Actor for Keeps {
    type Msg = Bomb;

    async fn handle(&mut self, msg: Bomb, ctx: &mut Context<Self>) -> tenure::Result {
        self.0 = Some(ctx.stash(msg));
        Ok(())
    }
}

#[test]
fn message_that_panics_when_it_is_dropped_from_aside_fails_nobody() {
    paused(async |_| {
        tenure::scope(async |scope| {
            let keeps = scope.spawn(Keeps(None))?;
            for panics in [true, true, false] {
                keeps.tell(Bomb(panics)).await?;
            }
            keeps.drain().await?;
            assert_eq!(scope.dead_letters(), 3);
            Ok(())
        })
        .await
        .unwrap();
    });
}
