//! Streams that are cancelled, and streams that have ended.

use std::sync::{Arc, OnceLock};
use std::task::{Poll, Waker};

use super::{Feed, Polled, finite};
use crate::common::node::{Msg, Node, hold, note, run_in};
use crate::common::{Log, paused, settled};
use tenure::Attached;
use tenure::prelude::*;

#[test]
fn a_cancelled_stream_is_dropped_with_the_item_that_waits() {
    paused(async |check| {
        let log = Log::default();
        let system = System::start().unwrap();
        let actor = system.spawn(Node::new(&check, &log)).unwrap();
        let handle: Arc<OnceLock<Attached>> = Arc::default();
        let (feed, made) = (Feed::default(), Arc::clone(&handle));
        let stream = feed.stream(&check);
        run_in(&actor, move |ctx| {
            let attached = ctx.attach_to_end(stream, |item| note(format!("{item:?}")));
            made.set(attached).unwrap();
        })
        .await;
        feed.push(1);
        settled().await;
        let gate = hold(&actor).await;
        feed.push(2);
        handle.get().unwrap().cancel();
        gate.open();
        actor.ask(Msg::Ping).await.unwrap();
        settled().await;
        assert_eq!(log.entries(), ["Some(1)"]);
        assert_eq!(check.alive(), 1);
        // The feed still holds the stream's waker, which wakes nothing.
        feed.push(3);
        settled().await;
        assert_eq!(log.entries(), ["Some(1)"]);
        system.stop().await.unwrap();
    });
}

/// The mapper cancels its own stream, after the item is taken and before it is handled.
#[test]
fn an_item_is_taken_back_if_its_stream_is_cancelled_before_it_is_handled() {
    paused(async |check| {
        let log = Log::default();
        let system = System::start().unwrap();
        let actor = system.spawn(Node::new(&check, &log)).unwrap();
        let handle: Arc<OnceLock<Attached>> = Arc::default();
        let (own, made) = (Arc::clone(&handle), Arc::clone(&handle));
        let stream = finite(vec![1, 2, 3], &check);
        run_in(&actor, move |ctx| {
            let attached = ctx.attach_to_end(stream, move |item| {
                if item == Some(2) {
                    own.get().unwrap().cancel();
                }
                note(format!("{item:?}"))
            });
            made.set(attached).unwrap();
        })
        .await;
        settled().await;
        assert_eq!(log.entries(), ["Some(1)"]);
        assert_eq!(check.alive(), 1);
        system.stop().await.unwrap();
    });
}

#[test]
fn the_waker_of_a_stream_that_is_over_does_nothing_to_the_one_in_its_place() {
    paused(async |check| {
        let log = Log::default();
        let system = System::start().unwrap();
        let actor = system.spawn(Node::new(&check, &log)).unwrap();
        let waker: Arc<OnceLock<Waker>> = Arc::default();
        let kept = Arc::clone(&waker);
        let next = move |waker: &Waker| {
            kept.set(waker.clone()).unwrap();
            Poll::<Option<()>>::Ready(None)
        };
        let over = Polled(next, check.guard());
        run_in(&actor, move |ctx| {
            ctx.attach(over, |()| note("never"));
        })
        .await;
        settled().await;
        let (feed, waker) = (Feed::default(), waker.get().unwrap());
        let stream = feed.stream(&check);
        run_in(&actor, move |ctx| {
            ctx.attach(stream, |item| note(item.to_string()));
        })
        .await;
        settled().await;
        for item in 1..=3 {
            waker.wake_by_ref();
            settled().await;
            feed.push(item);
            settled().await;
        }
        assert_eq!(log.entries(), ["1", "2", "3"]);
        system.stop().await.unwrap();
        waker.wake_by_ref();
    });
}
