//! How a restart and an end decide about each other, and how many restarts are allowed.

use crate::common;

use std::time::Duration;

use common::restarting::{Msg, Recipe};
use common::{Check, Guard, Log, paused, settled};
use tenure::prelude::*;
use tenure::{Cause, Failure, Phase, StopError, StopReason, System};
use tokio::time::{Instant, sleep};

const SECOND: Duration = Duration::from_secs(1);

/// A system with one owner, and the owner's spawner.
struct House {
    system: System,
    log: Log,
    check: Check,
}

impl House {
    fn new(check: &Check) -> Self {
        Self {
            system: System::start().unwrap(),
            log: Log::default(),
            check: check.clone(),
        }
    }

    fn recipe(&self, name: &'static str) -> Recipe {
        Recipe::new(name, &self.log, &self.check)
    }

    async fn owner(&self, above: &Spawner, name: &'static str) -> (ActorRef<Msg>, Spawner) {
        let owner = ChildSpec::new(self.recipe(name)).name(name);
        let owner = above.spawn(owner).unwrap();
        let spawner = owner.ask(Msg::Lend).await.unwrap();
        (owner, spawner)
    }
}

fn leaves(end: Result<StopReason, StopError>) -> Vec<String> {
    match end {
        Err(StopError::Failed(failure)) => paths(&failure),
        other => panic!("{other:?}"),
    }
}

fn paths(failure: &Failure) -> Vec<String> {
    failure
        .leaves()
        .map(|leaf| leaf.path().to_owned())
        .collect()
}

#[test]
fn nothing_is_restarted_beneath_a_stopping_node_at_any_height() {
    paused(async |check| {
        let house = House::new(&check);
        let (top, above) = house.owner(&house.system, "top").await;
        let (_between, between) = house.owner(&above, "between").await;
        let recipes = ["low", "high"].map(|name| house.recipe(name));
        let low = between
            .spawn(recipes[0].restarting(Restart::OnFailure))
            .unwrap();
        let high = above.spawn(recipes[1].restarting(Restart::Always)).unwrap();
        // The youngest child, for which the stop waits first.
        let mut slow = house.recipe("slow");
        slow.cleanup = SECOND;
        above.start(ChildSpec::new(slow)).await.unwrap();
        for actor in [&low, &high] {
            actor.ask(Msg::Incarnation).await.unwrap();
        }
        let begin = Instant::now();
        let stopping = top.stop();
        sleep(SECOND / 2).await;
        low.tell(Msg::Fail).await.unwrap();
        high.tell(Msg::Fail).await.unwrap();
        let mut failed = leaves(stopping.await);
        failed.sort();
        assert_eq!(failed, ["/top/between/low", "/top/high"]);
        for recipe in &recipes {
            assert_eq!(recipe.incarnations.get(), 1, "{}", recipe.name);
        }
        assert_eq!(begin.elapsed(), SECOND);
        drop(house.system.stop().await);
    });
}

#[test]
fn restart_that_waits_when_its_owner_is_told_to_stop_does_not_come() {
    paused(async |check| {
        let house = House::new(&check);
        let (owner, spawner) = house.owner(&house.system, "owner").await;
        let recipe = house.recipe("waiting");
        let spec = recipe.restarting(Restart::OnFailure);
        let waiting = spawner
            .start(spec.backoff(Backoff::fixed(SECOND)))
            .await
            .unwrap();
        let mut slow = house.recipe("slow");
        slow.cleanup = 3 * SECOND;
        spawner.start(ChildSpec::new(slow)).await.unwrap();
        waiting.tell(Msg::Fail).await.unwrap();
        sleep(SECOND / 2).await;
        let stopped = owner.stop().await;
        assert!(matches!(stopped, Ok(StopReason::Stopped)), "{stopped:?}");
        let waiting = waiting.node().outcome().unwrap();
        assert!(matches!(waiting, Ok(StopReason::Stopped)), "{waiting:?}");
        assert_eq!(recipe.incarnations.get(), 1);
        house.system.stop().await.unwrap();
    });
}

/// Children of a draining owner are restarted until its token fires: a pool needs its workers for what it has accepted.
#[test]
fn children_of_a_draining_owner_restart_until_its_token_fires() {
    paused(async |check| {
        let house = House::new(&check);
        let (owner, spawner) = house.owner(&house.system, "owner").await;
        let recipe = house.recipe("worker");
        let worker = spawner
            .spawn(recipe.restarting(Restart::OnFailure))
            .unwrap();
        owner.tell(Msg::Sleep(SECOND)).await.unwrap();
        let draining = owner.drain();
        worker.tell(Msg::Fail).await.unwrap();
        assert_eq!(worker.ask(Msg::Incarnation).await, Ok(2));
        assert!(matches!(draining.await, Ok(StopReason::Drained)));
        house.system.stop().await.unwrap();
    });
}

