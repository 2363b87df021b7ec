//! Wakers of users do no harm, whatever their clones, wakes and drops do.

mod common;

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context as TaskContext, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use allocation_counter::measure;
use common::node::{Msg, Node, hold, note, run};
use common::{Log, paused, settled};
use tenure::prelude::*;
use tenure::{NodeRef, Phase};

fn poll<F: Future + Unpin>(future: &mut F, waker: &Waker) -> Poll<F::Output> {
    Pin::new(future).poll(&mut TaskContext::from_waker(waker))
}

/// Counts its wakes. Panics at each wake if it is told to.
#[derive(Default)]
struct Counting {
    panics: bool,
    woken: AtomicUsize,
}

impl Wake for Counting {
    fn wake(self: Arc<Self>) {
        self.woken.fetch_add(1, Ordering::SeqCst);
        assert!(!self.panics, "a waker panics");
    }
}

#[test]
fn waker_that_panics_keeps_nobody_asleep() {
    paused(async |check| {
        tenure::scope(async |scope| {
            let node = scope.spawn(Node::new(&check, &Log::default()))?;
            let wakers: Vec<_> = (0..100)
                .map(|place| {
                    Arc::new(Counting {
                        panics: place % 10 == 0,
                        ..Counting::default()
                    })
                })
                .collect();
            let mut ends: Vec<_> = wakers.iter().map(|_| node.stopped()).collect();
            for (end, waker) in ends.iter_mut().zip(&wakers) {
                assert!(poll(end, &Waker::from(Arc::clone(waker))).is_pending());
            }
            node.stop().await?;
            for waker in &wakers {
                assert!(waker.woken.load(Ordering::SeqCst) > 0);
            }
            for end in ends {
                end.await?;
            }
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn waker_of_an_asker_that_panics_does_not_fail_the_one_who_replies() {
    paused(async |check| {
        tenure::scope(async |scope| {
            let node = scope.spawn(Node::new(&check, &Log::default()))?;
            let waker = Waker::from(Arc::new(Counting {
                panics: true,
                ..Counting::default()
            }));
            let mut asked = node.ask(Msg::Ping);
            assert!(poll(&mut asked, &waker).is_pending());
            node.drain().await?;
            assert_eq!(asked.await, Ok(()));
            Ok(())
        })
        .await
        .unwrap();
    });
}

/// Takes locks of an actor when it is woken or dropped.
struct Touching(ActorRef<Msg>, Mutex<Option<NodeRef>>);

impl Touching {
    fn waker(actor: &ActorRef<Msg>) -> Waker {
        let node = Mutex::new(Some(actor.node()));
        Waker::from(Arc::new(Self(actor.clone(), node)))
    }

    fn touch(&self) {
        let node = self.1.lock().unwrap().clone().unwrap();
        drop((
            node.backlog(),
            node.phase(),
            self.0.try_tell(note("touched")),
        ));
        let mut end = self.0.stopped();
        assert!(poll(&mut end, Waker::noop()).is_pending() || node.phase() == Phase::Stopped);
    }
}

impl Wake for Touching {
    fn wake(self: Arc<Self>) {
        self.touch();
    }
}

impl Drop for Touching {
    fn drop(&mut self) {
        self.touch();
    }
}

/// Polls a wait three times, each time with another such waker, and drops it.
fn wait<F: Future + Unpin>(actor: &ActorRef<Msg>, mut future: F) {
    for _ in 0..3 {
        assert!(poll(&mut future, &Touching::waker(actor)).is_pending());
    }
}

#[test]
fn waker_that_touches_the_actor_that_it_waits_for_is_dropped_without_a_lock() {
    paused(async |check| {
        tenure::scope(async |scope| {
            let spec = ChildSpec::new(Node::new(&check, &Log::default()));
            let node = scope.spawn(spec.mailbox(Mailbox::bounded(1)))?;
            let gate = hold(&node).await;
            wait(&node, node.ask(Msg::Ping));
            while node.try_tell(note("full")).is_ok() {}
            wait(&node, node.tell(note("waits")));
            wait(&node, Box::pin(node.reserve()));
            wait(&node, node.stopped());
            let mut tell = node.tell(note("waits"));
            assert!(poll(&mut tell, &Touching::waker(&node)).is_pending());
            gate.open();
            drop(node.drain());
            assert!(tell.await.is_err());
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn waits_for_a_caller_leave_nothing() {
    paused(async |check| {
        tenure::scope(async |scope| {
            let node = scope.spawn(Node::new(&check, &Log::default()))?;
            let kept = Arc::new(Mutex::new(None));
            let asked = {
                let kept = Arc::clone(&kept);
                node.ask(move |reply: ReplyTo<()>| {
                    run(move |_| *kept.lock().unwrap() = Some(reply))
                })
                .owned()
            };
            let asked = scope.task(async move { Ok::<_, tenure::Error>(asked.await?) })?;
            settled().await;
            let reply = kept.lock().unwrap().take().unwrap();
            let wait = |times: usize| {
                for _ in 0..times {
                    let waker = Waker::from(Arc::new(Counting::default()));
                    assert!(poll(&mut reply.gone(), &waker).is_pending());
                }
            };
            wait(1);
            assert_eq!(measure(|| wait(1_000)).bytes_current, 0);
            reply.send(());
            asked.await?;
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn many_wait_for_one_end_in_linear_time() {
    paused(async |check| {
        tenure::scope(async |scope| {
            let node = scope.spawn(Node::new(&check, &Log::default()))?;
            let begin = Instant::now();
            let mut ends: Vec<_> = (0..20_000).map(|_| node.stopped()).collect();
            for _ in 0..2 {
                for end in &mut ends {
                    let waker = Waker::from(Arc::new(Counting::default()));
                    assert!(poll(end, &waker).is_pending());
                }
            }
            // Every second wait is dropped, and the others see the end.
            let mut keep = false;
            ends.retain(|_| {
                keep = !keep;
                keep
            });
            node.stop().await?;
            for end in ends {
                end.await?;
            }
            assert!(
                begin.elapsed() < Duration::from_secs(1),
                "{:?}",
                begin.elapsed()
            );
            Ok(())
        })
        .await
        .unwrap();
    });
}
