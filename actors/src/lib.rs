//! Ready-made actors for [`tenure`], built on its public API alone.
//!
//! Each actor has a folder with the same files: `mod.rs` says what it is for, with an example; `options.rs` has the
//! options that it is started from; `actor.rs` has the actor; `error.rs` has its errors. Options or errors that there
//! are none of have no file. The options are the recipe of the actor ([`Start`](tenure::Start)); their `spec` gives the
//! [`ChildSpec`](tenure::ChildSpec).
//!
//! | actor | what it does |
//! |---|---|
//! | [`pool::Pool`] | spreads messages over workers that it owns |
//! | [`pubsub::Topic`] | sends each published value to all subscribers |
//! | [`groups::Groups`] | named sets of actors: tell all members of a set, or one |
//! | [`batcher::Batcher`] | gathers items into batches, by number, size and time |
//! | [`limiter::Limiter`] | hands messages on at a rate |
//! | [`debounce::Debounce`], [`throttle::Throttle`] | hand on the last of several values |
//! | [`cache::Cache`] | loads each key once, however many callers ask for it |
//! | [`scheduler::Scheduler`] | runs jobs at certain times; by cron expressions with the feature `cron` |
//! | `process::Process` (feature `process`, on Unix) | runs a child process |
//! | `http::Server` (feature `http`) | serves HTTP: its connections and requests are nodes |
//! | `dashboard::Dashboard` (feature `dashboard`) | shows on a page what is alive, and why it does not end |
//!
//! And around an ask:
//!
//! | | what it does |
//! |---|---|
//! | [`retry::Retry`] | repeats an ask that was never started, or that can be done twice |
//! | [`breaker::Breaker`] | pauses asks that have failed too often |
//! | [`limiter::Bucket`] | limits how often something is done |
//!
//! And what is not an actor: `metrics::TreeMetrics` (feature `metrics`), the tree as metrics; and the program
//! `tenure-top` (feature `top`), which shows in a terminal what a dashboard serves.

#![forbid(unsafe_code)]
// A panic in the library would reach actors of the user. In tests `unwrap` is fine.
#![warn(clippy::unwrap_used)]

use std::future::Future;

pub mod batcher;
pub mod breaker;
pub mod cache;
#[cfg(feature = "dashboard")]
pub mod dashboard;
pub mod debounce;
pub mod groups;
#[cfg(feature = "http")]
pub mod http;
pub mod limiter;
#[cfg(feature = "metrics")]
pub mod metrics;
pub mod pool;
#[cfg(all(feature = "process", unix))]
pub mod process;
pub mod pubsub;
pub mod retry;
pub mod scheduler;
pub mod throttle;
#[cfg(feature = "top")]
pub mod top;

mod ends;
mod held;
mod last;

/// The examples of `README.md`, run as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// Calls user code, and turns a panic into its text.
fn caught<T>(code: impl FnOnce() -> T) -> std::result::Result<T, String> {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    catch_unwind(AssertUnwindSafe(code)).map_err(panic_text)
}

/// Awaits user code, and turns a panic into its text.
async fn caught_while<F: Future>(code: F) -> std::result::Result<F::Output, String> {
    use std::panic::AssertUnwindSafe;

    use futures_util::FutureExt;

    AssertUnwindSafe(code)
        .catch_unwind()
        .await
        .map_err(panic_text)
}

/// The text of a panic, if it has one.
fn panic_text(panic: Box<dyn std::any::Any + Send>) -> String {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let text = text.unwrap_or("something that is no text").to_owned();
    // Dropping the payload runs user code. If that panics too, the second payload is leaked.
    if let Err(another) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        std::mem::forget(another);
    }
    text
}
