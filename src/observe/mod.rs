//! Seeing what is alive.

mod snapshot;

pub use snapshot::{Entry, Snapshot};
