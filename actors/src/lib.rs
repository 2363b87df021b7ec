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
//! | `http::Server` (feature `http`) | serves HTTP: its connections and requests are nodes |

#![forbid(unsafe_code)]
// A panic in the library would cross into somebody else's actor; a test that cannot go on fails.
#![warn(clippy::unwrap_used)]

#[cfg(feature = "http")]
pub mod http;
pub mod pool;

/// What a panic said, if that is a text.
fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("something that is no text").to_owned()
}
