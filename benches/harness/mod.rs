//! Runs two ways of doing the same work in turn, and prints the ratio of their times.

#![allow(dead_code, reason = "each bench uses a part of it")]

use std::future::Future;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};

/// How often each side runs; the first round of each is not counted.
const ROUNDS: usize = 11;

/// The two kinds of runtime on which everything is measured.
pub(crate) fn runtimes() -> [(&'static str, Runtime); 2] {
    let multi = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let single = Builder::new_current_thread().enable_all().build();
    [
        ("2 workers", multi.expect("a runtime can be built")),
        ("1 thread", single.expect("a runtime can be built")),
    ]
}

pub(crate) fn header() {
    println!(
        "{:<10} {:<28} {:>12} {:>12} {:>8} {:>15}",
        "runtime", "work", "tenure", "by hand", "ratio", "(min - max)"
    );
}

/// Runs `ours` and `by_hand` in turn. Each gives the time that `operations` of its work took, and
/// has checked by itself that the work was done.
pub(crate) fn compare<A, B>(
    runtime: &(&str, Runtime),
    work: &str,
    operations: u64,
    ours: impl Fn() -> A,
    by_hand: impl Fn() -> B,
) where
    A: Future<Output = Duration> + Send + 'static,
    B: Future<Output = Duration> + Send + 'static,
{
    let (name, runtime) = runtime;
    if !is_wanted(&format!("{name} {work}")) {
        return;
    }
    let mut pairs = Vec::new();
    for round in 0..ROUNDS {
        let ours = on(runtime, ours());
        let by_hand = on(runtime, by_hand());
        if round > 0 {
            pairs.push((ours, by_hand));
        }
    }
    let mut ratios: Vec<f64> = pairs
        .iter()
        .map(|(a, b)| a.as_secs_f64() / b.as_secs_f64())
        .collect();
    ratios.sort_by(f64::total_cmp);
    println!(
        "{name:<10} {work:<28} {:>9.1} ns {:>9.1} ns {:>8.2} {:>6.2} - {:.2}",
        median(pairs.iter().map(|pair| pair.0), operations),
        median(pairs.iter().map(|pair| pair.1), operations),
        ratios[ratios.len() / 2],
        ratios[0],
        ratios[ratios.len() - 1],
    );
}

/// The words after the bench's name choose rows: all of them have to be in a row's name.
fn is_wanted(row: &str) -> bool {
    std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with("--"))
        .all(|word| row.contains(&word))
}

/// Runs in a task, as a program's work does, and not on the thread that blocks.
#[allow(clippy::disallowed_methods, reason = "a bench owns its whole runtime")]
fn on(runtime: &Runtime, work: impl Future<Output = Duration> + Send + 'static) -> Duration {
    let task = runtime.spawn(work);
    runtime.block_on(task).expect("the work does not panic")
}

/// Nanoseconds for each operation.
#[allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn median(times: impl Iterator<Item = Duration>, operations: u64) -> f64 {
    let mut times: Vec<Duration> = times.collect();
    times.sort();
    times[times.len() / 2].as_nanos() as f64 / operations as f64
}

pub(crate) async fn timed(work: impl Future<Output = ()>) -> Duration {
    let start = Instant::now();
    work.await;
    start.elapsed()
}
