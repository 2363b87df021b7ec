//! How often an actor is restarted, and after how long.

use std::time::Duration;

use super::{HOUR, LONG, MS, SHORT};
use crate::common::restarting::{self, Recipe};
use crate::common::{Check, Log, paused};
use tenure::prelude::*;
use tokio::time::sleep;

/// How often an actor has been started after this many failures.
async fn starts(
    check: &Check,
    failures: usize,
    spec: impl FnOnce(ChildSpec<Recipe>) -> ChildSpec<Recipe>,
) -> usize {
    let recipe = Recipe::new("restarting", &Log::default(), check);
    let system = System::start().unwrap();
    let child = spec(recipe.restarting(Restart::OnFailure)).contain();
    let actor = system.start(child).await.unwrap();
    for _ in 0..failures {
        actor.tell(restarting::Msg::Fail).await.ok();
        sleep(5 * MS).await;
    }
    let starts = recipe.incarnations.get();
    // It may be waiting for a restart that never comes.
    system.stop().await.unwrap();
    starts
}

#[test]
fn intensity_of_restarts() {
    paused(async |check| {
        // The expected number of starts after twenty failures, five milliseconds apart.
        let windows = [
            (Duration::ZERO, 21),
            (Duration::from_nanos(1), 21),
            (Duration::from_micros(999), 21),
            (HOUR, 1 + 7),
            (Duration::from_secs(u64::MAX), 1 + 7),
            (Duration::MAX, 1 + 7),
        ];
        for (window, right) in windows {
            for (limit, right) in [(0, 1), (7, right), (u32::MAX, 21)] {
                let got = starts(&check, 20, |spec| spec.intensity(limit, window)).await;
                assert_eq!(got, right, "intensity({limit}, {window:?})");
            }
        }
    });
}

#[test]
fn waits_before_restarts() {
    paused(async |check| {
        let most = |spec: ChildSpec<Recipe>| spec.intensity(u32::MAX, Duration::MAX);
        for wait in SHORT.into_iter().chain(LONG) {
            for reset in SHORT.into_iter().chain(LONG) {
                let backoff = Backoff::fixed(wait).reset_after(reset);
                let doubling = Backoff::exponential(wait, Duration::MAX).jitter(0.0);
                for backoff in [backoff, doubling.reset_after(reset)] {
                    // The starts are counted five milliseconds after the only failure.
                    let right = if wait <= MS { 2 } else { 1 };
                    let got = starts(&check, 1, |spec| most(spec).backoff(backoff)).await;
                    assert_eq!(got, right, "{backoff:?}");
                }
            }
        }
    });
}

#[test]
fn backoffs_that_make_no_sense_are_refused_and_come_back() {
    paused(async |check| {
        let system = System::start().unwrap();
        let times = || SHORT.into_iter().chain(LONG);
        let pairs = times().flat_map(|first| times().map(move |max| (first, max)));
        let jitters = [
            (0.0, true),
            (-0.0, true),
            (1.0, true),
            (f64::MIN_POSITIVE, true),
            (1.0 + f64::EPSILON, false),
            (-f64::MIN_POSITIVE, false),
            (f64::NAN, false),
            (f64::INFINITY, false),
            (f64::NEG_INFINITY, false),
            (f64::MAX, false),
        ];
        for (first, max) in pairs {
            for (jitter, is_valid) in jitters {
                let is_valid = is_valid && first <= max;
                let backoff = Backoff::exponential(first, max).jitter(jitter);
                let row = format!("Backoff::exponential({first:?}, {max:?}).jitter({jitter})");
                assert_eq!(backoff.is_valid(), is_valid, "{row}");
                let recipe = Recipe::new("restarting", &Log::default(), &check);
                let spec = recipe.restarting(Restart::Always).backoff(backoff);
                match system.spawn(spec) {
                    Ok(actor) => {
                        assert!(is_valid, "{row} is spawned");
                        actor.kill().await.unwrap();
                    }
                    Err(SpawnError::BadBackoff(spec)) => {
                        assert!(!is_valid, "{row} is refused");
                        assert_eq!(spec.into_inner().into_inner().name, "restarting");
                    }
                    Err(error) => panic!("{row}: {error:?}"),
                }
            }
        }
        system.stop().await.unwrap();
    });
}
