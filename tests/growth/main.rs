//! Memory follows what is alive: whatever is done again and again in one actor, handler or system leaves
//! nothing behind.
//!
//! Counted of the thread that runs all: the most that is allocated at a time, from before the first round on.

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

/// What is cheap is done so often.
const ROUNDS: usize = 50_000;
/// What takes a spawn and a stop each time, in a debug build.
const FEWER: usize = 10_000;
/// What makes a tree each time.
const FEW: usize = 2_000;

/// Of all that a test has: less than two bytes a round, of [`ROUNDS`].
const BAR: u64 = 96 * 1_024;

/// Runs a test, which must not have taken more than this at any time.
fn within(bytes: u64, runtime: &Runtime, test: impl Future<Output = ()>) {
    // What a thread makes once.
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
