#![doc = "Actors with enforced lifecycles"]
#![forbid(unsafe_code)]

mod actor;
mod error;
mod mailbox;
mod observe;
mod supervision;
mod sync;
mod system;
mod tree;

pub use actor::{
    Actor, ActorRef, Ask, BlockingHandle, Context, Handle, Permit, Recipient, Reserve, Spawner,
    Start, TaskHandle, TaskOutput, Tell,
};
pub use error::{
    AskError, Blocker, Cause, CutShort, Error, Failure, Kind, Phase, Refused, Result, RunError,
    SendError, SpawnError, StartError, StopError, StopReason, TaskError, TrySendError, Unjoined,
};
pub use mailbox::{CallerGone, Mailbox, ReplyTo};
pub use observe::{Entry, Snapshot};
pub use supervision::{ChildSpec, IntoChild, Starting};
pub use system::{Builder, Scope, System, scope, scope_send};
pub use tree::{ChildExit, NodeId, NodeRef, StopOrder, Stopped, Stopping};

/// What a program that uses this crate names all the time.
pub mod prelude {
    pub use crate::{
        Actor, ActorRef, AskError, ChildExit, ChildSpec, Context, Mailbox, Recipient, ReplyTo,
        RunError, Scope, SendError, SpawnError, Spawner, Start, StopOrder, System,
    };
}
