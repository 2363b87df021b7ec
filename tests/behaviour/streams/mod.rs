//! Streams that an actor reads beside its mailbox.

mod cancelling;
mod turns;

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{self, Poll, Waker};
use std::time::Duration;

use crate::common::node::{Msg, Node, note, run, run_in};
use crate::common::{Check, Count, Guard, Log, multi_thread, paused, settled};
use futures_core::Stream;
use tenure::prelude::*;
use tenure::{Attached, StopError};
use tokio::time::sleep;

const SECOND: Duration = Duration::from_secs(1);

/// A stream that polls a closure.
struct Polled<F>(F, #[allow(dead_code, reason = "counted")] Guard);

impl<T, F: FnMut(&Waker) -> Poll<Option<T>> + Unpin> Stream for Polled<F> {
    type Item = T;
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Option<T>> {
        (self.0)(cx.waker())
    }
}

/// A stream that is always ready.
fn endless(check: &Check) -> impl Stream<Item = ()> + Send + use<> {
    Polled(|_: &Waker| Poll::Ready(Some(())), check.guard())
}

/// A stream of these items, which panics if it is polled after its end.
fn finite<T: Send + Unpin>(items: Vec<T>, check: &Check) -> impl Stream<Item = T> + Send + use<T> {
    let (mut items, mut ended) = (VecDeque::from(items), false);
    let next = move |_: &Waker| {
        assert!(!ended, "polled after its end");
        let item = items.pop_front();
        ended = item.is_none();
        Poll::Ready(item)
    };
    Polled(next, check.guard())
}

/// A stream to which a test adds items, from any thread.
#[derive(Clone, Default)]
struct Feed(Arc<Mutex<Fed>>);

#[derive(Default)]
struct Fed {
    items: VecDeque<u32>,
    ended: bool,
    reader: Option<Waker>,
}

impl Feed {
    fn push(&self, item: u32) {
        self.0.lock().unwrap().items.push_back(item);
        self.wake();
    }

    fn end(&self) {
        self.0.lock().unwrap().ended = true;
        self.wake();
    }

    fn wake(&self) {
        let waker = self.0.lock().unwrap().reader.take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn stream(&self, check: &Check) -> impl Stream<Item = u32> + Send + use<> {
        let feed = self.clone();
        let next = move |waker: &Waker| {
            let mut state = feed.0.lock().unwrap();
            match state.items.pop_front() {
                Some(item) => Poll::Ready(Some(item)),
                None if state.ended => Poll::Ready(None),
                None => {
                    state.reader = Some(waker.clone());
                    Poll::Pending
                }
            }
        };
        Polled(next, check.guard())
    }
}

#[test]
fn an_empty_stream_ends_silently_or_says_so_once() {
    paused(async |check| {
        let log = Log::default();
        let system = System::start().unwrap();
        let actor = system.spawn(Node::new(&check, &log)).unwrap();
        let handles: Arc<OnceLock<[Attached; 2]>> = Arc::default();
        let made = Arc::clone(&handles);
        let [silent, told] = [(); 2].map(|()| finite(Vec::<u32>::new(), &check));
        run_in(&actor, move |ctx| {
            let silent = ctx.attach(silent, |_| note("item"));
            let told = ctx.attach_to_end(told, |item| note(format!("{item:?}")));
            drop(made.set([silent, told]));
        })
        .await;
        settled().await;
        assert_eq!(log.entries(), ["None"]);
        // The streams are dropped when they end, and not with the actor.
        assert_eq!(check.alive(), 1);
        let [silent, told] = handles.get().unwrap();
        assert!(!silent.is_active() && !told.is_active());
        silent.cancel();
        told.cancel();
        actor.tell(note("it lives")).await.unwrap();
        actor.ask(Msg::Ping).await.unwrap();
        assert_eq!(log.entries(), ["None", "it lives"]);
        system.stop().await.unwrap();
    });
}

#[test]
fn an_item_that_is_an_error_is_an_item_like_any_other() {
    paused(async |check| {
        let log = Log::default();
        let system = System::start().unwrap();
        let actor = system.spawn(Node::new(&check, &log)).unwrap();
        let items = vec![Err("broken"), Ok(1), Err("again"), Ok(2)];
        let stream = finite(items, &check);
        run_in(&actor, move |ctx| {
            ctx.attach_to_end(stream, |item: Option<Result<u32, _>>| match item {
                Some(Ok(n)) => note(n.to_string()),
                Some(Err(error)) => note(error),
                None => note("end"),
            });
        })
        .await;
        settled().await;
        assert_eq!(log.entries(), ["broken", "1", "again", "2", "end"]);
        assert_eq!(check.alive(), 1);
        system.stop().await.unwrap();
    });
}

#[test]
fn the_next_item_is_asked_for_when_the_last_has_been_handled() {
    paused(async |check| {
        let system = System::start().unwrap();
        let actor = system.spawn(Node::new(&check, &Log::default())).unwrap();
        let polls = Count::default();
        let polled = polls.clone();
        let next = move |_: &Waker| {
            polled.add();
            Poll::Ready(Some(()))
        };
        let stream = Polled(next, check.guard());
        let attach = run(move |ctx| {
            ctx.attach(stream, |()| Msg::Sleep(SECOND));
        });
        actor.tell(attach).await.unwrap();
        settled().await;
        for seconds in 0..5 {
            sleep(Duration::from_millis(500)).await;
            assert_eq!(polls.get(), seconds + 1);
            sleep(Duration::from_millis(500)).await;
            settled().await;
        }
        system.kill().await.unwrap();
    });
}

#[test]
fn items_that_come_later_wake_the_actor_in_their_order() {
    paused(async |check| {
        let log = Log::default();
        let system = System::start().unwrap();
        let actor = system.spawn(Node::new(&check, &log)).unwrap();
        let feed = Feed::default();
        let stream = feed.stream(&check);
        run_in(&actor, move |ctx| {
            ctx.attach_to_end(stream, |item| note(format!("{item:?}")));
        })
        .await;
        settled().await;
        assert!(log.entries().is_empty());
        feed.push(1);
        settled().await;
        assert_eq!(log.entries(), ["Some(1)"]);
        feed.push(2);
        feed.push(3);
        // A wake without an item gives no message.
        feed.wake();
        settled().await;
        feed.end();
        settled().await;
        assert_eq!(log.entries(), ["Some(1)", "Some(2)", "Some(3)", "None"]);
        assert_eq!(check.alive(), 1);
        feed.wake();
        system.stop().await.unwrap();
        feed.wake();
    });
}

#[test]
fn a_stream_that_wakes_itself_is_polled_again() {
    paused(async |check| {
        let log = Log::default();
        let system = System::start().unwrap();
        let actor = system.spawn(Node::new(&check, &log)).unwrap();
        let mut polls = 0;
        let next = move |waker: &Waker| {
            polls += 1;
            if polls % 3 == 0 {
                return Poll::Ready(Some(polls));
            }
            waker.wake_by_ref();
            Poll::Pending
        };
        let stream = Polled(next, check.guard());
        run_in(&actor, move |ctx| {
            ctx.attach(stream, |polls| match polls {
                9 => run(|ctx| ctx.stop()),
                polls => note(polls.to_string()),
            });
        })
        .await;
        let stopped = actor.stopped().timeout(SECOND).await;
        assert!(stopped.is_ok(), "{stopped:?}");
        assert_eq!(log.entries(), ["3", "6"]);
        system.stop().await.unwrap();
    });
}

#[test]
fn a_stream_that_wakes_itself_as_it_ends_takes_nothing_else_with_it() {
    paused(async |check| {
        let log = Log::default();
        let system = System::start().unwrap();
        let actor = system.spawn(Node::new(&check, &log)).unwrap();
        let next = |waker: &Waker| {
            waker.wake_by_ref();
            Poll::Ready(None::<()>)
        };
        let stream = Polled(next, check.guard());
        run_in(&actor, move |ctx| {
            ctx.receive_timeout(SECOND, || note("quiet"));
            ctx.attach(stream, |()| note("item"));
        })
        .await;
        sleep(SECOND + SECOND / 2).await;
        assert_eq!(log.entries(), ["quiet"]);
        system.stop().await.unwrap();
    });
}

/// Another thread adds items while the actor is about to sleep.
#[test]
fn no_wake_of_another_thread_is_lost() {
    const MANY: u32 = 20_000;
    multi_thread(async |check| {
        let log = Log::default();
        let system = System::start().unwrap();
        let actor = system.spawn(Node::new(&check, &log)).unwrap();
        let feed = Feed::default();
        let stream = feed.stream(&check);
        let seen = Count::default();
        let handled = seen.clone();
        let (ended, end) = tokio::sync::oneshot::channel();
        let mut ended = Some(ended);
        run_in(&actor, move |ctx| {
            ctx.attach_to_end(stream, move |item| {
                let (handled, ended) = (handled.clone(), item.is_none().then(|| ended.take()));
                run(move |_| match ended.flatten() {
                    Some(ended) => ended.send(()).unwrap(),
                    None => handled.add(),
                })
            });
        })
        .await;
        let pushes = feed.clone();
        let pusher = system.blocking(move |_| {
            (0..MANY).for_each(|n| pushes.push(n));
            pushes.end();
        });
        end.await.unwrap();
        pusher.unwrap().await.unwrap();
        assert_eq!(seen.get(), MANY as usize);
        system.stop().await.unwrap();
    });
}

#[test]
fn a_panic_in_a_stream_or_its_mapper_or_its_drop_fails_the_actor() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("dropped");
        }
    }
    for place in ["poll", "mapper", "drop at its end"] {
        paused(async |check| {
            let system = System::start().unwrap();
            let spec = Node::new(&check, &Log::default()).named("a").contain();
            let actor = system.spawn(spec).unwrap();
            let bomb = (place == "drop at its end").then(|| Bomb);
            let next = move |_: &Waker| {
                let _ = &bomb;
                assert_ne!(place, "poll");
                Poll::Ready((place == "mapper").then_some(()))
            };
            let (stream, other) = (Polled(next, check.guard()), endless(&check));
            run_in(&actor, |ctx| {
                ctx.attach(other, |()| note("other"));
            })
            .await;
            // Attaching the stream may already end the actor.
            actor
                .tell(run(move |ctx| {
                    ctx.attach(stream, |()| panic!("mapped"));
                }))
                .await
                .unwrap();
            let end = actor.stopped().await;
            assert!(matches!(end, Err(StopError::Failed(_))), "{place}: {end:?}");
            assert_eq!(check.alive(), 0, "{place}");
            system.stop().await.unwrap();
        });
    }
}
