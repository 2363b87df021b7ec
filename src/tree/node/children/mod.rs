//! The children of a node, in start order, and the progress of a group restart among them.

mod group;
mod table;

pub(in crate::tree) use group::GroupStep;
pub(crate) use group::Turn;
pub use group::{AutoShutdown, Strategy};
pub(crate) use table::Key;
pub use table::StopOrder;
pub(in crate::tree) use table::{AT_ONCE, Awaited, Children, EndedChild, NONE};
