//! Chaos on several threads, for as long as one likes: `cargo run --release -p tenure --example soak -- 600`.
//!
//! It runs scripts of the model (`main.rs`), many at a time, and checks their rules. After each round it checks that no
//! task is alive, that all memory has been returned, and that no ask waits. Each second it prints what is alive. At the
//! first breach it prints the script, and exits with 1. A second argument is the number of the first script.

#![allow(unreachable_pub, reason = "an example is a crate of its own")]
#![allow(dead_code, reason = "it uses a part of the model's files")]

mod actor;
mod asking;
mod chance;
mod ends;
mod mail;
mod notes;
mod perform;
mod questions;
mod rules;
mod run;
mod script;
mod starts;
mod waits;
mod world;

use std::env;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::thread;
use std::time::{Duration, Instant};

use proptest::strategy::{Strategy, ValueTree};
use script::Script;
use tokio::runtime::{Builder, Runtime};
use world::World;

/// How many scripts are run at a time, and how many each of those runs in a round.
const AT_A_TIME: u64 = 12;
const IN_A_ROUND: u64 = 20;

/// How many steps a script has, at most.
const STEPS: usize = 30;

/// A round that takes longer than this hangs.
const LONGEST: Duration = Duration::from_secs(90);

/// By how many bytes the resident memory may grow after the first rounds.
const GROWTH: u64 = 48 << 20;

/// After this many rounds the allocator has all the memory that it needs.
const WARM: u64 = 20;

/// Making scripts nests deep.
const STACK: usize = 64 << 20;

/// What was done so far.
#[derive(Default)]
struct Progress {
    scripts: AtomicU64,
    steps: AtomicU64,
    rounds: AtomicU64,
    worlds: Mutex<Vec<Weak<World>>>,
}

fn main() -> ExitCode {
    let number = |at: usize| {
        env::args()
            .nth(at)
            .map(|text| text.parse().expect("a number"))
    };
    let seconds: u64 = number(1).unwrap_or(10);
    let first: u64 = number(2).unwrap_or_else(by_clock);
    println!("{seconds} s, from script {first} on");
    let runtime = Builder::new_multi_thread()
        .worker_threads(3)
        .enable_all()
        .build();
    let runtime = Arc::new(runtime.expect("a runtime can be built"));
    let progress = Arc::new(Progress::default());
    watch(&runtime, &progress, first);
    let begin = Instant::now();
    let mut next = first;
    let mut warm = 0;
    while begin.elapsed() < Duration::from_secs(seconds) {
        if let Err(why) = round(&runtime, &progress, next) {
            eprintln!("{why}");
            return ExitCode::FAILURE;
        }
        next += AT_A_TIME * IN_A_ROUND;
        let rounds = progress.rounds.fetch_add(1, Ordering::Relaxed) + 1;
        let now = resident();
        if rounds <= WARM {
            warm = warm.max(now);
        } else if now > warm + GROWTH {
            eprintln!(
                "memory does not come back: {now} bytes, and {warm} after the first rounds; from script {first} on"
            );
            return ExitCode::FAILURE;
        }
    }
    println!("{}", progress.line(&runtime, begin));
    ExitCode::SUCCESS
}

/// Runs scripts on several threads, all on one runtime.
fn round(runtime: &Arc<Runtime>, progress: &Arc<Progress>, first: u64) -> Result<(), String> {
    let workers = (0..AT_A_TIME).map(|worker| {
        let (runtime, progress) = (Arc::clone(runtime), Arc::clone(progress));
        let from = first + worker * IN_A_ROUND;
        let work = move || {
            let strategy = chance::script(STEPS);
            for number in from..from + IN_A_ROUND {
                let mut runner = chance::runner(number);
                let made = strategy
                    .new_tree(&mut runner)
                    .expect("scripts are made")
                    .current();
                one(&runtime, &progress, &made)
                    .map_err(|why| format!("script {number} fails:\n{made:?}\n{why}"))?;
            }
            Ok::<_, String>(())
        };
        thread::Builder::new()
            .stack_size(STACK)
            .spawn(work)
            .expect("a thread can be started")
    });
    let workers: Vec<_> = workers.collect();
    for worker in workers {
        worker
            .join()
            .map_err(|_| String::from("a driver panicked"))??;
    }
    let patience = Instant::now() + Duration::from_secs(5);
    while runtime.metrics().num_alive_tasks() != 0 {
        if Instant::now() > patience {
            let alive = runtime.metrics().num_alive_tasks();
            return Err(format!(
                "{alive} tasks are alive after the round from script {first} on"
            ));
        }
        thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

fn one(runtime: &Runtime, progress: &Progress, script: &Script) -> Result<(), String> {
    let world = World::new(false, false);
    progress
        .worlds
        .lock()
        .expect("nobody panics with it")
        .push(Arc::downgrade(&world));
    run::in_world(runtime, &world, script)?;
    progress.scripts.fetch_add(1, Ordering::Relaxed);
    progress
        .steps
        .fetch_add(script.steps.len() as u64, Ordering::Relaxed);
    Ok(())
}

/// Prints each second what is alive, and ends a round that hangs.
fn watch(runtime: &Arc<Runtime>, progress: &Arc<Progress>, first: u64) {
    let (runtime, progress) = (Arc::clone(runtime), Arc::clone(progress));
    let begin = Instant::now();
    let look = move || {
        let (mut rounds, mut since) = (0, Instant::now());
        loop {
            thread::sleep(Duration::from_secs(1));
            println!("{}", progress.line(&runtime, begin));
            let now = progress.rounds.load(Ordering::Relaxed);
            if now != std::mem::replace(&mut rounds, now) {
                since = Instant::now();
            }
            if since.elapsed() > LONGEST {
                eprintln!("round {now} hangs; from script {first} on");
                std::process::exit(1);
            }
        }
    };
    // The thread ends with the process.
    drop(
        thread::Builder::new()
            .spawn(look)
            .expect("a thread can be started"),
    );
}

impl Progress {
    fn line(&self, runtime: &Runtime, begin: Instant) -> String {
        let counts = {
            let mut worlds = self.worlds.lock().expect("nobody panics with it");
            worlds.retain(|world| world.strong_count() > 0);
            let counts = worlds
                .iter()
                .filter_map(Weak::upgrade)
                .map(|world| counts(&world));
            counts.fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1))
        };
        format!(
            "{:>4} s: {:>5} nodes and {:>5} tasks alive, {:>4} MiB resident, {:>4} asks open, {} rounds, {} scripts, {} steps",
            begin.elapsed().as_secs(),
            counts.0,
            runtime.metrics().num_alive_tasks(),
            resident() >> 20,
            counts.1,
            self.rounds.load(Ordering::Relaxed),
            self.scripts.load(Ordering::Relaxed),
            self.steps.load(Ordering::Relaxed),
        )
    }
}

/// How many nodes are alive, and how many asks wait for their replies.
fn counts(world: &World) -> (usize, usize) {
    let state = world.lock();
    let alive = state.nodes.iter().filter(|node| node.pieces > 0).count();
    (alive, state.waits.replies().count())
}

/// The bytes of memory that the process has; 0 if that cannot be read.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm
        .split_whitespace()
        .nth(1)
        .and_then(|text| text.parse::<u64>().ok());
    pages.unwrap_or(0) * 4_096
}

fn by_clock() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    // Below 1,000,000,000, which the numbers of the tests' scripts do not reach.
    now.map_or(0, |time| time.as_secs() % 1_000_000 * 1_000)
}
