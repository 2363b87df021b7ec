//! Timers, and how sources are added and cancelled.

use crate::common;

use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::Duration;

use common::node::{Gate, Msg, Node, hold, note, run, run_in};
use common::{Count, Log, multi_thread, paused, settled};
use tenure::prelude::*;
use tenure::{Strategy, Timer};
use tokio::time::{Instant, MissedTickBehavior, sleep, timeout};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);

fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// A place for a handle that only the actor can make.
fn slot<T>() -> Arc<OnceLock<T>> {
    Arc::default()
}

#[test]
fn ticks_that_come_late_are_skipped_and_a_cancelled_timer_is_silent() {
    paused(async |check| {
        let log = Log::default();
        let system = System::start().unwrap();
        let actor = system.spawn(Node::new(&check, &log)).unwrap();
        let guard = check.guard();
        run_in(&actor, move |ctx| {
            ctx.send_every(SECOND, move || {
                let _ = &guard;
                note("tick")
            });
            ctx.send_after(2 * SECOND, note("once"));
            ctx.send_after(3 * SECOND, note("never")).cancel();
        })
        .await;
        sleep(millis(1_500)).await;
        assert_eq!(log.entries(), ["tick"]);
        actor.tell(Msg::Sleep(10 * SECOND)).await.unwrap();
        sleep(millis(10_400)).await;
        let mut seen = log.entries();
        seen.sort();
        // The handler ended at 11.5 s. One late tick is left, and the single message.
        assert_eq!(seen, ["once", "tick", "tick"]);
        actor.stop().await.unwrap();
        assert_eq!(check.alive(), 0);
        system.stop().await.unwrap();
    });
}

#[test]
fn what_was_missed_is_skipped_or_delayed_or_made_up_for() {
    for (missed, expected) in [
        (MissedTickBehavior::Skip, &[1_000, 6_200, 7_000, 8_000][..]),
        (MissedTickBehavior::Delay, &[1_000, 6_200, 7_200, 8_200]),
        (
            MissedTickBehavior::Burst,
            &[1_000, 6_200, 6_200, 6_200, 6_200, 6_200, 7_000, 8_000],
        ),
    ] {
        paused(async |check| {
            let log = Log::default();
            let system = System::start().unwrap();
            let actor = system.spawn(Node::new(&check, &log)).unwrap();
            let (start, ticks) = (Instant::now(), log.clone());
            run_in(&actor, move |ctx| {
                ctx.send_every_with(SECOND, missed, move || {
                    let ticks = ticks.clone();
                    run(move |_| ticks.push(start.elapsed().as_millis().to_string()))
                });
            })
            .await;
            sleep(millis(1_500)).await;
            actor.tell(Msg::Sleep(millis(4_700))).await.unwrap();
            sleep(millis(7_000)).await;
            let expected: Vec<_> = expected.iter().map(ToString::to_string).collect();
            assert_eq!(log.entries(), expected, "{missed:?}");
            system.stop().await.unwrap();
        });
    }
}

#[test]
fn a_period_of_zero_is_a_millisecond_and_one_without_end_never_comes() {
    paused(async |check| {
        let log = Log::default();
        let system = System::start().unwrap();
        let actor = system.spawn(Node::new(&check, &log)).unwrap();
        let guard = check.guard();
        run_in(&actor, move |ctx| {
            ctx.send_every(Duration::ZERO, || note("tick"));
            ctx.send_every(Duration::MAX, || note("never"));
            ctx.send_after(Duration::MAX, Msg::Keep(guard));
            ctx.receive_timeout(Duration::MAX, || note("quiet"));
        })
        .await;
        sleep(Duration::from_micros(20_500)).await;
        settled().await;
        let ticks = log.entries();
        assert!((19..=21).contains(&ticks.len()), "{ticks:?}");
        assert!(ticks.iter().all(|entry| entry == "tick"), "{ticks:?}");
        system.drain().await.unwrap();
    });
}

#[test]
fn a_message_after_no_time_at_all_comes_at_once_and_a_zero_quiet_does_not_spin() {
    paused(async |check| {
        let log = Log::default();
        let system = System::start().unwrap();
        let actor = system.spawn(Node::new(&check, &log)).unwrap();
        let start = Instant::now();
        run_in(&actor, |ctx| {
            ctx.send_after(Duration::ZERO, note("now"));
        })
        .await;
        sleep(millis(1)).await;
        assert_eq!(log.entries(), ["now"]);
        run_in(&actor, |ctx| {
            ctx.receive_timeout(Duration::ZERO, || note("quiet"));
        })
        .await;
        sleep(millis(20)).await;
        let quiets = log.entries().len() as u128 - 1;
        assert!(quiets <= start.elapsed().as_millis(), "{quiets}");
        assert!(quiets >= 5, "{quiets}");
        system.stop().await.unwrap();
    });
}

