//! The cost of deep chains on small stacks, of wide trees, and of many waits.

mod chains;
#[path = "../common/mod.rs"]
mod common;
mod scopes;
mod slow_stops;
mod wide_trees;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tenure::prelude::*;

/// How long a slow end lasts: long enough that waits for it are checked several times.
const LASTS: Duration = Duration::from_secs(20);

/// These tests measure time and memory, so they run one at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Compares the time of one large run with that of as many small runs as add up to the same size. If the time is
/// linear, the two are about equal.
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

/// Has nothing to do. It is told to end once all tasks beside it have ended.
struct Idle;

impl Actor for Idle {
    type Msg = ();

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        Ok(())
    }
}
