//! Ready-made actors for [`tenure`], built on its public API alone.
//!
//! Each has a folder of its own, with the same files in it: `mod.rs` says what it is for and shows
//! it at work, `options.rs` is what it is started from, `actor.rs` is the actor, and `error.rs` what may go wrong, where
//! there is any of it. What it is started from is its recipe ([`Start`](tenure::Start)), whose `spec` gives the
//! [`ChildSpec`](tenure::ChildSpec).
//!
//! | actor | what it does |
//! |---|---|
//! | [`pool::Pool`] | spreads messages over workers that it owns |
//! | [`pubsub::Topic`] | sends what is published to all who have subscribed |
//! | [`groups::Groups`] | named sets of actors: tell all of one, or one of it |
//! | [`batcher::Batcher`] | gathers items into batches, by number, size and time |
//! | [`limiter::Limiter`] | hands messages on at a rate |
//! | [`debounce::Debounce`], [`throttle::Throttle`] | hand on the last of several values |
//! | [`cache::Cache`] | loads each key once, however many ask for it |
//! | [`scheduler::Scheduler`] | runs jobs at certain times; by cron expressions with the feature `cron` |
//! | `process::Process` | has a child process; with the feature `process`, on Unix |
//! | `http::Server` (feature `http`) | serves HTTP: its connections and requests are nodes |
//! | `dashboard::Dashboard` (feature `dashboard`) | shows on a page what is alive, and why it does not end |
//!
//! And around an ask:
//!
//! | | what it does |
//! |---|---|
//! | [`retry::Retry`] | asks again what was never started, or what can be done twice |
//! | [`breaker::Breaker`] | does not ask for a while what has failed too often |
//! | [`limiter::Bucket`] | limits how often something is done |
//!
//! And what is no actor: `metrics::TreeMetrics` (feature `metrics`), what is alive as metrics; and the program
//! `tenure-top` (feature `top`), which shows in a terminal what a dashboard tells.

#![forbid(unsafe_code)]
// A panic in the library would cross into somebody else's actor; a test that cannot go on fails.
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
mod last;

/// The examples of `README.md`, which are tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// Calls a user's code; a panic of it is given as what it said.
fn caught<T>(code: impl FnOnce() -> T) -> std::result::Result<T, String> {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    catch_unwind(AssertUnwindSafe(code)).map_err(panic_text)
}

/// Polls a user's code, as [`caught`] calls it.
async fn caught_while<F: Future>(code: F) -> std::result::Result<F::Output, String> {
    use std::panic::AssertUnwindSafe;

    use futures_util::FutureExt;

    AssertUnwindSafe(code)
        .catch_unwind()
        .await
        .map_err(panic_text)
}

/// Tells it, and waits for room, but only until the actor is told to stop (a drain is none): then it comes back.
async fn tell_until_stopped<A: tenure::Actor, T: Send + 'static>(
    to: &tenure::Recipient<T>,
    message: T,
    ctx: &tenure::Context<A>,
) -> std::result::Result<Option<T>, tenure::SendError<T>> {
    let mut tell = to.tell(message);
    tokio::select! {
        biased;
        () = ctx.cancelled() => Ok(tell.into_inner()),
        told = &mut tell => told.map(|()| None),
    }
}

/// What a panic said, if that is a text.
fn panic_text(panic: Box<dyn std::any::Any + Send>) -> String {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let text = text.unwrap_or("something that is no text").to_owned();
    // Its drop is the user's code. One that panics in turn leaves another payload, which is leaked.
    if let Err(another) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        std::mem::forget(another);
    }
    text
}
