//! The children of a node, in start order, and the progress of a group restart among them.

mod group;
mod policies;
mod table;

pub(in crate::tree) use group::GroupStep;
pub(crate) use group::Turn;
pub use policies::{AutoShutdown, StopOrder, Strategy};
pub(crate) use table::Key;
pub(in crate::tree) use table::{AT_ONCE, Awaited, Children, EndedChild, NONE};
