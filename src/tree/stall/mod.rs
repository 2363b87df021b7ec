//! Waits that last: who looks at them, although nobody may be polled. It knows of no node.

mod list;
mod look_timer;
mod monitor;

pub(crate) use list::Stalls;
pub(in crate::tree) use look_timer::LookTimer;
