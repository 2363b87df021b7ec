//! What a node is: its place in the tree, its signals, its state under the lock, and the ways to give it orders.
//!
//! Nothing here waits for a node, and nothing runs one.

mod any_node;
mod children;
mod current_node;
mod dead_letters;
mod deadlines;
mod edges;
mod ends;
mod id;
mod label;
mod marks;
#[expect(clippy::module_inception, reason = "it holds the type of that name")]
mod node;
mod order;
mod outlook;
mod overrun;
mod own_time;
mod path;
mod polls;
mod record;
mod replies;
mod shared;
mod shell_waker;
mod sightings;
pub(crate) mod signals;
mod slot;
pub(in crate::tree) mod spans;
mod state;
mod times_by_type;
mod wakes;

pub(crate) use any_node::{AnyNode, PolledBy};
pub(in crate::tree) use children::{AT_ONCE, Awaited, Children, EndedChild, GroupStep};
pub use children::{AutoShutdown, StopOrder, Strategy};
pub(crate) use children::{Key, Turn};
pub(crate) use current_node::swap_current;
pub(in crate::tree) use current_node::{
    Outer, beneath, enter, enter_scope, leave_scope, with_carrier,
};
pub(crate) use current_node::{current, is_beneath, is_in_node, is_own_code, run_as};
pub use dead_letters::DeadLetter;
pub(crate) use dead_letters::{LetterHook, Letters};
pub(crate) use deadlines::{inherited_beside, inherited_caller, inherited_or_default};
pub(crate) use edges::Request;
pub(in crate::tree) use edges::{Edge, EdgeEnd, Edges, TaskWaits};
pub(in crate::tree) use ends::note_end;
pub(crate) use ends::{EndListener, EndLog};
pub use id::NodeId;
pub(crate) use label::Label;
pub(crate) use node::Node;
pub(crate) use order::{
    Order, bound, end_by_itself, end_drain, end_if, finish, fire, request, request_own,
};
pub(in crate::tree) use outlook::Outlook;
pub(crate) use overrun::OverrunLog;
pub(crate) use own_time::OwnTime;
pub(crate) use path::PATH_HALF;
pub(in crate::tree) use record::note_requester;
pub(crate) use record::{
    OrderNote, Requester, RestartNote, SourceBoard, SourceCounts, SourceKind, request_and_wait,
    request_for_signal, request_from,
};
pub(crate) use replies::{keep_reply, settle_before_blocking};
pub(crate) use shared::Shared;
pub(crate) use shell_waker::ShellWaker;
pub(crate) use sightings::{Activity, Sightings};
pub(crate) use slot::{NodeSlot, Settings};
pub(in crate::tree) use state::{NodeState, Tokens};
pub(crate) use times_by_type::TimesByType;
pub(in crate::tree) use wakes::{wake_owner, wake_restarting};