#[test]
fn a_quiet_actor_is_told_so_again_and_again() {
    paused(async |check| {
        let log = Log::default();
        let system = System::start().unwrap();
        let actor = system.spawn(Node::new(&check, &log)).unwrap();
        run_in(&actor, |ctx| {
            drop(ctx.receive_timeout(SECOND, || note("quiet")));
        })
        .await;
        sleep(millis(900)).await;
        actor.tell(note("mail")).await.unwrap();
        sleep(millis(900)).await;
        assert_eq!(log.entries(), ["mail"]);
        sleep(millis(1_200)).await;
        assert_eq!(log.entries(), ["mail", "quiet", "quiet"]);
        system.stop().await.unwrap();
    });
}

#[test]
fn a_tick_ends_a_quiet_and_a_slow_handler_is_none() {
    paused(async |check| {
        let log = Log::default();
        let system = System::start().unwrap();
        let actor = system.spawn(Node::new(&check, &log)).unwrap();
        let first = slot::<Timer>();
        let made = Arc::clone(&first);
        let guard = check.guard();
        run_in(&actor, move |ctx| {
            // The new timeout replaces the old one.
            let timer = ctx.receive_timeout(SECOND, move || {
                let _ = &guard;
                note("replaced")
            });
            made.set(timer).unwrap();
            ctx.receive_timeout(SECOND, || note("quiet"));
            ctx.send_after(millis(600), note("tick"));
        })
        .await;
        assert!(!first.get().unwrap().is_active());
        first.get().unwrap().cancel();
        assert_eq!(check.alive(), 1);
        sleep(millis(1_500)).await;
        assert_eq!(log.entries(), ["tick"]);
        actor.tell(Msg::Sleep(5 * SECOND)).await.unwrap();
        sleep(millis(5_900)).await;
        assert_eq!(log.entries(), ["tick"]);
        sleep(millis(200)).await;
        assert_eq!(log.entries(), ["tick", "quiet"]);
        system.stop().await.unwrap();
    });
}

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

#[test]
fn siblings_that_are_restarted_begin_without_the_timers_they_had() {
    paused(async |check| {
        let log = Log::default();
        let system = System::start().unwrap();
        let (guards, noted) = (check.clone(), log.clone());
        let owner = Node::new(&check, &log).on_start(move |ctx| {
            for name in ["one", "two"] {
                let (guards, noted) = (guards.clone(), noted.clone());
                let spec = ChildSpec::factory(move || Node::new(&guards, &noted));
                let spec = spec.restart(Restart::OnFailure).name(name);
                ctx.spawn(spec).unwrap();
            }
        });
        let owner = ChildSpec::new(owner).strategy(Strategy::OneForAll);
        let owner = system.spawn(owner).unwrap();
        owner.ask(Msg::Ping).await.unwrap();
        let [one, two] = ["one", "two"].map(|name| system.lookup::<Msg>(name).unwrap());
        let guard = check.guard();
        run_in(&two, move |ctx| {
            ctx.send_every(SECOND, move || {
                let _ = &guard;
                note("tick")
            });
        })
        .await;
        sleep(millis(1_500)).await;
        assert_eq!(check.alive(), 4);
        one.tell(Msg::Fail).await.unwrap();
        two.ask(Msg::Ping).await.unwrap();
        settled().await;
        one.ask(Msg::Ping).await.unwrap();
        assert_eq!(check.alive(), 3);
        sleep(HOUR).await;
        assert_eq!(log.entries(), ["tick"]);
        system.stop().await.unwrap();
    });
}

#[test]
fn what_handles_a_tick_is_shown_by_its_label_and_has_no_deadline_of_an_ask() {
    paused(async |check| {
        let log = Log::default();
        let system = System::start().unwrap();
        let actor = system.spawn(Node::new(&check, &log)).unwrap();
        let gate = Arc::<Gate>::default();
        let (held, noted) = (Arc::clone(&gate), log.clone());
        run_in(&actor, move |ctx| {
            let look = run(move |ctx| noted.push(format!("{:?}", ctx.deadline())));
            ctx.send_after(SECOND, look);
            ctx.send_after(2 * SECOND, Msg::Hold(held));
        })
        .await;
        actor.ask(Msg::Ping).timeout(HOUR).await.unwrap();
        assert_eq!(actor.node().label(), None);
        gate.reached().await;
        assert_eq!(log.entries(), ["None"]);
        assert_eq!(actor.node().label(), Some("Hold"));
        assert_eq!(actor.node().backlog(), 0);
        gate.open();
        settled().await;
        assert_eq!(actor.node().label(), None);
        system.stop().await.unwrap();
    });
}
