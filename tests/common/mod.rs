//! The runtimes of all tests, and the leak check that ends them.
//!
//! A test takes its runtime from here: [`paused`] or [`multi_thread`], which end with the leak check; or, if it is
//! about the runtime itself (which it drops, has two of, or blocks), [`paused_runtime`], [`current_thread`] or
//! [`workers`]. Only `tests/blocking.rs` builds one, which has a single thread for blocking jobs.

#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(unreachable_pub, reason = "each test binary is a crate of its own")]

pub mod lines;
pub mod node;
pub mod restarting;
#[cfg(feature = "simulation")]
pub mod seeds;
pub mod worker;

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicIsize, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use tenure::testing::LeakCheck;
use tenure::{NodeRef, Phase, RunError};
use tokio::runtime::{Builder, Runtime};

/// For how long tokio's count of tasks may lag behind a join on a runtime of several threads. On one thread it does
/// not.
const PATIENCE: Duration = Duration::from_secs(5);

/// The future of a scope that somebody holds, and may or may not poll.
pub type Kept = Pin<Box<dyn Future<Output = Result<(), RunError>> + Send>>;

/// Polls a future once, with a waker that wakes nobody.
pub fn poll_unwoken<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// Runs a test on a runtime of one thread whose clock is paused, and then the leak check. If the environment asks for
/// it, the test is run in many orders of events instead: see `seeds.rs`.
pub fn paused<F: Future<Output = ()>>(test: impl Fn(Check) -> F) {
    #[cfg(feature = "simulation")]
    if seeds::are_asked_for() {
        return seeds::run(test);
    }
    in_order(test);
}

/// As [`paused`], for a test that is about tokio's own order of polls, or about something that a simulation does not
/// have.
pub fn in_order<F: Future<Output = ()>>(test: impl FnOnce(Check) -> F) {
    run(&paused_runtime(), Duration::ZERO, test);
}

/// Runs a test on a runtime of several threads, in real time, and then the leak check.
pub fn multi_thread<F: Future<Output = ()>>(test: impl FnOnce(Check) -> F) {
    run(&workers(2), PATIENCE, test);
}

/// A runtime of one thread, whose clock is paused.
pub fn paused_runtime() -> Runtime {
    Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap()
}

/// A runtime of one thread, in real time.
pub fn current_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// A runtime of so many workers, in real time.
pub fn workers(number: usize) -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(number)
        .enable_all()
        .build()
        .unwrap()
}

fn run<F: Future<Output = ()>>(
    runtime: &Runtime,
    patience: Duration,
    test: impl FnOnce(Check) -> F,
) {
    let leaks = LeakCheck::on(runtime.handle()).patience(patience);
    let check = Check::default();
    // Boxed, so that tokio's loop is compiled once and not for each test.
    let test: Pin<Box<dyn Future<Output = ()> + '_>> = Box::pin(test(check.clone()));
    runtime.block_on(test);
    check.assert_clean();
    runtime.block_on(leaks.finish()).unwrap();
}

/// Waits until all others have done what they can do without time passing.
pub async fn settled() {
    #[cfg(feature = "simulation")]
    if let Some(sim) = seeds::sim() {
        return sim.until_idle().await;
    }
    // On a runtime of one thread, each yield gives everybody else a turn.
    for _ in 0..30 {
        tokio::task::yield_now().await;
    }
}

/// Whether the test is run in many orders of events, and should do less in each.
pub fn is_simulated() -> bool {
    #[cfg(feature = "simulation")]
    return seeds::are_asked_for();
    #[cfg(not(feature = "simulation"))]
    false
}

/// How long this thread has run, without the time in which other processes had the processor. Where the system does not
/// say, the time that has passed.
pub fn time_at_work() -> Duration {
    static BEGIN: LazyLock<Instant> = LazyLock::new(Instant::now);
    let begin = *BEGIN;
    // The system only counts up to when it last looked at the thread. A yield makes it look now.
    std::thread::yield_now();
    // On Linux: the nanoseconds for which the thread has run and waited, and how often it was run.
    let told = std::fs::read_to_string("/proc/thread-self/schedstat");
    let ran = told
        .ok()
        .and_then(|told| told.split(' ').next()?.parse().ok());
    ran.map_or_else(|| begin.elapsed(), Duration::from_nanos)
}

/// Counts the values that a test puts into actors, tasks and messages. At the end of the test they must be gone, and
/// the names of the noted nodes must be free.
#[derive(Clone, Default)]
pub struct Check {
    alive: Arc<AtomicIsize>,
    nodes: Arc<Mutex<Vec<NodeRef>>>,
}

impl Check {
    /// A value to be put into a state, a task's future or a message.
    pub fn guard(&self) -> Guard {
        self.alive.fetch_add(1, Ordering::SeqCst);
        Guard(Arc::clone(&self.alive))
    }

    /// How many of the values are alive.
    pub fn alive(&self) -> isize {
        self.alive.load(Ordering::SeqCst)
    }

    /// Notes a node, which must be gone with its name free when the test ends.
    pub fn node(&self, node: NodeRef) {
        self.nodes.lock().unwrap().push(node);
    }

    pub fn assert_clean(&self) {
        assert_eq!(self.alive(), 0, "guards alive after the test");
        for node in self.nodes.lock().unwrap().iter() {
            assert_eq!(node.phase(), Phase::Stopped, "{node:?} is alive");
            if let (Some(owner), Some(name)) = (node.owner(), node.name()) {
                let children = owner.children();
                let taken = children
                    .iter()
                    .any(|other| other.name().as_ref() == Some(&name));
                assert!(!taken, "the name {name} is not free");
            }
        }
    }
}

pub struct Guard(Arc<AtomicIsize>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A list of what happened, in order.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub fn push(&self, entry: impl Into<String>) {
        self.0.lock().unwrap().push(entry.into());
    }

    pub fn entries(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

/// A counter.
#[derive(Clone, Default)]
pub struct Count(Arc<AtomicUsize>);

impl Count {
    pub fn add(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    pub fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}