/// An actor that fails after it was told to drain is not restarted. Messages that it had accepted are lost, and their
/// asks say so.
#[test]
fn actor_that_fails_in_its_own_drain_is_not_restarted() {
    paused(async |check| {
        let house = House::new(&check);
        let recipe = house.recipe("worker");
        let spec = recipe.restarting(Restart::OnFailure);
        let worker = house.system.spawn(spec.contain()).unwrap();
        for msg in [Msg::Sleep(SECOND), Msg::Fail, Msg::Log("lost")] {
            worker.tell(msg).await.unwrap();
        }
        let asked = worker.ask(Msg::Incarnation).owned();
        let asked = house.system.task(async { tenure::Ok(asked.await) });
        sleep(SECOND / 2).await;
        assert_eq!(leaves(worker.drain().await), ["/worker"]);
        let asked = asked.unwrap().await.unwrap();
        assert!(matches!(asked, Err(AskError::Stopped)), "{asked:?}");
        assert_eq!(recipe.incarnations.get(), 1);
        assert!(
            !house
                .log
                .entries()
                .iter()
                .any(|entry| entry.contains("lost"))
        );
        house.system.stop().await.unwrap();
    });
}

#[test]
fn children_of_a_draining_owner_restart_no_more_once_its_token_has_fired() {
    paused(async |check| {
        let house = House::new(&check);
        let (owner, spawner) = house.owner(&house.system, "owner").await;
        let recipe = house.recipe("worker");
        let worker = spawner.start(recipe.restarting(Restart::OnFailure)).await;
        let mut slow = house.recipe("slow");
        slow.cleanup = SECOND;
        spawner.start(ChildSpec::new(slow)).await.unwrap();
        let draining = owner.drain();
        sleep(SECOND / 2).await; // the owner waits for the youngest
        worker.unwrap().tell(Msg::Fail).await.unwrap();
        assert_eq!(leaves(draining.await), ["/owner/worker"]);
        assert_eq!(recipe.incarnations.get(), 1);
        drop(house.system.stop().await);
    });
}

/// A scope waits for its plain tasks without a grace, so an actor that such a task asks must not wait for a restart
/// that does not come.
#[test]
fn task_that_asks_an_actor_in_its_backoff_does_not_hold_up_a_scope_that_ends() {
    paused(async |check| {
        let (begin, log) = (Instant::now(), Log::default());
        let recipe = Recipe::new("child", &log, &check);
        let ended = tenure::scope(async |scope| {
            let spec = recipe.restarting(Restart::OnFailure);
            let child = scope.spawn(spec.backoff(Backoff::fixed(SECOND)))?;
            child.tell(Msg::Fail).await?;
            sleep(SECOND / 2).await;
            scope.task(async move {
                let asked = child.ask(Msg::Incarnation).await;
                assert!(asked.is_err(), "{asked:?}");
            })?;
            settled().await;
            Ok(())
        })
        .await;
        // The ask was accepted and never handled, so the end was cut short.
        assert!(matches!(ended, Err(RunError::CutShort(_))), "{ended:?}");
        assert_eq!(begin.elapsed(), SECOND / 2);
        assert_eq!(recipe.incarnations.get(), 1);
    });
}

/// When a token fires, all actors beneath it, at any depth, stop waiting for their restarts, although nobody tells them
/// to end. Accepted messages are dead letters, so this is not a drain in good order.
#[test]
fn backoff_ends_with_the_token_of_an_owner_at_any_height() {
    for (drains, deep) in [(true, false), (true, true), (false, false), (false, true)] {
        paused(async |check| {
            let house = House::new(&check);
            let (owner, spawner) = house.owner(&house.system, "owner").await;
            let (_between, beneath) = house.owner(&spawner, "between").await;
            let recipe = house.recipe("child");
            let spec = recipe.restarting(Restart::OnFailure);
            let spec = spec.backoff(Backoff::fixed(100 * SECOND));
            let above = if deep { &beneath } else { &spawner };
            let child = above.start(spec).await.unwrap();
            child.tell(Msg::Fail).await.unwrap();
            sleep(SECOND).await;
            child.tell(Msg::Log("accepted")).await.unwrap();
            // The task is joined before the other children are told.
            let task = child.clone();
            spawner
                .task_with(async move |token| {
                    let asked = task.ask(Msg::Incarnation).await;
                    assert!(asked.is_err(), "{asked:?}");
                    token.cancelled().await;
                })
                .unwrap();
            let begin = Instant::now();
            let ended = match drains {
                true => owner.drain().await,
                false => owner.stop().await,
            };
            assert_eq!(begin.elapsed(), Duration::ZERO);
            let end = child.node().outcome().unwrap();
            if drains {
                let Err(StopError::CutShort(cut)) = &ended else {
                    panic!("{ended:?}")
                };
                assert!(cut.to_string().contains("restarting, held for"), "{cut}");
                assert_eq!(cut.nodes()[0].phase, Phase::Restarting);
                assert!(matches!(end, Err(StopError::CutShort(_))), "{end:?}");
            } else {
                assert!(ended.is_ok(), "{ended:?}");
                assert!(matches!(end, Ok(StopReason::Stopped)), "{end:?}");
            }
            assert_eq!(recipe.incarnations.get(), 1);
            assert!(!house.log.entries().contains(&"accepted".to_owned()));
            house.system.stop().await.unwrap();
        });
    }
}

