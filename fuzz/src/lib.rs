//! What is held against any bytes: one module for each thing that takes text or bytes from outside.
//!
//! Each has a function `holds` that panics if something is not as it is promised. `.ci/fuzz` looks for bytes at which one does;
//! what was found, and what is worth trying each time, stands in `corpus`, and `cargo test` goes through it.

#![forbid(unsafe_code)]

pub mod cron;
pub mod http;
pub mod names;
pub mod snapshot;

use tokio::runtime::{Builder, Runtime};

/// The `main` of a target: for the fuzzer, or for the files that it is given as arguments.
#[macro_export]
macro_rules! target {
    ($holds:path) => {
        #[cfg(fuzzing)]
        ::libfuzzer_sys::fuzz_target!(|bytes: &[u8]| $holds(bytes));

        #[cfg(not(fuzzing))]
        fn main() -> std::io::Result<()> {
            for file in std::env::args_os().skip(1) {
                $holds(&std::fs::read(&file)?);
                println!("{} holds", file.display());
            }
            Ok(())
        }
    };
}

/// One thread, and a clock that goes on by itself once nobody has anything to do.
fn runtime() -> Runtime {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    runtime.expect("a runtime without a driver of sockets needs nothing of the system")
}
