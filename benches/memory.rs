//! How much memory an idle actor keeps, compared with a task and a channel written by hand.

#![allow(missing_docs, reason = "a bench has no readers of its items")]

mod harness;
mod kits;
mod runtime;
mod work;

use harness::Ours;

fn main() {
    if !work::memory::is_apart::<Ours>() {
        work::memory::table::<Ours>(&[100_000, 1_000_000]);
    }
}
