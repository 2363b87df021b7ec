//! Memory follows what is alive: whatever is repeated in one actor, handler or system leaves nothing behind.
//!
//! Counted is the most memory that the thread that runs everything has at any time, beyond what it has before the first
//! round.

#[path = "../common/mod.rs"]
mod common;

mod ends;
mod failures;
mod harness;
mod mail;
mod sources;
mod waits;

use std::future::Future;

use allocation_counter::measure;
use common::paused_runtime;
use tenure::prelude::*;
use tokio::runtime::Runtime;

use harness::Does;

/// The number of rounds of what is cheap.
const ROUNDS: usize = 50_000;
/// The number of rounds of what spawns and stops something.
const FEWER: usize = 10_000;
/// The number of rounds of what makes a tree.
const FEW: usize = 2_000;

/// A bound for a whole test: less than two bytes for each of [`ROUNDS`].
const BAR: u64 = 96 * 1_024;

/// Runs a test, which must never have more than this many bytes.
fn within(bytes: u64, runtime: &Runtime, test: impl Future<Output = ()>) {
    // What a thread allocates only once.
    runtime.block_on(async {
        let system = System::start().unwrap();
        system.spawn(Does).unwrap().stop().await.unwrap();
        system.stop().await.unwrap();
    });
    let taken = measure(|| runtime.block_on(test));
    assert!(
        taken.bytes_max <= bytes,
        "{} bytes at a time, and at most {bytes} are meant to be",
        taken.bytes_max
    );
}

fn flat(test: impl Future<Output = ()>) {
    within(BAR, &paused_runtime(), test);
}
