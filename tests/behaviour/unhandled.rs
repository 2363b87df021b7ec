//! Messages that are dropped unhandled, on any thread, and the replies in them.

use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use crate::common::{paused, settled};
use tenure::prelude::*;
use tenure::{Ask, Stashed};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

const SECOND: Duration = Duration::from_secs(1);

/// Its drop reports that it has begun, and lasts until it is released.
struct Held(mpsc::Sender<()>, mpsc::Receiver<()>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.send(()).unwrap();
        self.1.recv().unwrap();
    }
}

enum Msg {
    /// The clerk puts it aside, where the test can take it.
    #[expect(dead_code, reason = "they are only dropped")]
    Aside(Option<Held>, ReplyTo<()>),
    /// The clerk keeps the reply.
    Keep(ReplyTo<()>),
    /// The clerk drops the reply, drops the kept one at the gate, and fails at the next gate.
    Fail(ReplyTo<()>),
    /// The clerk sends itself the reply in a message, which it puts aside and which is then dropped.
    PutAside(ReplyTo<()>),
    /// The clerk forwards the reply after this long.
    HandOn(Duration, ReplyTo<()>),
    /// Another message is dropped before the reply.
    #[expect(dead_code, reason = "they are only dropped")]
    Both(Box<Stashed<Msg>>, ReplyTo<()>),
    Note,
    Busy(Duration),
}

#[derive(Default)]
struct Clerk {
    aside: Arc<Mutex<Option<Stashed<Msg>>>>,
    kept: Option<ReplyTo<()>>,
    gate: Arc<Notify>,
    next: Option<ActorRef<Msg>>,
}

impl Actor for Clerk {
    type Msg = Msg;

    async fn handle(&mut self, msg: Msg, ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            Msg::Aside(..) => *self.aside.lock().unwrap() = Some(ctx.stash(msg)),
            Msg::Keep(reply) => self.kept = Some(reply),
            Msg::Fail(reply) => {
                drop(reply);
                self.gate.notified().await;
                drop(self.kept.take());
                self.gate.notified().await;
                return Err("failed".into());
            }
            Msg::PutAside(reply) => ctx.me().tell(Msg::Aside(None, reply)).await?,
            Msg::HandOn(later, reply) => {
                sleep(later).await;
                if let Some(next) = &self.next {
                    next.forward(reply, Msg::Keep).await?;
                }
            }
            Msg::Both(..) | Msg::Note => {}
            Msg::Busy(time) => sleep(time).await,
        }
        Ok(())
    }
}

/// Polls an ask once, which sends it.
async fn send(ask: &mut Pin<&mut Ask<'_, Msg, ()>>) {
    tokio::select! {
        biased;
        _ = ask => panic!("nobody replies"),
        () = std::future::ready(()) => {}
    }
}

