//! Ready-made actors for [`tenure`], built on its public API alone.
//!
//! Each has a folder of its own, with the same files in it: `mod.rs` says what it is for and shows
//! it at work, `actor.rs` is the actor.
//!
//! | actor | what it does |
//! |---|---|
//! | [`pool::Pool`] | spreads messages over workers that it owns |

#![forbid(unsafe_code)]

pub mod pool;
