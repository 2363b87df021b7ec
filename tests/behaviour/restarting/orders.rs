//! Orders that meet a restart.

use std::time::Duration;

use super::{House, SECOND, incarnation};
use crate::common::restarting::{Msg, Recipe};
use crate::common::{Log, paused};
use tenure::prelude::*;
use tenure::{Phase, StopError, StopReason};
use tokio::time::{Instant, sleep};

#[test]
fn restart_backoff_serves_stop() {
    paused(async |check| {
        let house = House::new(&check).await;
        let waiting = house.spawn(
            house
                .recipe("waiting")
                .restarting(Restart::OnFailure)
                .backoff(Backoff::fixed(3_600 * SECOND)),
        );
        waiting.tell(Msg::Fail).await.unwrap();
        let looping = house.recipe("looping");
        looping.fail_starts(usize::MAX);
        let spec = looping
            .restarting(Restart::OnFailure)
            .intensity(u32::MAX, SECOND);
        let looping = house.spawn(spec.backoff(Backoff::fixed(Duration::from_millis(1))));
        let slow = Recipe {
            start_delay: SECOND,
            ..house.recipe("slow")
        };
        slow.fail_starts(usize::MAX);
        let spec = slow
            .restarting(Restart::OnFailure)
            .intensity(u32::MAX, SECOND);
        let slow = house.spawn(spec.contain());
        sleep(Duration::from_millis(10)).await;
        assert_eq!(waiting.node().phase(), Phase::Restarting);

        // Each by itself...
        let began = Instant::now();
        assert!(matches!(waiting.stop().await, Ok(StopReason::Stopped)));
        looping.stop().await.ok();
        assert_eq!(began.elapsed(), Duration::ZERO);
        // A start that was under way is waited for, and what it fails with is reported.
        assert!(matches!(slow.stop().await, Err(StopError::Failed(_))));
        assert!(began.elapsed() <= SECOND);
        house.system.kill().await.unwrap();
    });
}

#[test]
fn owners_stop_is_prompt_while_a_restart_waits() {
    paused(async |check| {
        let house = House::new(&check).await;
        let recipe = house.recipe("c");
        let c = house.spawn(
            recipe
                .restarting(Restart::OnFailure)
                .backoff(Backoff::fixed(3_600 * SECOND)),
        );
        c.tell(Msg::Fail).await.unwrap();
        sleep(SECOND).await;
        let began = Instant::now();
        assert!(house.owner.stop().await.is_ok());
        assert_eq!(began.elapsed(), Duration::ZERO);
        assert_eq!(recipe.incarnations.get(), 1);
        house.system.stop().await.unwrap();
    });
}

#[test]
fn nobody_who_asked_for_an_end_gets_a_restart() {
    paused(async |check| {
        let house = House::new(&check).await;
        for end in 0..3 {
            let recipe = house.recipe("c");
            let c = house.spawn(recipe.restarting(Restart::Always));
            incarnation(&c).await;
            let outcome = match end {
                0 => c.stop().await,
                1 => c.drain().await,
                _ => c.kill().await,
            };
            assert!(outcome.is_ok(), "{outcome:?}");
            assert_eq!(recipe.incarnations.get(), 1);
            assert_eq!(c.node().phase(), Phase::Stopped);
        }
        // A failure in a stop or drain is not restarted, either.
        let recipe = house.recipe("c");
        let c = house.spawn(recipe.restarting(Restart::Always).contain());
        c.tell(Msg::Sleep(SECOND)).await.unwrap();
        c.tell(Msg::Fail).await.unwrap();
        assert!(matches!(c.drain().await, Err(StopError::Failed(_))));
        assert_eq!(recipe.incarnations.get(), 1);
        house.system.stop().await.unwrap();
    });
}

#[test]
fn one_that_is_always_restarted_keeps_its_queue_when_it_ends_itself() {
    paused(async |check| {
        let house = House::new(&check).await;
        for (end, before) in [(Msg::Finish, false), (Msg::FinishWhenEmpty, true)] {
            let log = Log::default();
            let recipe = Recipe::new("c", &log, &check);
            let c = house.spawn(recipe.restarting(Restart::Always));
            c.tell(end).await.unwrap();
            c.tell(Msg::Log("queued")).await.unwrap();
            sleep(Duration::from_millis(1)).await;
            assert_eq!(recipe.incarnations.get(), 2);
            let entries = log.entries();
            let place = |text: &str| entries.iter().position(|entry| entry == text).unwrap();
            assert_eq!(place("queued") < place("c on_stop"), before, "{entries:?}");
            c.stop().await.unwrap();
        }
        house.system.stop().await.unwrap();
    });
}

#[test]
fn drain_during_a_restart_handles_what_was_accepted() {
    paused(async |check| {
        let house = House::new(&check).await;
        let recipe = house.recipe("c");
        let c = house.spawn(
            recipe
                .restarting(Restart::OnFailure)
                .backoff(Backoff::fixed(3_600 * SECOND)),
        );
        c.tell(Msg::Fail).await.unwrap();
        c.tell(Msg::Log("accepted")).await.unwrap();
        sleep(SECOND).await;
        assert_eq!(c.node().phase(), Phase::Restarting);
        let began = Instant::now();
        assert!(matches!(c.drain().await, Ok(StopReason::Drained)));
        assert_eq!(began.elapsed(), Duration::ZERO);
        assert!(house.log.entries().contains(&"accepted".into()));
        house.system.stop().await.unwrap();
    });
}

#[test]
fn kill_ends_each_step_of_a_restart() {
    paused(async |check| {
        let house = House::new(&check).await;
        for step in 0..3 {
            let recipe = Recipe {
                cleanup: 2 * SECOND,
                start_delay: 2 * SECOND,
                ..house.recipe("c")
            };
            let spec = recipe.restarting(Restart::OnFailure).contain();
            let c = house.spawn(spec.backoff(Backoff::fixed(2 * SECOND)));
            incarnation(&c).await;
            c.tell(Msg::Fail).await.unwrap();
            // In `on_stop`, in the wait, in the next start.
            sleep(SECOND + 2 * step * SECOND).await;
            let began = Instant::now();
            c.kill().await.ok();
            assert_eq!(began.elapsed(), Duration::ZERO);
            assert_eq!(check.alive(), 1, "only the owner is left");
        }
        house.system.stop().await.unwrap();
    });
}
