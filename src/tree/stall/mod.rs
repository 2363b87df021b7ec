//! Wakes waits that last, even if no task of the runtime is polled. Nothing here knows about nodes.

mod list;
mod look_timer;
mod monitor;

pub(crate) use list::Stalls;
pub(in crate::tree) use look_timer::LookTimer;
