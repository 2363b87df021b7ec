//! Orders to end that come during a restart.

use std::time::Duration;

use super::{House, SECOND, incarnation};
use crate::common::restarting::{Msg, Recipe};
use crate::common::worker::{Do, Worker};
use crate::common::{Log, paused, settled};
use tenure::prelude::*;
use tenure::{Cause, Phase, StopError, StopReason};
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

        // Each of them is stopped by itself.
        let began = Instant::now();
        assert!(matches!(waiting.stop().await, Ok(StopReason::Stopped)));
        looping.stop().await.ok();
        assert_eq!(began.elapsed(), Duration::ZERO);
        // A start that is under way is waited for. Its failure is reported.
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
        // A failure in a stop or drain is not followed by a restart either.
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

/// Logs its messages, or fails with an error that only says "stopped".
struct Gives(Log);

impl Actor for Gives {
    type Msg = &'static str;

    async fn on_start(&mut self, _: &mut Context<Self>) -> tenure::Result {
        self.0.push("starts");
        Ok(())
    }

    async fn handle(&mut self, msg: &'static str, _: &mut Context<Self>) -> tenure::Result {
        match msg {
            "wait" => sleep(SECOND).await,
            "stopped" => return Err(AskError::Stopped.into()),
            msg => self.0.push(msg),
        }
        Ok(())
    }
}

/// An error that only says "stopped" is no failure, but it ends the incarnation. In a drain, the next incarnation
/// handles the rest. If the owner drains, none follows: the actor is cut short, and named.
#[test]
fn what_an_incarnation_leaves_in_a_drain_is_handled_by_the_next_or_known_to_be_lost() {
    for is_owners in [false, true] {
        paused(async |check| {
            let (house, log) = (House::new(&check).await, Log::default());
            let made = log.clone();
            let spec = ChildSpec::factory(move || Gives(made.clone())).restart(Restart::Always);
            let gives = house.spawner.spawn(spec.name("gives")).unwrap();
            check.node(gives.node());
            for msg in ["wait", "stopped", "the rest"] {
                gives.tell(msg).await.unwrap();
            }
            settled().await;
            if is_owners {
                let Err(StopError::CutShort(cut)) = house.owner.drain().await else {
                    panic!("it was in good order");
                };
                let paths: Vec<_> = cut.nodes().iter().map(|node| &*node.path).collect();
                assert_eq!(paths, ["/p/gives"]);
                assert_eq!(log.entries(), ["starts"]);
            } else {
                let drained = gives.drain().await;
                assert!(matches!(drained, Ok(StopReason::Drained)), "{drained:?}");
                assert_eq!(log.entries(), ["starts", "starts", "the rest"]);
            }
            house.system.kill().await.unwrap();
        });
    }
}

/// The owner drains but has not told the actor yet, because it waits for a task first.
#[test]
fn one_that_ends_itself_beneath_an_owner_that_drains_is_not_restarted() {
    paused(async |check| {
        let house = House::new(&check).await;
        let recipe = house.recipe("c");
        let c = house.spawn(recipe.restarting(Restart::Always));
        incarnation(&c).await;
        let lasts = |_| sleep(2 * SECOND);
        drop(house.spawner.task_with(lasts).unwrap());
        let draining = house.owner.drain();
        settled().await;
        assert_eq!(c.node().phase(), Phase::Running);
        c.tell(Msg::Finish).await.unwrap();
        let ended = c.stopped().await;
        assert!(matches!(ended, Ok(StopReason::Finished)), "{ended:?}");
        assert_eq!(recipe.incarnations.get(), 1);
        let drained = draining.await;
        assert!(matches!(drained, Ok(StopReason::Drained)), "{drained:?}");
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
            // The step is `on_stop`, the wait, or the next start.
            sleep(SECOND + 2 * step * SECOND).await;
            let began = Instant::now();
            c.kill().await.ok();
            assert_eq!(began.elapsed(), Duration::ZERO);
            assert_eq!(check.alive(), 1, "only the owner is left");
        }
        house.system.stop().await.unwrap();
    });
}

/// The next incarnation handles what was accepted, and cannot make up for what was cut.
#[test]
fn cut_in_a_restart_is_told_in_the_drain_that_came_meanwhile() {
    for is_owners in [false, true] {
        paused(async |check| {
            let house = House::new(&check).await;
            let c = house.spawn(house.recipe("c").restarting(Restart::OnFailure));
            let spawner = c.ask(Msg::Lend).await.unwrap();
            let slow = Worker::new("slow", &house.log, &check).cleanup(100 * SECOND);
            spawner.spawn(slow.named().grace(2 * SECOND)).unwrap();
            c.tell(Msg::Fail).await.unwrap();
            c.tell(Msg::Log("accepted")).await.unwrap();
            sleep(SECOND).await;
            assert_eq!(c.node().phase(), Phase::Restarting);
            let drained = match is_owners {
                true => {
                    // It comes to its children when `c` has been restarted.
                    house.owner.tell(Do::Sleep(2 * SECOND)).await.unwrap();
                    house.owner.drain().await
                }
                false => c.drain().await,
            };
            let Err(StopError::CutShort(cut)) = drained else {
                panic!("{drained:?}");
            };
            let paths: Vec<_> = cut.nodes().iter().map(|node| &*node.path).collect();
            assert_eq!(paths, ["/p/c/slow"]);
            assert!(house.log.entries().contains(&"accepted".into()));
            house.system.kill().await.unwrap();
        });
    }
}

/// It is ending, whichever incarnation handles the rest: a phase never goes back.
#[test]
fn one_that_is_restarted_in_its_drain_is_ending_all_the_while() {
    paused(async |check| {
        let house = House::new(&check).await;
        let log = house.log.clone();
        let spec = ChildSpec::factory(move || Gives(log.clone())).restart(Restart::Always);
        let gives = house.spawner.spawn(spec).unwrap();
        for msg in ["wait", "stopped", "wait"] {
            gives.tell(msg).await.unwrap();
        }
        settled().await;
        let draining = gives.drain();
        sleep(SECOND + SECOND / 2).await;
        assert_eq!(house.log.entries(), ["starts", "starts"]);
        assert_eq!(gives.node().phase(), Phase::Stopping);
        draining.await.unwrap();
        house.system.stop().await.unwrap();
    });
}

/// Fails after a second.
struct FailsLate;

impl Actor for FailsLate {
    type Msg = ();

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        sleep(SECOND).await;
        Err("it fails".into())
    }
}

/// It has been told to end, so no restart is due, and none is refused.
#[test]
fn failure_in_a_stop_is_none_of_too_many_restarts() {
    paused(async |check| {
        let house = House::new(&check).await;
        let spec = ChildSpec::factory(|| FailsLate).restart(Restart::OnFailure);
        let fails = spec.intensity(0, SECOND).contain();
        let fails = house.spawner.spawn(fails).unwrap();
        fails.tell(()).await.unwrap();
        settled().await;
        let Err(StopError::Failed(failure)) = fails.stop().await else {
            panic!("it has not failed");
        };
        assert!(matches!(failure.cause(), Cause::Error(_)), "{failure:?}");
        house.system.stop().await.unwrap();
    });
}
