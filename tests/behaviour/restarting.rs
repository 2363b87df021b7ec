//! What a restart policy does with the end of an actor.

use crate::common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::restarting::{Msg, Recipe};
use common::worker::{Do, Worker};
use common::{Check, Log, paused, settled};
use tenure::prelude::*;
use tenure::{Failure, Phase, StartError, StopError, StopReason, System};
use tokio::time::{Instant, sleep, timeout};

const SECOND: Duration = Duration::from_secs(1);

/// A system with one actor, P, that has no policy of its own.
struct House {
    system: System,
    owner: ActorRef<Do>,
    spawner: Spawner,
    log: Log,
    check: Check,
}

impl House {
    async fn new(check: &Check) -> Self {
        let log = Log::default();
        let system = System::start().unwrap();
        let owner = system.spawn(Worker::new("p", &log, check).named()).unwrap();
        let spawner = owner.ask(Do::Lend).await.unwrap();
        check.node(owner.node());
        Self {
            system,
            owner,
            spawner,
            log,
            check: check.clone(),
        }
    }

    fn recipe(&self, name: &'static str) -> Recipe {
        Recipe::new(name, &self.log, &self.check)
    }

    fn spawn(&self, spec: ChildSpec<Recipe>) -> ActorRef<Msg> {
        let child = self.spawner.spawn(spec).unwrap();
        self.check.node(child.node());
        child
    }

    /// The owner's failure, for which all of it is gone.
    async fn failure(&self) -> Failure {
        match self.owner.stopped().await {
            Err(StopError::Failed(failure)) => failure,
            other => panic!("the owner ended with {other:?}"),
        }
    }
}

async fn incarnation(actor: &ActorRef<Msg>) -> usize {
    actor.ask(Msg::Incarnation).await.unwrap()
}

#[test]
fn restart_intensity() {
    paused(async |check| {
        let house = House::new(&check).await;
        let recipe = house.recipe("c");
        let spec = recipe
            .restarting(Restart::OnFailure)
            .intensity(2, 10 * SECOND);
        let c = house.spawn(spec);
        for expected in 2..=6 {
            c.tell(Msg::Fail).await.unwrap();
            assert_eq!(incarnation(&c).await, expected);
            // The third in a row is past the window of the first.
            sleep(5 * SECOND).await;
        }
        sleep(10 * SECOND).await;
        for _ in 0..3 {
            c.tell(Msg::Fail).await.unwrap();
        }
        let failure = house.failure().await;
        assert_eq!(
            recipe.incarnations.get(),
            8,
            "the third failure is one too many"
        );
        assert_eq!(failure.leaves().count(), 1, "{failure:?}");
        assert_eq!(failure.leaves().next().unwrap().path(), "/p/c");
        assert_eq!(check.alive(), 0);
        house.system.kill().await.ok();
    });
}

#[test]
fn intensity_of_zero_allows_no_restart() {
    paused(async |check| {
        let house = House::new(&check).await;
        let recipe = house.recipe("c");
        let c = house.spawn(recipe.restarting(Restart::Always).intensity(0, SECOND));
        c.tell(Msg::Fail).await.unwrap();
        house.failure().await;
        assert_eq!(recipe.incarnations.get(), 1);
        house.system.kill().await.ok();
    });
}

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
fn restart_keeps_mailbox_and_references() {
    paused(async |check| {
        let house = House::new(&check).await;
        let recipe = house.recipe("c");
        let c = house.spawn(recipe.restarting(Restart::OnFailure));
        let before = c.clone();
        let (failed, queued) = tokio::join!(
            c.ask(Msg::FailReply),
            // Queued behind the one that fails.
            before.ask(Msg::Incarnation),
        );
        assert_eq!(failed, Err(AskError::Failed));
        assert_eq!(queued, Ok(2));
        assert_eq!(incarnation(&before).await, 2);
        assert_eq!(c.path(), "/p/c");
        assert!(matches!(before.stop().await, Ok(StopReason::Stopped)));
        assert_eq!(
            recipe.incarnations.get(),
            2,
            "what failed is not handled again"
        );
        house.system.stop().await.unwrap();
    });
}

