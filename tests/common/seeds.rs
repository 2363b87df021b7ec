//! Tests in many orders of events: with `TENURE_SEEDS=100` each test that takes its runtime from `paused` is run in 100
//! orders, and with `TENURE_SEED=17` in that one. A test checks what the rules promise in each order: it first waits
//! for what has to come, or until all others have done what they can (`settled`). The few tests that are about tokio's
//! own order, or about something that a simulation does not have, take their runtime from `in_order`, and say why.

use std::cell::Cell;
use std::env;
use std::future::Future;
use std::time::Duration;

use tenure::testing::{Seeds, Sim, Simulation};

use super::Check;

/// How many orders are run if the environment does not say: more than one, since with one the environment would be
/// ignored.
const SOME: u64 = 10;

thread_local! {
    static SIM: Cell<Option<Sim>> = const { Cell::new(None) };
}

/// Tests that do too much, or wait in real time, to be run many times.
const LARGE: &[&str] = &[
    "a_million_letters_that_nobody_looks_at_stop_quickly",
    "a_restart_keeps_the_mailbox_and_loses_only_what_is_left_at_the_end",
    "an_actor_that_is_restarted_is_still_the_one_that_was_found",
    "ask_to_a_node_with_many_waits_costs_no_more",
    "endless_tells_yield",
    "long_ring_is_walked_without_recursion",
    "many_open_asks_of_one_handler_take_linear_time",
    "many_that_fail_at_once_take_linear_time",
    "name_is_free_at_once",
    "others_run_while_many_are_told",
    "some_ends_and_all_failures_are_kept_for_a_busy_owner",
    "times_of_timers",
];

pub fn are_asked_for() -> bool {
    let is_asked = env::var_os("TENURE_SEEDS").is_some() || env::var_os("TENURE_SEED").is_some();
    let thread = std::thread::current();
    // The test harness names a test's thread after the test.
    let test = thread.name().and_then(|path| path.rsplit("::").next());
    let is_left_out = test.is_some_and(|test| LARGE.contains(&test));
    is_asked && !is_left_out
}

pub fn run<F: Future<Output = ()>>(test: impl Fn(Check) -> F) {
    Simulation::new(Seeds::first(SOME))
        .most_polls(2_000_000)
        .most_time(Duration::MAX)
        .run(async |sim| {
            SIM.set(Some(sim));
            let check = Check::default();
            test(check.clone()).await;
            check.assert_clean();
        });
    SIM.set(None);
}

/// The simulation in which the code here runs, if it runs in one.
pub fn sim() -> Option<Sim> {
    SIM.get()
}
