//! Handlers that wait for their callers to go, and callers that do go.

use std::future::pending;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{self, Waker};

use super::{LIMIT, Msg, Rig, Wakes, is_ready};
use crate::common::{Count, paused};
use tenure::prelude::*;
use tenure::{Ask, CallerGone};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

#[test]
fn queued_ask_whose_caller_has_gone_is_skipped() {
    paused(async |check| {
        let rig = Rig::new(&check);
        rig.actor.tell(Msg::Wait).await.unwrap();
        rig.entered.notified().await;
        let mut asks: Vec<_> = (0..6)
            .map(|n| Box::pin(rig.actor.ask(move |reply| Msg::Send(n, reply))))
            .collect();
        let cx = &mut task::Context::from_waker(Waker::noop());
        for ask in &mut asks {
            assert!(ask.as_mut().poll(cx).is_pending());
        }
        assert_eq!(rig.actor.node().backlog(), 6);
        // The first, the last, and one in the middle; the later ones go first.
        for gone in [5, 3, 0] {
            drop(asks.remove(gone));
        }
        rig.go_on.notify_one();
        for (ask, n) in asks.into_iter().zip([1, 2, 4]) {
            assert_eq!(ask.await, Ok(n));
        }
        assert_eq!(rig.actor.ask(|reply| Msg::Send(6, reply)).await, Ok(6));
        assert_eq!(rig.started.entries(), ["1", "2", "4", "6"]);
        rig.end().await;
    });
}

/// Gives away its replies.
struct Outward(tokio::sync::mpsc::UnboundedSender<ReplyTo<u32>>);

impl Actor for Outward {
    type Msg = ReplyTo<u32>;

    async fn handle(&mut self, reply: Self::Msg, _: &mut Context<Self>) -> tenure::Result {
        Ok(self.0.send(reply)?)
    }
}

type Asking<'a> = Pin<Box<Ask<'a, ReplyTo<u32>, u32>>>;

/// The reply of an ask, which the handler has given away.
async fn handed_out(
    asking: &mut Asking<'_>,
    replies: &mut UnboundedReceiver<ReplyTo<u32>>,
) -> ReplyTo<u32> {
    tokio::select! {
        biased;
        asked = asking => panic!("{asked:?}"),
        reply = replies.recv() => reply.unwrap(),
    }
}

fn with_outward(
    test: impl AsyncFn(ActorRef<ReplyTo<u32>>, UnboundedReceiver<ReplyTo<u32>>, Arc<Wakes>),
) {
    paused(async |_check| {
        tenure::scope(async |scope| {
            let (send, replies) = unbounded_channel();
            let actor = scope.spawn(Outward(send))?;
            test(actor, replies, Arc::default()).await;
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn reply_knows_whether_its_caller_has_given_up() {
    with_outward(async |actor, mut replies, wakes| {
        let waker = Waker::from(Arc::clone(&wakes));
        // The caller goes by dropping its ask, and by its limit.
        for limit in [None, Some(LIMIT)] {
            let asking = actor.ask(|reply| reply);
            let mut asking = Box::pin(match limit {
                Some(limit) => asking.timeout(limit),
                None => asking,
            });
            let reply = handed_out(&mut asking, &mut replies).await;
            assert!(!reply.is_gone());
            assert_eq!(format!("{reply:?}"), "ReplyTo { is_gone: false }");
            let mut gone: CallerGone = reply.gone();
            for _ in 0..2 {
                // A second poll does not keep the waker twice.
                assert!(!is_ready(&mut gone, &waker));
            }
            let before = wakes.0.load(Ordering::SeqCst);
            if limit.is_some() {
                let late = AskError::TimedOut {
                    started: true,
                    inherited: false,
                };
                assert_eq!(asking.await, Err(late));
            } else {
                drop(asking);
            }
            assert_eq!(wakes.0.load(Ordering::SeqCst), before + 1);
            assert!(is_ready(&mut gone, &waker));
            assert!(reply.is_gone());
            assert_eq!(reply.try_send(7), Err(7), "the reply comes back");
        }
    });
}

#[test]
fn reply_knows_whether_its_caller_has_been_served() {
    with_outward(async |actor, mut replies, wakes| {
        let waker = Waker::from(Arc::clone(&wakes));
        let mut asking = Box::pin(actor.ask(|reply| reply));
        let reply = handed_out(&mut asking, &mut replies).await;
        let mut gone = reply.gone();
        assert!(!is_ready(&mut gone, &waker));
        assert_eq!(reply.try_send(7), Ok(()));
        let before = wakes.0.load(Ordering::SeqCst);
        assert_eq!(asking.await, Ok(7));
        assert_eq!(wakes.0.load(Ordering::SeqCst), before + 1);
        assert!(is_ready(&mut gone, &waker));
    });
}

#[test]
fn handler_can_wait_for_its_caller_to_be_gone() {
    struct Worker(Count);
    impl Actor for Worker {
        type Msg = ReplyTo<u32>;
        async fn handle(&mut self, reply: Self::Msg, _: &mut Context<Self>) -> tenure::Result {
            tokio::select! {
                () = reply.gone() => self.0.add(),
                () = pending() => {}
            }
            Ok(())
        }
    }
    paused(async |_check| {
        tenure::scope(async |scope| {
            let gone = Count::default();
            let worker = scope.spawn(Worker(gone.clone()))?;
            let asked = worker.ask(|reply| reply).timeout(LIMIT).await;
            assert_eq!(
                asked,
                Err(AskError::TimedOut {
                    started: true,
                    inherited: false
                })
            );
            worker.drain().await?;
            assert_eq!(gone.get(), 1);
            Ok(())
        })
        .await
        .unwrap();
    });
}
