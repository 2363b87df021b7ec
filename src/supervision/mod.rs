//! What an owner decides about a child: its spec, how it is started, and when it is restarted.

mod backoff;
mod child_or_start;
mod child_spec;
mod factory;
mod group;
mod restart;
mod start;

pub use backoff::Backoff;
pub use child_or_start::ChildOrStart;
pub use child_spec::{ChildSpec, IntoChild};
pub use factory::Factory;
pub use group::Group;
pub use restart::Restart;
pub use start::Starting;
pub(crate) use start::{spawn, take_back};
