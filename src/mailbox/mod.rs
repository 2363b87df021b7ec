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
mod forwarded;
mod leftover;
mod look;
mod origin;
mod overflow;
mod queue;
mod reply;
mod reserving;
mod slot;
mod state;
mod times;
mod waiters;

pub(crate) use batch::Batch;
pub(crate) use caller::{AskPosition, Caller, CallerTracking, Holder};
pub(crate) use caller_gone::Numbered;
pub use caller_gone::{CallerGone, UntilCallerGone};
pub(crate) use dropped::{DropReason, Keep};
pub(crate) use leftover::Leftover;
pub(crate) use look::MailboxLook;
pub(crate) use origin::{Sender, Sent};
pub use overflow::Overflow;
pub(crate) use queue::{Gated, Queue, Refusal};
pub use reply::ReplyTo;
pub(crate) use reply_receiver::ReplyReceiver;
pub(crate) use state::Gate;
pub(crate) use times::{BOUNDS_MICROS, CountsLook, Times, TimesLook};
pub(crate) use waiters::{Reserved, Ticket};

/// How much room an actor's mailbox has, and what becomes of what it has no room for.
///
/// The capacity counts messages that were accepted and not yet started, and it is exact;
/// [`including_current`](Mailbox::including_current) counts the one in hand, too. Nothing is allocated up front. When there is no room, [`tell`](crate::ActorRef::tell) waits its turn
/// and [`try_tell`](crate::ActorRef::try_tell) hands the message back.
///
/// For telemetry, and whatever else is worth less than the time of its sender, a bounded mailbox can drop
/// messages instead: [the oldest](Mailbox::drop_oldest) or [the newest](Mailbox::drop_newest). Then nobody waits
/// for room and nobody is refused for want of it. Each message that is dropped is a dead letter: counted
/// ([`Spawner::dead_letters`](crate::Spawner::dead_letters)), traced, and shown to the system's hook. If it is an
/// ask, that resolves at once with [`AskError::Dropped`](crate::AskError::Dropped).
///
/// ```
/// use tenure::Mailbox;
///
/// assert_eq!(Mailbox::default(), Mailbox::bounded(1_024));
/// assert_eq!(Mailbox::bounded(8).capacity(), Some(8));
/// assert_eq!(Mailbox::unbounded().capacity(), None);
///
/// // A gauge, of which only the last reading counts.
/// let latest = Mailbox::bounded(1).drop_oldest();
/// assert_eq!(latest.capacity(), Some(1));
///
/// // Whoever sends to it has room only while the actor has nothing in hand.
/// let hand_over = Mailbox::bounded(1).including_current();
/// assert!(hand_over.counts_current());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mailbox {
    capacity: Option<usize>,
    overflow: Overflow,
    counts_current: bool,
}

impl Mailbox {
    /// Room for `capacity` messages; 2^32 - 1 or more is as good as unbounded. With a capacity of 0 the
    /// spawn is refused with [`SpawnError::NoCapacity`](crate::SpawnError::NoCapacity).
    #[must_use]
    pub const fn bounded(capacity: usize) -> Self {
        Self {
            capacity: Some(capacity),
            overflow: Overflow::Wait,
            counts_current: false,
        }
    }

    /// Room for as many messages as memory holds: whoever sends is never slowed down, so
    /// something else must bound what is sent. It never overflows, so a policy for that does nothing.
    #[must_use]
    pub const fn unbounded() -> Self {
        Self {
            capacity: None,
            overflow: Overflow::Wait,
            counts_current: false,
        }
    }

    /// A full mailbox drops the oldest message that is not started, for each that comes. A message that the
    /// actor is about to start is not dropped any more. Nor is one that is [put aside](crate::Context::stash), or is being
    /// handled, and takes room: if all room is theirs, the message that comes is dropped itself.
    ///
    /// The actor takes its messages one at a time, and not a batch at a time, which costs a lock for each. A
    /// [`Permit`](crate::Permit) holds no room.
    #[must_use]
    pub const fn drop_oldest(mut self) -> Self {
        self.overflow = Overflow::DropOldest;
        self
    }

    /// A full mailbox drops each message that comes: for whoever sends it, it was sent. A
    /// [`Permit`](crate::Permit) holds no room.
    #[must_use]
    pub const fn drop_newest(mut self) -> Self {
        self.overflow = Overflow::DropNewest;
        self
    }

    /// The capacity counts the message that is being handled, too: it takes its room until its handler has ended. With a
    /// capacity of 1 an actor is handed a message only when it is free for it, so that whoever hands work out
    /// gives it to another meanwhile, and nothing is queued behind what takes long. The actor waits a little longer
    /// for its next message.
    #[must_use]
    pub const fn including_current(mut self) -> Self {
        self.counts_current = true;
        self
    }

    /// Whether the capacity counts the message that is being handled.
    #[must_use]
    pub const fn counts_current(&self) -> bool {
        self.counts_current
    }

    /// With room for one message, whose sender waits.
    pub(crate) const fn narrowed(self) -> Self {
        Self {
            counts_current: self.counts_current,
            ..Self::bounded(1)
        }
    }

    /// The capacity in messages, or `None` if it is unbounded.
    #[must_use]
    pub const fn capacity(&self) -> Option<usize> {
        self.capacity
    }

    /// What becomes of a message for which there is no room.
    #[must_use]
    pub const fn overflow(&self) -> Overflow {
        self.overflow
    }
}

/// Bounded, with room for 1,024 messages.
impl Default for Mailbox {
    fn default() -> Self {
        Self::bounded(1_024)
    }
}
