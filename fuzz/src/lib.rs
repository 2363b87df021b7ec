//! The promises about any bytes: one module for each thing that takes text or bytes from outside.
//!
//! Each module has a function `holds`, which panics if a promise is broken. `.ci/fuzz` looks for such bytes. What was
//! found, and what is worth trying each time, is in `corpus`, and `cargo test` goes through it.

#![forbid(unsafe_code)]

pub mod cron;
pub mod dashboard;
pub mod http;
pub mod names;
mod pipes;
pub mod snapshot;
pub mod websocket;

use tokio::runtime::{Builder, Runtime};

/// The `main` of a target: for the fuzzer, or for files that are given as arguments.
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

/// A runtime of one thread, whose clock advances when nobody has anything to do.
fn runtime() -> Runtime {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    runtime.expect("a runtime without a driver of sockets needs nothing of the system")
}
