//! Random trees do random things, and a model checks the rules of the lifecycle after each step.
//!
//! A script (`script.rs`) is made by chance (`chance.rs`) and run (`run.rs`, `perform.rs`) by actors, tasks, jobs and
//! scopes that note what happens to them (`actor.rs`, `world.rs`). Rules about a moment are in `notes.rs`, `ends.rs`,
//! `asking.rs` and `waits.rs`; rules about the end are in `rules.rs`. Each script is run in an order of events of its
//! own (`tenure::testing`), and some scripts on several threads.
//!
//! CI runs a few thousand scripts. `TENURE_SCRIPTS=100000` runs that many, `TENURE_STEPS=40` makes them longer, and
//! `TENURE_SCRIPT=17` runs only that one. A script that fails is shortened, and printed as Rust that can be added to
//! `known.rs`.

#![allow(unreachable_pub, reason = "a test is a crate of its own")]

mod actor;
mod asking;
mod chance;
mod ends;
mod known;
mod mail;
mod memory;
mod notes;
mod perform;
mod questions;
mod rules;
mod run;
mod script;
mod simulated;
mod starts;
mod waits;
mod world;

use std::cell::Cell;
use std::env;

use proptest::test_runner::{TestCaseError, TestError};
use script::Script;
use tokio::runtime::Builder;

/// How many scripts CI runs in orders of events, and how many on several threads.
const SCRIPTS: u64 = 2_000;
const ON_THREADS: u64 = 200;

/// How many steps a script has at the top, at most.
const STEPS: usize = 14;

/// Making scripts nests deep in an unoptimised build.
const STACK: usize = 64 << 20;

#[test]
fn random_trees_keep_the_rules_in_any_order() {
    on_a_large_stack(|| run_scripts(SCRIPTS, simulated::run));
}

#[test]
fn random_trees_keep_the_rules_on_several_threads() {
    let runtime = Builder::new_multi_thread()
        .worker_threads(3)
        .enable_all()
        .build()
        .unwrap();
    on_a_large_stack(move || run_scripts(ON_THREADS, |script| run::threaded(&runtime, script)));
}

fn on_a_large_stack(test: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new()
        .stack_size(STACK)
        .spawn(test)
        .unwrap();
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

fn run_scripts(scripts: u64, run: impl Fn(&Script) -> Result<(), String>) {
    let number = |name: &str| {
        env::var(name)
            .ok()
            .map(|text| text.parse().expect("a number"))
    };
    let all = match (number("TENURE_SCRIPT"), number("TENURE_SCRIPTS")) {
        (Some(one), _) => one..one + 1,
        (None, many) => 0..many.unwrap_or(scripts),
    };
    let steps = number("TENURE_STEPS").map_or(STEPS, |steps| steps as usize);
    let strategy = chance::script(steps);
    let done = Cell::new(0);
    for number in all.clone() {
        let mut runner = chance::runner(number);
        let ran = runner.run(&strategy, |script| {
            done.set(done.get() + script.steps.len());
            run(&script).map_err(TestCaseError::fail)
        });
        match ran {
            Ok(()) => {}
            Err(TestError::Fail(why, script)) => {
                panic!("TENURE_SCRIPT={number} fails, and so does\n{script:?}\n{why}")
            }
            Err(TestError::Abort(why)) => panic!("script {number}: {why}"),
        }
        if number % 1_000 == 999 {
            println!("{} scripts, {} steps", number + 1, done.get());
        }
    }
    println!("{} scripts, {} steps", all.end - all.start, done.get());
}
