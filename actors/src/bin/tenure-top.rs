//! What is alive in a program with a dashboard, in a terminal: see [`tenure_actors::top`].

use std::process::ExitCode;

fn main() -> ExitCode {
    tenure_actors::top::main()
}
