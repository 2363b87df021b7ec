//! How long one ask takes beside other work, compared with one written by hand.

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
        work::latency::table::<Ours>(on);
    }
}
