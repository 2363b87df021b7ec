//! Who waits for which node: the futures of an end, the graph of all waits, and the search for what is overdue.

mod cycles;
mod joins;
mod overdue;
mod overdue_timer;
mod stopped;
mod stopping;
mod task_waits;
mod turns;
mod wait_bound;
mod wait_graph;
mod warnings;

pub(in crate::tree) use cycles::on_the_way;
pub(crate) use overdue_timer::{Naming, OverdueTimer};
pub use stopped::Stopped;
pub(crate) use stopped::UntilStopped;
pub use stopping::Stopping;
pub(in crate::tree) use task_waits::awaited_children;
pub(in crate::tree) use turns::turn_ahead;
pub(crate) use wait_bound::{WaitBound, WaitError};
pub(crate) use wait_graph::Wait;
#[cfg(feature = "simulation")]
pub(crate) use wait_graph::waits_in_words;
