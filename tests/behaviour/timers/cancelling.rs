//! Timers that are cancelled.

use std::sync::{Arc, Mutex};
use std::thread;

use super::{HOUR, SECOND, millis, slot};
use crate::common::node::{Msg, Node, hold, note, run, run_in};
use crate::common::{Count, Log, multi_thread, paused, settled};
use tenure::Timer;
use tenure::prelude::*;
use tokio::time::{sleep, timeout};

#[test]
fn a_cancelled_quiet_is_dropped_and_never_told_of() {
    paused(async |check| {
        let log = Log::default();
        let system = System::start().unwrap();
        let actor = system.spawn(Node::new(&check, &log)).unwrap();
        let timer = slot::<Timer>();
        let (made, guard) = (Arc::clone(&timer), check.guard());
        run_in(&actor, move |ctx| {
            let quiet = ctx.receive_timeout(SECOND, move || {
                let _ = &guard;
                note("quiet")
            });
            made.set(quiet).unwrap();
        })
        .await;
        sleep(millis(1_500)).await;
        assert_eq!(log.entries(), ["quiet"]);
        timer.get().unwrap().cancel();
        assert!(!timer.get().unwrap().is_active());
        settled().await;
        assert_eq!(check.alive(), 1);
        sleep(HOUR).await;
        assert_eq!(log.entries(), ["quiet"]);
        system.stop().await.unwrap();
    });
}

#[test]
fn what_is_due_and_not_begun_is_taken_back_by_a_cancel() {
    paused(async |check| {
        let log = Log::default();
        let system = System::start().unwrap();
        let actor = system.spawn(Node::new(&check, &log)).unwrap();
        let timers = slot::<[Timer; 3]>();
        let (made, guard) = (Arc::clone(&timers), check.guard());
        run_in(&actor, move |ctx| {
            let once = ctx.send_after(SECOND, Msg::Keep(guard));
            let every = ctx.send_every(SECOND, || note("tick"));
            let other = ctx.send_after(SECOND, note("other"));
            drop(made.set([once, every, other]));
        })
        .await;
        let gate = hold(&actor).await;
        sleep(2 * SECOND).await;
        let [once, every, _] = timers.get().unwrap();
        assert!(once.is_active() && every.is_active());
        once.cancel();
        every.cancel();
        assert!(!once.is_active() && !every.is_active());
        gate.open();
        sleep(5 * SECOND).await;
        assert_eq!(log.entries(), ["other"]);
        assert_eq!(check.alive(), 1);
        system.stop().await.unwrap();
    });
}

/// A timer cancels itself when its message has been made and not been handled yet.
#[test]
fn a_message_that_is_made_already_is_taken_back_by_a_cancel() {
    paused(async |check| {
        let log = Log::default();
        let system = System::start().unwrap();
        let actor = system.spawn(Node::new(&check, &log)).unwrap();
        let timer = slot::<Timer>();
        let (own, made, guard) = (Arc::clone(&timer), Arc::clone(&timer), check.guard());
        run_in(&actor, move |ctx| {
            let every = ctx.send_every(SECOND, move || {
                let _ = &guard;
                own.get().unwrap().cancel();
                note("taken back")
            });
            made.set(every).unwrap();
        })
        .await;
        sleep(5 * SECOND).await;
        assert!(log.entries().is_empty());
        assert_eq!(check.alive(), 1);
        system.stop().await.unwrap();
    });
}

#[test]
fn a_cancel_after_the_last_message_changes_nothing_for_another_timer() {
    paused(async |check| {
        let log = Log::default();
        let system = System::start().unwrap();
        let actor = system.spawn(Node::new(&check, &log)).unwrap();
        let timer = slot::<Timer>();
        let made = Arc::clone(&timer);
        run_in(&actor, move |ctx| {
            made.set(ctx.send_after(SECOND, note("first"))).unwrap();
        })
        .await;
        sleep(millis(1_500)).await;
        let first = timer.get().unwrap();
        assert!(!first.is_active());
        // The new source takes the place of the one that is gone.
        run_in(&actor, |ctx| {
            ctx.send_after(SECOND, note("second"));
        })
        .await;
        first.cancel();
        first.clone().cancel();
        sleep(millis(1_100)).await;
        assert_eq!(log.entries(), ["first", "second"]);
        system.stop().await.unwrap();
    });
}

#[test]
fn a_cancel_from_another_thread_ends_it() {
    paused(async |check| {
        let log = Log::default();
        let system = System::start().unwrap();
        let actor = system.spawn(Node::new(&check, &log)).unwrap();
        let timer = slot::<Timer>();
        let (made, guard) = (Arc::clone(&timer), check.guard());
        run_in(&actor, move |ctx| {
            let every = ctx.send_every(SECOND, move || {
                let _ = &guard;
                note("tick")
            });
            made.set(every).unwrap();
        })
        .await;
        sleep(millis(1_500)).await;
        let far = timer.get().unwrap().clone();
        thread::scope(|threads| drop(threads.spawn(move || far.cancel())));
        // The actor is asleep, and is woken to drop the source.
        settled().await;
        assert_eq!(check.alive(), 1);
        sleep(HOUR).await;
        assert_eq!(log.entries(), ["tick"]);
        system.stop().await.unwrap();
    });
}

/// Two threads cancel timers while they tick.
#[test]
fn nothing_comes_of_timers_that_two_threads_have_cancelled() {
    multi_thread(async |check| {
        let ticks = Count::default();
        let system = System::start().unwrap();
        let actor = system.spawn(Node::new(&check, &Log::default())).unwrap();
        let timers: Arc<Mutex<Vec<Timer>>> = Arc::default();
        let (made, count, guards) = (Arc::clone(&timers), ticks.clone(), check.clone());
        run_in(&actor, move |ctx| {
            for _ in 0..200 {
                let (count, guard) = (count.clone(), guards.guard());
                made.lock()
                    .unwrap()
                    .push(ctx.send_every(millis(1), move || {
                        let _ = &guard;
                        let count = count.clone();
                        run(move |_| count.add())
                    }));
            }
        })
        .await;
        while ticks.get() < 100 {
            actor.ask(Msg::Ping).await.unwrap();
        }
        thread::scope(|threads| {
            for _ in 0..2 {
                threads.spawn(|| {
                    let timers = timers.lock().unwrap().clone();
                    timers.iter().for_each(Timer::cancel);
                });
            }
        });
        // Every message that had been made before the cancels is handled by then.
        actor.ask(Msg::Ping).await.unwrap();
        let before = ticks.get();
        let all_dropped = async {
            while check.alive() > 1 {
                actor.ask(Msg::Ping).await.unwrap();
            }
        };
        timeout(60 * SECOND, all_dropped).await.unwrap();
        assert_eq!(ticks.get(), before);
        assert!(
            timers
                .lock()
                .unwrap()
                .iter()
                .all(|timer| !timer.is_active())
        );
        system.stop().await.unwrap();
    });
}
