//! The store: all jobs, behind one actor.
//!
//! Whatever has come while one group of changes was committed is the next group: one wait for the disk, however many
//! clients wait. Nobody is told that a job is accepted before it is on the disk.

mod actor;
mod database;
mod error;
mod tables;

pub use actor::{Open, Reply, Store, StoreMsg, StoreOptions};
pub use error::StoreError;
pub use tables::{Accepted, NewJob, Totals};
