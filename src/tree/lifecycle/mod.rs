//! How a node lives: registered, run, restarted, and ended after all that is beneath it.

mod attended_scopes;
mod body;
mod clock;
mod departure;
mod exit;
mod report;
mod restart;
mod spawn;
mod stop_children;

pub(crate) use body::{Body, Ended, Halt};
pub(crate) use exit::Exit;
pub(crate) use report::{Report, forget_ended, next_ended, tolerated};
pub(crate) use restart::{RestartMark, Resume};
pub(crate) use spawn::{Denied, register, register_scope};
pub(crate) use stop_children::{Manner, StopChildren};
