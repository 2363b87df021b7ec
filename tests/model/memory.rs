//! Memory follows what is alive: what a script has allocated has come back when it has ended, whatever has happened in it.
//!
//! Counted of the thread that runs all of it, in an order of events.

use allocation_counter::measure;

use crate::script::Script;
use crate::{on_a_large_stack, run_scripts, simulated};

/// How many scripts CI looks at.
const SCRIPTS: u64 = 500;

#[test]
fn what_a_script_has_allocated_comes_back() {
    on_a_large_stack(|| run_scripts(SCRIPTS, keeps_nothing));
}

fn keeps_nothing(script: &Script) -> Result<(), String> {
    // What a thread or the process makes once is made in the first run.
    simulated::run(script)?;
    let mut again = Ok(());
    let taken = measure(|| again = simulated::run(script));
    again?;
    match taken.bytes_current {
        0 => Ok(()),
        kept => Err(format!("{kept} bytes have not come back")),
    }
}
