//! What a message costs, told and asked, compared with a task and a channel written by hand.

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
        work::messages::table::<Ours>(on);
    }
}
