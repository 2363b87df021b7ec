//! `#[tenure::test]`, as users write it.

#![allow(missing_docs, reason = "tests have no readers of their items")]

extern crate tenure as renamed;

use std::future::pending;
use std::time::Duration;

use tenure::prelude::*;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::time::{Instant, sleep};

#[tenure::test]
async fn a_test_of_nothing_passes() {
    assert_eq!(
        Handle::current().runtime_flavor(),
        RuntimeFlavor::CurrentThread
    );
}

#[tenure::test]
async fn a_test_may_give_a_result() -> Result<(), RunError> {
    tenure::scope(async |scope| Ok(scope.task(async {})?.await?)).await
}

#[tenure::test]
#[should_panic(expected = "no change")]
async fn a_panic_of_the_body_fails_the_test() {
    std::mem::forget(System::start());
    panic!("no change");
}

#[tenure::test(paused)]
async fn a_paused_clock_moves_by_itself() {
    let begin = Instant::now();
    sleep(Duration::from_secs(3_600)).await;
    assert_eq!(begin.elapsed(), Duration::from_secs(3_600));
}

#[tenure::test(flavor = "current_thread", start_paused = true)]
async fn the_options_of_tokio_are_the_same() {
    sleep(Duration::from_secs(3_600)).await;
}

#[tenure::test(flavor = "multi_thread", worker_threads = 3)]
async fn there_are_as_many_workers_as_asked_for() {
    assert_eq!(Handle::current().metrics().num_workers(), 3);
}

#[tenure::test(paused)]
#[should_panic(expected = "1 node is alive that began in here\n  left:/ ")]
async fn a_leak_fails_the_test() {
    std::mem::forget(System::builder().name("left").start());
}

#[tenure::test(paused)]
#[should_panic(expected = "1 task alive outside of the tree")]
#[expect(clippy::disallowed_methods, reason = "what is to be found")]
async fn a_raw_task_fails_the_test() {
    drop(tokio::spawn(pending::<()>()));
}

#[tenure::test(allow(path = "left:/", outside = 1), patience = "0s")]
#[expect(clippy::disallowed_methods, reason = "what is allowed")]
async fn what_is_allowed_does_not_fail_the_test() {
    std::mem::forget(System::builder().name("left").start());
    drop(tokio::spawn(pending::<()>()));
}

#[tenure::test(patience = "0s", allow(type = "System"), allow(site = "nowhere.rs"))]
async fn one_may_allow_more_than_once() {
    std::mem::forget(System::start());
}

#[tenure::test(paused, timeout = "5s")]
#[should_panic(expected = "the test is not over after 5s; alive are:\n  / ")]
async fn a_test_that_takes_too_long_shows_the_tree() {
    let _system = System::start().unwrap();
    pending::<()>().await;
}

#[tenure::test(flavor = "multi_thread", worker_threads = 2, timeout = "50ms")]
#[should_panic(expected = "the test is not over after 50ms")]
async fn a_worker_that_is_stuck_does_not_keep_a_test_from_its_end() {
    let system = System::start().unwrap();
    let stuck = system.task(async {
        loop {
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    drop(stuck.unwrap().await);
}

/// A crate that has tenure under another name says so in the attribute.
#[tenure::test(crate = "renamed")]
async fn tenure_may_have_another_name() {}

#[tenure::test(paused, crate = "crate::inner::elsewhere")]
async fn and_be_anywhere() {}

mod inner {
    pub(crate) mod elsewhere {
        pub(crate) use tenure::testing;
    }
}
