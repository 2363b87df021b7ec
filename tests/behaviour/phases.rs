//! Which phase a node shows at which time.

use crate::common;

use std::time::Duration;

use common::restarting::{Msg, Recipe};
use common::{Log, paused};
use tenure::prelude::*;
use tenure::{Phase, System};
use tokio::time::sleep;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn one_that_is_restarted_shows_when_it_waits_for_that_and_when_it_starts() {
    paused(async |check| {
        let system = System::start().unwrap();
        let mut recipe = Recipe::new("again", &Log::default(), &check);
        recipe.start_delay = SECOND;
        let spec = recipe
            .restarting(Restart::OnFailure)
            .backoff(Backoff::fixed(SECOND));
        let actor = system.spawn(spec).unwrap();
        actor.tell(Msg::Fail).await.unwrap();
        let mut phases = Vec::new();
        sleep(SECOND / 2).await;
        for _ in 0..4 {
            phases.push(actor.node().phase());
            sleep(SECOND).await;
        }
        let (starts, waits) = (Phase::Starting, Phase::Restarting);
        assert_eq!(phases, [starts, waits, starts, Phase::Running]);
        system.stop().await.unwrap();
    });
}
