//! Ready-made actors for [`tenure`], built on its public API alone.
//!
//! Each has a folder of its own, with the same files in it: `mod.rs` says what it is for and shows
//! it at work, `actor.rs` is the actor.
//!
//! | actor | what it does |
//! |---|---|
//! | [`pool::Pool`] | spreads messages over workers that it owns |

#![forbid(unsafe_code)]
// A panic in the library would cross into somebody else's actor; a test that cannot go on fails.
#![warn(clippy::unwrap_used)]

pub mod pool;
