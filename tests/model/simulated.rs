//! Runs a script in an order of events.

use std::cell::RefCell;
use std::time::Duration;

use tenure::testing::{Faults, Seeds, Simulation};

use crate::run::drive;
use crate::script::Script;
use crate::world::World;

/// Runs a script in the order of events that it names.
pub fn run(script: &Script) -> Result<(), String> {
    let faults = match script.faults {
        true => Faults::none()
            .delays(0.02, Duration::from_millis(700))
            .full_mailboxes(0.3),
        false => Faults::none(),
    };
    let simulation = Simulation::new(Seeds::only(script.order))
        .faults(faults)
        .shortened_by(0);
    let verdict = RefCell::new(Ok(()));
    let run = simulation.try_run(async |_| {
        let world = World::new(true, !script.faults);
        drive(&world, script).await;
        *verdict.borrow_mut() = world.verdict();
        world.clear();
    });
    verdict.into_inner()?;
    run.map(drop).map_err(|error| error.to_string())
}