#[test]
fn restart_stops_children_first() {
    paused(async |check| {
        let house = House::new(&check).await;
        for (fatal, hook) in [(Msg::Fail, true), (Msg::Panic, false)] {
            let recipe = Recipe {
                with_child: true,
                ..house.recipe("c")
            };
            let c = house.spawn(recipe.restarting(Restart::OnFailure));
            incarnation(&c).await;
            settled().await;
            let seen = house.log.entries().len();
            c.tell(fatal).await.unwrap();
            assert_eq!(incarnation(&c).await, 2);
            settled().await;
            let mut expected = vec!["child on_stop", "child dropped"];
            expected.extend(hook.then_some("c on_stop"));
            expected.extend(["c dropped", "c starts", "child starts"]);
            assert_eq!(house.log.entries()[seen..], expected);
            c.stop().await.unwrap();
        }
        house.system.stop().await.unwrap();
    });
}

#[test]
fn temporary_and_transient() {
    paused(async |check| {
        let house = House::new(&check).await;
        let ends = [
            (Restart::Never, false, false),
            (Restart::OnFailure, false, true),
            (Restart::Always, true, true),
        ];
        for (restart, after_finish, after_failure) in ends {
            for (end, again) in [(Msg::Finish, after_finish), (Msg::Fail, after_failure)] {
                let recipe = house.recipe("c");
                let c = house.spawn(recipe.restarting(restart).contain());
                c.tell(end).await.unwrap();
                let reply = timeout(SECOND, c.ask(Msg::Incarnation)).await.unwrap();
                match again {
                    true => assert_eq!(reply, Ok(2), "{restart:?}"),
                    false => assert_eq!(reply, Err(AskError::Stopped), "{restart:?}"),
                }
                c.stop().await.ok();
                assert_eq!(recipe.incarnations.get(), 1 + usize::from(again));
            }
        }
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
fn restart_proceeds_while_the_owners_handler_is_awaiting() {
    paused(async |check| {
        let house = House::new(&check).await;
        let c = house.spawn(house.recipe("c").restarting(Restart::OnFailure));
        house.owner.tell(Do::Sleep(3_600 * SECOND)).await.unwrap();
        tokio::task::yield_now().await;
        c.tell(Msg::Panic).await.unwrap();
        let reply = timeout(SECOND, c.ask(Msg::Incarnation)).await;
        assert_eq!(reply.unwrap(), Ok(2));
        house.system.kill().await.unwrap();
    });
}

#[test]
fn backoff_grows_and_begins_again_after_a_healthy_time() {
    paused(async |check| {
        let house = House::new(&check).await;
        let backoff = Backoff::exponential(SECOND, 4 * SECOND)
            .jitter(0.0)
            .reset_after(60 * SECOND);
        let spec = house.recipe("c").restarting(Restart::OnFailure);
        let c = house.spawn(spec.intensity(100, SECOND).backoff(backoff));
        let mut delays = Vec::new();
        for healthy in [0, 0, 0, 0, 61, 0] {
            incarnation(&c).await;
            sleep(healthy * SECOND).await;
            c.tell(Msg::Fail).await.unwrap();
            let failed = Instant::now();
            incarnation(&c).await;
            delays.push(failed.elapsed().as_secs());
        }
        assert_eq!(delays, [1, 2, 4, 4, 1, 2]);
        house.system.stop().await.unwrap();
    });
}

#[test]
fn start_that_fails_is_tried_again_unless_its_caller_waits() {
    paused(async |check| {
        let house = House::new(&check).await;
        let recipe = house.recipe("spawned");
        recipe.fail_starts(2);
        let spawned = house.spawn(recipe.restarting(Restart::OnFailure));
        assert_eq!(incarnation(&spawned).await, 3);

        let recipe = house.recipe("started");
        recipe.fail_starts(1);
        let started = house
            .spawner
            .start(recipe.restarting(Restart::Always))
            .await;
        assert!(matches!(started, Err(StartError::Failed(_))), "{started:?}");
        assert_eq!(recipe.incarnations.get(), 1);
        assert!(house.spawner.child("started").is_none());
        house.system.stop().await.unwrap();
    });
}

#[test]
fn panicking_factories_and_clones_are_failed_starts() {
    struct Moody(Arc<AtomicUsize>);
    impl Clone for Moody {
        fn clone(&self) -> Self {
            assert!(self.0.fetch_add(1, Ordering::SeqCst) > 1, "no clone today");
            Self(Arc::clone(&self.0))
        }
    }
    impl Actor for Moody {
        type Msg = ReplyTo<usize>;
        async fn handle(&mut self, reply: Self::Msg, _: &mut Context<Self>) -> tenure::Result {
            reply.send(self.0.load(Ordering::SeqCst));
            Ok(())
        }
    }
    paused(async |check| {
        let house = House::new(&check).await;
        let moody = ChildSpec::new(Moody(Arc::default())).restart(Restart::OnFailure);
        let moody = house.spawner.spawn(moody).unwrap();
        assert_eq!(moody.ask(|reply| reply).await, Ok(3));

        let (tries, recipe) = (common::Count::default(), house.recipe("made"));
        let counted = tries.clone();
        let make = move || {
            counted.add();
            assert!(counted.get() > 2, "no recipe today");
            recipe.clone()
        };
        let made = ChildSpec::factory(make).restart(Restart::OnFailure);
        let made = house.spawner.spawn(made).unwrap();
        assert_eq!(incarnation(&made).await, 1);
        assert_eq!(tries.get(), 3);

        let never = ChildSpec::factory(|| -> Recipe { panic!("never") }).name("never");
        house
            .spawner
            .spawn(never.restart(Restart::OnFailure))
            .unwrap();
        let failure = house.failure().await;
        assert!(
            failure
                .leaves()
                .all(|leaf| leaf.to_string() == "/p/never panicked: never")
        );
        house.system.kill().await.ok();
    });
}

#[test]
fn bad_backoffs_are_refused() {
    paused(async |check| {
        let house = House::new(&check).await;
        for bad in [
            Backoff::exponential(2 * SECOND, SECOND),
            Backoff::fixed(SECOND).jitter(-0.1),
        ] {
            let recipe = house.recipe("c");
            let spec = recipe.restarting(Restart::OnFailure).backoff(bad);
            match house.spawner.spawn(spec) {
                Err(error @ SpawnError::BadBackoff(_)) => drop(error.into_inner().into_inner()),
                other => panic!("{other:?}"),
            }
            assert_eq!(recipe.incarnations.get(), 0);
        }
        house.system.stop().await.unwrap();
    });
}

#[test]
fn spawns_into_a_restarting_owner_are_refused_and_then_taken() {
    paused(async |check| {
        let house = House::new(&check).await;
        let spec = house.recipe("c").restarting(Restart::OnFailure);
        let c = house.spawn(spec.backoff(Backoff::fixed(SECOND)));
        let inside = c.ask(Msg::Lend).await.unwrap();
        let token = inside.token();
        let task = inside.task(std::future::pending::<()>()).unwrap();
        c.tell(Msg::Fail).await.unwrap();
        assert!(task.await.is_err(), "tasks belong to an incarnation");
        assert!(token.is_cancelled(), "and so does the token");
        assert!(matches!(inside.task(async {}), Err(SpawnError::Closed(_))));
        assert_eq!(incarnation(&c).await, 2);
        inside.task(async {}).unwrap().await.unwrap();
        assert!(!inside.token().is_cancelled());
        house.system.stop().await.unwrap();
    });
}

#[test]
fn cleanup_of_a_failed_incarnation_has_its_grace() {
    paused(async |check| {
        let house = House::new(&check).await;
        let recipe = Recipe {
            cleanup: 3_600 * SECOND,
            ..house.recipe("c")
        };
        let spec = recipe
            .restarting(Restart::OnFailure)
            .contain()
            .grace(SECOND);
        let c = house.spawn(spec);
        let began = Instant::now();
        c.tell(Msg::Fail).await.unwrap();
        let end = c.stopped().await;
        // It is not restarted, and nothing of what happened is left out.
        let Err(StopError::Failed(failure)) = end else {
            panic!("{end:?}")
        };
        assert_eq!(failure.cut_short().len(), 1, "{failure:?}");
        assert_eq!(began.elapsed(), SECOND);
        assert_eq!(recipe.incarnations.get(), 1);
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

#[test]
fn root_of_a_system_is_restarted_in_place() {
    #[derive(Clone)]
    struct Root(Arc<AtomicUsize>);
    impl Actor for Root {
        type Msg = ();
        async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
            Ok(())
        }
        async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
            if self.0.fetch_add(1, Ordering::SeqCst) < 2 {
                return Err("not yet".into());
            }
            ctx.stop();
            Ok(())
        }
    }
    paused(async |_| {
        let starts = Arc::new(AtomicUsize::new(0));
        let root = ChildSpec::new(Root(Arc::clone(&starts))).restart(Restart::OnFailure);
        System::run(root.backoff(Backoff::fixed(60 * SECOND)))
            .await
            .unwrap();
        assert_eq!(starts.load(Ordering::SeqCst), 3);
    });
}
