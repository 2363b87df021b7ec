//! A handler can take further messages until its actor is to end.

use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context as Polling, Poll, Wake, Waker};
use std::time::Duration;

use crate::common::{Log, paused, poll_unwoken, settled};
use tenure::System;
use tenure::prelude::*;
use tokio::time::{sleep, timeout};

#[derive(Clone, Copy)]
enum How {
    Next,
    TryNext,
}

#[derive(Clone, Copy)]
enum Msg {
    /// Takes further messages for as long as it is given any.
    Take(How),
    Number(u32),
    Stop,
    Drain,
}

struct Taker(Log);

impl Actor for Taker {
    type Msg = Msg;

    async fn handle(&mut self, msg: Msg, ctx: &mut Context<Self>) -> tenure::Result {
        let Msg::Take(how) = msg else {
            return Ok(());
        };
        loop {
            let next = match how {
                How::Next => ctx.next().await,
                How::TryNext => ctx.try_next(),
            };
            match next {
                Some(Msg::Number(number)) => self.0.push(number.to_string()),
                Some(Msg::Stop) => ctx.stop(),
                Some(Msg::Drain) => ctx.drain(),
                Some(Msg::Take(_)) => {}
                None => break,
            }
        }
        self.0.push("over");
        Ok(())
    }
}

/// A stop ends the batch before the messages that are queued behind it, a drain only after them.
#[test]
fn batch_is_over_when_its_actor_stops_and_when_a_drain_has_no_more() {
    paused(async |_check| {
        for how in [How::Next, How::TryNext] {
            for (end, expected) in [
                (Msg::Stop, &["1", "over"][..]),
                (Msg::Drain, &["1", "2", "over"][..]),
            ] {
                let (system, log) = (System::start().unwrap(), Log::default());
                let taker = system.spawn(Taker(log.clone())).unwrap();
                for msg in [Msg::Take(how), Msg::Number(1), end, Msg::Number(2)] {
                    taker.try_tell(msg).unwrap();
                }
                taker.stopped().await.unwrap();
                assert_eq!(log.entries(), expected);
                system.stop().await.unwrap();
            }
        }
    });
}

/// Polls its wait for the next message once, with another waker than the task's, and then hangs.
struct Looks;

impl Actor for Looks {
    type Msg = ();

    async fn handle(&mut self, (): (), ctx: &mut Context<Self>) -> tenure::Result {
        assert!(poll_unwoken(ctx.next()).is_pending());
        pending().await
    }
}

/// An actor is told of a kill by its mailbox's waker. A handler that has polled a wait with another waker leaves that
/// one in the mailbox, so the loop has to set its own again.
#[test]
fn handler_that_has_looked_for_another_message_is_killed() {
    paused(async |check| {
        let system = System::start().unwrap();
        let looks = system.spawn(Looks).unwrap();
        check.node(looks.node());
        looks.tell(()).await.unwrap();
        settled().await;
        let killed = timeout(Duration::from_secs(1), looks.kill()).await;
        assert!(matches!(killed, Ok(Ok(_))), "{killed:?}");
        system.stop().await.unwrap();
    });
}

/// Wakes another, and remembers that it was woken.
struct Woken {
    is_woken: AtomicBool,
    other: Mutex<Option<Waker>>,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.is_woken.store(true, Ordering::SeqCst);
        if let Some(other) = &*self.other.lock().unwrap() {
            other.wake_by_ref();
        }
    }
}

/// Polls a future only when that was woken, as a set of futures does.
async fn when_woken<F: Future>(future: F) -> F::Output {
    let woken = Arc::new(Woken {
        is_woken: AtomicBool::new(true),
        other: Mutex::default(),
    });
    let waker = Waker::from(Arc::clone(&woken));
    let mut future = pin!(future);
    poll_fn(|cx| {
        *woken.other.lock().unwrap() = Some(cx.waker().clone());
        match woken.is_woken.swap(false, Ordering::SeqCst) {
            true => future.as_mut().poll(&mut Polling::from_waker(&waker)),
            false => Poll::Pending,
        }
    })
    .await
}

/// Takes another message in a future with a waker of its own.
struct Nests(Log);

impl Actor for Nests {
    type Msg = &'static str;

    async fn handle(&mut self, _: &'static str, ctx: &mut Context<Self>) -> tenure::Result {
        // The mailbox has the actor's own waker after this.
        sleep(Duration::from_secs(1)).await;
        let next = when_woken(ctx.next()).await;
        self.0.push(next.unwrap_or("none"));
        Ok(())
    }
}

#[test]
fn future_that_looks_for_another_message_is_woken_by_it() {
    paused(async |_check| {
        let (system, log) = (System::start().unwrap(), Log::default());
        let nests = system.spawn(Nests(log.clone())).unwrap();
        nests.tell("first").await.unwrap();
        sleep(Duration::from_secs(2)).await;
        nests.tell("second").await.unwrap();
        settled().await;
        assert_eq!(log.entries(), ["second"]);
        system.stop().await.unwrap();
    });
}

/// Takes another message before it asks.
struct Asks(ActorRef<Asked>, Log);

enum Asked {
    Sleep,
    Ping(ReplyTo<()>),
}

impl Actor for Asks {
    type Msg = Option<ReplyTo<()>>;

    async fn handle(&mut self, reply: Self::Msg, ctx: &mut Context<Self>) -> tenure::Result {
        drop(ctx.next().await);
        let asked = self.0.ask(Asked::Ping).await;
        self.1.push(format!("answered: {}", asked.is_ok()));
        drop(reply);
        Ok(())
    }
}

struct Slow;

impl Actor for Slow {
    type Msg = Asked;

    async fn handle(&mut self, msg: Asked, _: &mut Context<Self>) -> tenure::Result {
        match msg {
            Asked::Sleep => sleep(Duration::from_secs(2)).await,
            Asked::Ping(reply) => reply.send(()),
        }
        Ok(())
    }
}

/// The message that is handled now has none.
#[test]
fn limit_of_a_message_does_not_hold_for_the_next_one_that_its_handler_takes() {
    paused(async |_check| {
        let (system, log) = (System::start().unwrap(), Log::default());
        let slow = system.spawn(Slow).unwrap();
        let asks = system.spawn(Asks(slow.clone(), log.clone())).unwrap();
        slow.tell(Asked::Sleep).await.unwrap();
        let limited = asks.ask(Some).timeout(Duration::from_secs(1));
        let (limited, told) = tokio::join!(limited, asks.tell(None));
        assert!(limited.is_err() && told.is_ok());
        sleep(Duration::from_secs(2)).await;
        assert_eq!(log.entries(), ["answered: true"]);
        system.stop().await.unwrap();
    });
}
