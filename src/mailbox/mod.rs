//! The mailbox: a bounded queue that the actor's loop empties a batch at a time, and the slot
//! through which one ask gets its one reply.
//!
//! Nothing in here knows about the tree. What a mailbox has to know of it (whether a sender is
//! beneath a draining owner, why a reply was dropped) is handed in as a function.

mod abandoned;
mod batch;
mod caller;
mod counters;
mod dropped;
mod reply_receiver;
// A test, of what only this module sees.
mod caller_gone;
#[cfg(all(test, tenure_loom))]
#[path = "../../tests/explore/mailbox.rs"]
mod explore;
mod leftover;
mod queue;
mod reply;
mod slot;
mod state;
mod sync;
mod waiters;

pub(crate) use batch::Batch;
pub(crate) use caller::{AskPosition, Caller, CallerTracking};
pub(crate) use caller_gone::Numbered;
pub use caller_gone::{CallerGone, UntilCallerGone};
pub(crate) use dropped::{DropReason, Keep};
pub(crate) use leftover::Leftover;
pub(crate) use queue::{Queue, Refusal};
pub use reply::ReplyTo;
pub(crate) use reply_receiver::ReplyReceiver;
pub(crate) use state::Gate;
pub(crate) use waiters::{Reserved, Ticket};

/// How much room an actor's mailbox has.
///
/// The capacity counts messages that were accepted and not yet started, and it is exact. Nothing
/// is allocated up front. When there is no room, [`tell`](crate::ActorRef::tell) waits its turn
/// and [`try_tell`](crate::ActorRef::try_tell) hands the message back.
///
/// ```
/// use tenure::Mailbox;
///
/// assert_eq!(Mailbox::default(), Mailbox::bounded(1_024));
/// assert_eq!(Mailbox::bounded(8).capacity(), Some(8));
/// assert_eq!(Mailbox::unbounded().capacity(), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mailbox {
    capacity: Option<usize>,
}

impl Mailbox {
    /// Room for `capacity` messages; 2^32 - 1 or more is as good as unbounded. With a capacity of 0 the
    /// spawn is refused with [`SpawnError::NoCapacity`](crate::SpawnError::NoCapacity).
    #[must_use]
    pub const fn bounded(capacity: usize) -> Self {
        Self {
            capacity: Some(capacity),
        }
    }

    /// Room for as many messages as memory holds: whoever sends is never slowed down, so
    /// something else must bound what is sent.
    #[must_use]
    pub const fn unbounded() -> Self {
        Self { capacity: None }
    }

    /// The capacity in messages, or `None` if it is unbounded.
    #[must_use]
    pub const fn capacity(&self) -> Option<usize> {
        self.capacity
    }
}

/// Bounded, with room for 1,024 messages.
impl Default for Mailbox {
    fn default() -> Self {
        Self::bounded(1_024)
    }
}
