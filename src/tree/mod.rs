//! The tree: untyped nodes, each owned by another one, and the only way in which they are started, stopped and joined.
//!
//! An actor, a task, a blocking job, a scope and a system's root are all a [`Node`] to this module; what they run is a
//! future or a closure that holds the node's [`Exit`]. `docs/lifecycle.md` describes how a node lives; README.md in
//! this folder explains the protocol between a node and its owner.
//!
//! Its parts; each imports only from those above it:
//!
//! - `simulated.rs`: where a simulation replaces the runtime;
//! - `launch.rs`: where tasks and threads are started;
//! - `stall/`: what wakes waits that last;
//! - `node/`: what a node is;
//! - `waiting/`: who waits for which node;
//! - `look.rs`: one look at a node, for snapshots;
//! - `node_ref.rs`, `lookup.rs`, `child_exit.rs`: nodes as users see them;
//! - `lifecycle/`: how a node lives.

mod child_exit;
#[cfg(all(test, tenure_loom))]
#[path = "../../tests/explore/tree.rs"]
pub(crate) mod explore;
mod launch;
mod lifecycle;
mod look;
mod lookup;
mod node;
mod node_ref;
pub(crate) mod simulated;
mod stall;
mod waiting;

pub(crate) use crate::sync::{panic_message, panic_text};
pub use child_exit::{ChildExit, Watched};
pub(crate) use launch::{launch, launch_blocking, launch_thread, launch_wait};
pub(crate) use lifecycle::{
    Body, BodyEnd, Denied, Exit, Halt, Manner, Report, RestartCount, Resume, StopChildren,
    forget_child_exit, keep_cuts, next_child_exit, register, register_scope, tolerated,
};
pub(crate) use look::{Awaiting, ChildrenLook, Joined, Look, look};
pub(crate) use node::signals;
#[cfg(feature = "simulation")]
pub(crate) use node::swap_current;
pub(crate) use node::{
    Activity, AnyNode, EndListener, EndLog, Label, LetterHook, Letters, Node, NodeSlot, Order,
    OverrunLog, PATH_HALF, PolledBy, Request, Requester, RestartNote, Settings, Shared, ShellWaker,
    Sightings, SourceBoard, SourceKind, TimesByType, Turn, current, end_by_itself, end_drain,
    end_if, finish, fire, inherited_beside, inherited_caller, inherited_or_default, is_beneath,
    is_in_node, is_own_code, keep_reply, request, request_for_signal, request_own, run_as,
    settle_before_blocking,
};
pub use node::{AutoShutdown, DeadLetter, NodeId, StopOrder, Strategy};
pub use node_ref::NodeRef;
pub(crate) use stall::Stalls;
#[cfg(feature = "simulation")]
pub(crate) use waiting::waits_in_words;
pub(crate) use waiting::{Naming, OverdueTimer, UntilStopped, Wait, WaitBound, WaitError};
pub use waiting::{Stopped, Stopping};
