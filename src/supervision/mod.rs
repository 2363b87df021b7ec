//! What an owner decides about a child: its spec, and how it is started.

mod child_spec;
mod start;

pub use child_spec::{ChildSpec, IntoChild};
pub use start::Starting;
pub(crate) use start::spawn_at;
