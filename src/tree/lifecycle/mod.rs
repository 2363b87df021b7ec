//! How a node lives: it is registered, run, restarted, and ended after everything beneath it.

mod attended_scopes;
mod body;
mod clock;
mod departure;
mod exit;
mod report;
mod restart;
mod spawn;
mod stop_children;
mod stop_level;

pub(crate) use body::{Body, BodyEnd, Halt};
pub(crate) use departure::keep_cuts;
pub(crate) use exit::Exit;
pub(crate) use report::{Report, forget_child_exit, next_child_exit, tolerated};
pub(crate) use restart::{RestartCount, Resume};
pub(crate) use spawn::{Denied, register, register_scope};
pub(crate) use stop_children::StopChildren;
pub(crate) use stop_level::Manner;
