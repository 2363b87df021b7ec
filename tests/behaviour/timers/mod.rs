//! Timers, and how sources are added and cancelled.

mod cancelling;

use crate::common;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use common::node::{Gate, Msg, Node, note, run, run_in};
use common::{Log, paused, settled};
use tenure::prelude::*;
use tenure::{Strategy, Timer};
use tokio::time::{Instant, MissedTickBehavior, sleep};

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
