//! What deep chains cost on small stacks, and wide trees; and what grows with the number of those that wait.

mod chains;
#[path = "../common/mod.rs"]
mod common;
mod scopes;
mod slow_stops;
mod wide_trees;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tenure::prelude::*;

/// How long what lasts does so: long enough that whoever waits looks for what holds that up, some times.
const LASTS: Duration = Duration::from_secs(20);

/// These tests measure time and memory: one at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The times of this in one size, and in one that is so many times smaller, as often. If they are linear they are alike.
fn compare(small: usize, times: usize, mut run: impl FnMut(usize) -> Duration) {
    let (mut small_ones, mut large) = (Duration::MAX, Duration::MAX);
    for _ in 0..3 {
        small_ones = small_ones.min((0..times).map(|_| run(small)).sum());
        large = large.min(run(small * times));
    }
    assert!(
        large < small_ones * 3,
        "{times} times {small}: {small_ones:?}, {times} times as many at once: {large:?}"
    );
}

/// Has nothing to do, and is told to end once all tasks beside it have ended.
struct Idle;

impl Actor for Idle {
    type Msg = ();

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        Ok(())
    }
}
