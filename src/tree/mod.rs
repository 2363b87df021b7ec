//! The tree: untyped nodes, each owned by one other, and the one way in which they are started,
//! stopped and joined.
//!
//! An actor, a task, a blocking job, a scope and a system's root are all a [`Node`] to this
//! module; what they run is a future or a closure that holds the node's [`Exit`]. How a node's
//! life goes is told in the lifecycle document, at the top of `src/actor/mod.rs`; README.md in
//! this folder explains the protocol between a node and its owner.

mod body;
mod child_exit;
mod children;
mod clock;
mod current;
mod cycles;
mod exit;
mod find;
mod group;
mod id;
mod join;
mod joins;
mod label;
mod letters;
mod limits;
mod links;
mod look_timer;
mod monitor;
mod node;
mod node_ref;
mod overdue;
mod path;
mod place;
mod replies;
mod report;
mod restart;
mod shared;
mod shell_waker;
pub(crate) mod signals;
mod spawn;
mod stalls;
mod stop;
mod stopped;
mod stopping;
mod turns;
mod wait_bound;
mod waits;
mod warnings;

pub(crate) use crate::sync::{panic_message, panic_text};
pub(crate) use body::{Body, Ended, Halt};
pub use child_exit::ChildExit;
pub use children::StopOrder;
use clock::Clock;
pub(crate) use current::{current, is_beneath, is_inside, is_own_code, run_as};
pub(crate) use exit::Exit;
pub(crate) use group::Turn;
pub use group::{AutoShutdown, Strategy};
pub use id::NodeId;
pub(crate) use join::{Manner, StopChildren};
pub(crate) use label::Label;
pub use letters::DeadLetter;
pub(crate) use letters::{LetterHook, Letters};
pub(crate) use limits::{inherited_caller, inherited_or_default};
pub(crate) use node::{AnyNode, Node};
pub use node_ref::NodeRef;
pub(crate) use overdue::OverdueTimer;
pub(crate) use place::{Place, Settings};
pub(crate) use replies::keep_reply;
pub(crate) use report::{Report, forget_ended, next_ended, tolerated};
pub(crate) use restart::{RestartMark, Resume};
pub(crate) use shared::Shared;
pub(crate) use shell_waker::ShellWaker;
pub(crate) use spawn::{Denied, launch, launch_blocking, launch_thread, register, register_scope};
pub(crate) use stalls::Stalls;
pub(crate) use stop::{Order, bound, end_by_itself, end_if, finish, fire, request, request_own};
pub use stopped::Stopped;
pub(crate) use stopped::UntilStopped;
pub use stopping::Stopping;
pub(crate) use wait_bound::{Overrun, WaitBound};
pub(crate) use waits::{Request, Wait};
