//! How often something is restarted, after how long, and what cannot be started again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{House, SECOND, incarnation};
use crate::common::restarting::{Msg, Recipe};
use crate::common::{Count, paused};
use tenure::StartError;
use tenure::prelude::*;
use tokio::time::{Instant, sleep};

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
            // Each failure comes 5 s after the one before, so three never fall within 10 s.
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

        let (tries, recipe) = (Count::default(), house.recipe("made"));
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