/// An actor in its backoff that has accepted nothing ends with the token, so the sibling that asks it in its own drain
/// is not held up.
#[test]
fn sibling_in_its_backoff_holds_up_nobody_who_asks_it_in_a_drain() {
    paused(async |check| {
        let house = House::new(&check);
        let (owner, spawner) = house.owner(&house.system, "owner").await;
        let recipe = house.recipe("older");
        let spec = recipe.restarting(Restart::OnFailure);
        let spec = spec.backoff(Backoff::fixed(100 * SECOND));
        let older = spawner.start(spec).await.unwrap();
        let asker = spawner.spawn(Asker(check.guard())).unwrap();
        older.tell(Msg::Fail).await.unwrap();
        sleep(SECOND).await;
        let (send, asked) = tokio::sync::oneshot::channel();
        asker.tell((older.clone(), send)).await.unwrap();
        let begin = Instant::now();
        let ended = owner.drain().await;
        assert!(ended.is_ok(), "{ended:?}");
        assert_eq!(begin.elapsed(), SECOND);
        assert_eq!(asked.await.unwrap(), Err(AskError::Stopped));
        house.system.stop().await.unwrap();
    });
}

/// Asks the other one after a second.
struct Asker(#[expect(dead_code, reason = "it is counted")] Guard);

impl Actor for Asker {
    type Msg = (
        ActorRef<Msg>,
        tokio::sync::oneshot::Sender<Result<usize, AskError>>,
    );

    async fn handle(&mut self, (whom, to): Self::Msg, _: &mut Context<Self>) -> tenure::Result {
        sleep(SECOND).await;
        drop(to.send(whom.ask(Msg::Incarnation).await));
        Ok(())
    }
}

#[test]
fn restarts_that_are_used_up_are_a_failure_also_after_ends_in_good_order() {
    for (msg, leaf) in [
        ((|| Msg::Finish) as fn() -> Msg, None),
        (|| Msg::Fail, Some("fails")),
    ] {
        paused(async |check| {
            let house = House::new(&check);
            let (owner, spawner) = house.owner(&house.system, "owner").await;
            let recipe = house.recipe("child");
            let spec = recipe.restarting(Restart::Always).intensity(2, SECOND);
            let child = spawner.spawn(spec).unwrap();
            for _ in 0..3 {
                child.tell(msg()).await.unwrap();
                sleep(SECOND / 100).await;
            }
            let Err(StopError::Failed(failure)) = owner.stopped().await else {
                panic!("its owner has not failed");
            };
            assert_eq!(recipe.incarnations.get(), 3);
            let child = failure.beneath().first().unwrap();
            assert_eq!(child.path(), "/owner/child");
            let limit = matches!(
                child.cause(),
                Cause::TooManyRestarts { limit: 2, within } if *within == SECOND
            );
            assert!(limit, "{child:?}");
            let last = child.leaves().next().unwrap().to_string();
            assert!(last.contains(leaf.unwrap_or("ended too often")), "{last}");
            drop(house.system.kill().await);
        });
    }
}

#[test]
fn longest_durations_panic_nowhere() {
    paused(async |check| {
        let system = System::builder()
            .grace(Duration::MAX)
            .child_grace(Duration::MAX)
            .patience(Duration::MAX)
            .ask_timeout(Duration::MAX)
            .start()
            .unwrap();
        let log = Log::default();
        let recipe = Recipe::new("child", &log, &check);
        let backoff = Backoff::exponential(Duration::MAX, Duration::MAX);
        let spec = recipe
            .restarting(Restart::OnFailure)
            .intensity(u32::MAX, Duration::MAX)
            .backoff(backoff.jitter(0.0).reset_after(Duration::MAX));
        let child = system.spawn(spec).unwrap();
        child.tell(Msg::Fail).await.unwrap();
        sleep(SECOND).await;
        assert_eq!(child.node().phase(), Phase::Restarting);
        let asked = child.ask(Msg::Incarnation).timeout(Duration::MAX);
        tokio::select! {
            asked = asked => panic!("{asked:?}"),
            () = sleep(SECOND) => {}
        }
        let stopped = child.stop().within(Duration::MAX).await;
        assert!(matches!(stopped, Ok(StopReason::Stopped)), "{stopped:?}");
        system.stop().await.unwrap();
    });
}
