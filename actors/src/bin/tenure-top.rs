//! Shows in a terminal what is alive in a program with a dashboard: see [`tenure_actors::top`].

use std::process::ExitCode;

fn main() -> ExitCode {
    tenure_actors::top::main()
}
