//! What does it cost to start actors, and to stop and join them, beside tasks with channels written
//! by hand?

#![allow(missing_docs, reason = "a bench has no readers of its items")]

mod harness;
mod kits;
mod work;

use harness::{On, Ours, header};

fn main() {
    header();
    for on in &On::both() {
        work::lifecycle::table::<Ours>(on);
    }
}
