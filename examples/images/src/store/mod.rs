//! The store: all jobs, behind one actor.
//!
//! The changes that come while a group of changes is being committed are the next group. So there is one wait for the
//! disk, however many clients wait. A job is on the disk before its client is told that it is accepted.

mod actor;
mod database;
mod error;
mod tables;

pub use actor::{Open, Reply, Store, StoreMsg, StoreOptions};
pub use error::StoreError;
pub use tables::{Accepted, NewJob, Totals};
