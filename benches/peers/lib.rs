//! tenure, hand-written tokio, and kameo, ractor, xtra and actix at the same work, in turn.
//!
//! ```sh
//! cargo bench --manifest-path benches/peers/Cargo.toml
//! cargo bench --manifest-path benches/peers/Cargo.toml -- --rounds=3 ask    # rows with these words
//! ```
//!
//! Each kit is written as its crate's documentation advises, and the fastest of what that allows. A
//! kit that does not offer something has a dash there. What a row cannot make equal stands at the
//! top of the kit's file.

#![allow(
    clippy::disallowed_methods,
    reason = "the peers use tokio as they please"
)]

#[path = "../harness/mod.rs"]
mod harness;
#[path = "../kits/mod.rs"]
mod kits;
#[path = "../runtime/mod.rs"]
mod runtime;
mod theirs {
    pub(crate) mod actix;
    pub(crate) mod kameo;
    pub(crate) mod ractor;
    pub(crate) mod xtra;
}
#[path = "../work/mod.rs"]
mod work;

use harness::{Side, Sides, Work, header};
use runtime::On;

struct All;

impl Sides for All {
    fn of<W: Work>() -> Vec<Side<W>> {
        vec![
            Side::of::<kits::tenure::Tenure>(),
            Side::of::<kits::by_hand::ByHand>(),
            Side::of::<theirs::kameo::Kameo>(),
            Side::of::<theirs::ractor::Ractor>(),
            Side::of::<theirs::xtra::Xtra>(),
            Side::of::<theirs::actix::Actix>(),
        ]
    }
}

/// Runs the whole table, or the rows that the command line chooses.
pub fn run() {
    if work::memory::is_apart::<All>() {
        return;
    }
    header();
    for on in &On::both() {
        work::messages::table::<All>(on);
        work::lifecycle::table::<All>(on);
        work::latency::table::<All>(on);
    }
    work::memory::table::<All>(&[100_000]);
}