#[test]
fn drop_of_what_is_aside_on_another_thread_leaves_the_replies_of_the_running_handler_alone() {
    paused(async |_| {
        tenure::scope(async |scope| {
            let (aside, gate) = (Arc::default(), Arc::new(Notify::new()));
            let clerk = Clerk {
                aside: Arc::clone(&aside),
                gate: Arc::clone(&gate),
                ..Clerk::default()
            };
            let clerk = scope.spawn(ChildSpec::new(clerk).contain())?;
            let (begins, has_begun) = mpsc::channel();
            let (go_on, may_go_on) = mpsc::channel();
            let held = Held(begins, may_go_on);
            let mut unhandled = pin!(clerk.ask(|reply| Msg::Aside(Some(held), reply)));
            let mut kept = pin!(clerk.ask(Msg::Keep));
            let mut failed = pin!(clerk.ask(Msg::Fail));
            for ask in [&mut unhandled, &mut kept, &mut failed] {
                send(ask).await;
            }
            settled().await;
            let aside = aside.lock().unwrap().take();
            let elsewhere = thread::Builder::new().spawn(move || drop(aside)).unwrap();
            has_begun.recv().unwrap();
            // The handler drops one reply before the drop elsewhere begins, and one while that lasts.
            gate.notify_one();
            settled().await;
            go_on.send(()).unwrap();
            elsewhere.join().unwrap();
            let unhandled = timeout(SECOND, unhandled).await;
            assert_eq!(unhandled, Ok(Err(AskError::Dropped)));
            for ask in [&mut kept, &mut failed] {
                send(ask).await; // The handler has not ended.
            }
            gate.notify_one();
            assert_eq!(timeout(SECOND, kept).await, Ok(Err(AskError::Failed)));
            assert_eq!(timeout(SECOND, failed).await, Ok(Err(AskError::Failed)));
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn handler_that_ends_while_what_is_aside_is_dropped_elsewhere_resolves_what_it_dropped() {
    paused(async |_| {
        tenure::scope(async |scope| {
            let (aside, gate) = (Arc::default(), Arc::new(Notify::new()));
            let clerk = Clerk {
                aside: Arc::clone(&aside),
                gate: Arc::clone(&gate),
                ..Clerk::default()
            };
            let clerk = scope.spawn(ChildSpec::new(clerk).contain())?;
            let (begins, has_begun) = mpsc::channel();
            let (go_on, may_go_on) = mpsc::channel();
            let held = Held(begins, may_go_on);
            let mut unhandled = pin!(clerk.ask(|reply| Msg::Aside(Some(held), reply)));
            let mut failed = pin!(clerk.ask(Msg::Fail));
            send(&mut unhandled).await;
            send(&mut failed).await;
            settled().await;
            let aside = aside.lock().unwrap().take();
            let elsewhere = thread::Builder::new().spawn(move || drop(aside)).unwrap();
            has_begun.recv().unwrap();
            gate.notify_one();
            settled().await;
            gate.notify_one();
            let failed = timeout(SECOND, failed).await;
            go_on.send(()).unwrap();
            elsewhere.join().unwrap();
            assert_eq!(failed, Ok(Err(AskError::Failed)));
            assert!(unhandled.await.is_err());
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn ask_that_was_started_is_never_said_to_be_unstarted_because_its_reply_went_on_and_was_dropped() {
    paused(async |_| {
        tenure::scope(async |scope| {
            let aside = Arc::default();
            let clerk = Clerk {
                aside: Arc::clone(&aside),
                ..Clerk::default()
            };
            let clerk = scope.spawn(clerk)?;
            let mut put_aside = pin!(clerk.ask(Msg::PutAside));
            send(&mut put_aside).await;
            settled().await;
            drop(aside.lock().unwrap().take());
            assert_eq!(put_aside.await, Err(AskError::NoReply));

            for mailbox in [
                Mailbox::bounded(1).drop_oldest(),
                Mailbox::bounded(1).drop_newest(),
            ] {
                let sink = scope.spawn(ChildSpec::new(Clerk::default()).mailbox(mailbox))?;
                sink.tell(Msg::Busy(SECOND)).await?;
                settled().await;
                let next = Some(sink.clone());
                let router = scope.spawn(Clerk {
                    next,
                    ..Clerk::default()
                })?;
                let hand_on = |reply| Msg::HandOn(Duration::ZERO, reply);
                if mailbox == Mailbox::bounded(1).drop_newest() {
                    sink.tell(Msg::Note).await?;
                    assert_eq!(router.ask(hand_on).await, Err(AskError::NoReply));
                } else {
                    let mut handed_on = pin!(router.ask(hand_on));
                    send(&mut handed_on).await;
                    sleep(SECOND / 2).await;
                    sink.tell(Msg::Note).await?;
                    assert_eq!(handed_on.await, Err(AskError::NoReply));
                }
                // An ask that was sent to the sink itself was never started.
                let mut unstarted = pin!(sink.ask(Msg::Keep));
                let dropped = async {
                    settled().await;
                    sink.tell(Msg::Note).await
                };
                let (unstarted, told) = tokio::join!(&mut unstarted, dropped);
                assert!(unstarted.is_err_and(|error| error.never_started()));
                told?;
            }
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn forwarded_ask_whose_caller_has_gone_is_no_dead_letter_of_a_full_mailbox() {
    paused(async |_| {
        tenure::scope(async |scope| {
            for mailbox in [
                Mailbox::bounded(1).drop_oldest(),
                Mailbox::bounded(1).drop_newest(),
            ] {
                let before = scope.dead_letters();
                let sink = scope.spawn(ChildSpec::new(Clerk::default()).mailbox(mailbox))?;
                sink.tell(Msg::Busy(4 * SECOND)).await?;
                settled().await;
                let next = Some(sink.clone());
                let router = scope.spawn(Clerk {
                    next,
                    ..Clerk::default()
                })?;
                let is_newest = mailbox == Mailbox::bounded(1).drop_newest();
                if is_newest {
                    sink.tell(Msg::Note).await?;
                }
                let ask = router.ask(|reply| Msg::HandOn(2 * SECOND, reply));
                assert!(ask.timeout(SECOND).await.is_err());
                sleep(2 * SECOND).await;
                if !is_newest {
                    sink.tell(Msg::Note).await?;
                }
                assert_eq!(scope.dead_letters() - before, 0);
            }
            Ok(())
        })
        .await
        .unwrap();
    });
}

/// The one within is dropped first, and was sent to another actor.
#[test]
fn message_within_one_that_is_discarded_does_not_change_what_its_ask_is_told() {
    paused(async |_| {
        tenure::scope(async |scope| {
            let aside = Arc::default();
            let one = Clerk {
                aside: Arc::clone(&aside),
                ..Clerk::default()
            };
            let (one, other) = (scope.spawn(one)?, scope.spawn(Clerk::default())?);
            let mut within = pin!(one.ask(|reply| Msg::Aside(None, reply)));
            send(&mut within).await;
            settled().await;
            other.tell(Msg::Busy(SECOND)).await?;
            let aside = aside.lock().unwrap().take().unwrap();
            let mut outer = pin!(other.ask(|reply| Msg::Both(Box::new(aside), reply)));
            send(&mut outer).await;
            other.stop().await?;
            assert_eq!(outer.await, Err(AskError::Stopped));
            assert_eq!(within.await, Err(AskError::Dropped));
            Ok(())
        })
        .await
        .unwrap();
    });
}
