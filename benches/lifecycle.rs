//! What it costs to start, stop and join actors, compared with tasks and channels written by hand.

#![allow(missing_docs, reason = "a bench has no readers of its items")]

mod harness;
mod kits;
mod runtime;
mod work;

use harness::{Ours, header};
use runtime::On;

fn main() {
    header();
    for on in &On::both() {
        work::lifecycle::table::<Ours>(on);
    }
}
