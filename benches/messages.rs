//! What does a message cost, told and asked, beside a task with a channel written by hand?

#![allow(missing_docs, reason = "a bench has no readers of its items")]

mod harness;
mod kits;
mod work;

use harness::{On, Ours, header};

fn main() {
    header();
    for on in &On::both() {
        work::messages::table::<Ours>(on);
    }
}
