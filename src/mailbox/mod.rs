//! The mailbox: a bounded queue that the actor's loop empties a batch at a time, and the slot
//! through which one ask gets its one reply.
//!
//! Nothing here knows about the tree. What a mailbox needs from it (whether a sender is beneath a draining owner, why a
//! reply was dropped) is passed in as a function.

mod abandoned;
mod admission;
mod attention;
mod batch;
mod caller;
mod caller_gone;
mod counters;
mod dropped;
mod reply_receiver;
// A test of what only this module sees.
#[cfg(all(test, tenure_loom))]
#[path = "../../tests/explore/mailbox.rs"]
mod explore;
mod forwarded;
mod gate;
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
pub(crate) use gate::{Gate, Refusal};
pub(crate) use leftover::Leftover;
pub(crate) use look::MailboxLook;
pub(crate) use origin::{Sender, Sent};
pub use overflow::Overflow;
pub(crate) use queue::{Gated, Queue};
pub use reply::ReplyTo;
pub(crate) use reply_receiver::ReplyReceiver;
pub(crate) use times::{BOUNDS_MICROS, CountsLook, Times, TimesLook};
pub(crate) use waiters::{Reserved, Ticket};

/// How much room an actor's mailbox has, and what happens to messages for which it has none.
///
/// The capacity counts messages that were accepted and not yet started, and it is exact; with
/// [`including_current`](Mailbox::including_current) it also counts the current one. Nothing is allocated up front.
/// When there is no room, [`tell`](crate::ActorRef::tell) waits its turn and [`try_tell`](crate::ActorRef::try_tell)
/// hands the message back.
///
/// For telemetry and other messages that are not worth a wait, a bounded mailbox can drop messages instead: [the
/// oldest](Mailbox::drop_oldest) or [the newest](Mailbox::drop_newest). Then no sender waits for room or is refused for
/// lack of it. Each dropped message is a dead letter: it is counted
/// ([`Spawner::dead_letters`](crate::Spawner::dead_letters)), traced, and shown to the system's hook. A dropped ask
/// resolves at once with [`AskError::Dropped`](crate::AskError::Dropped).
///
/// ```
/// use tenure::Mailbox;
///
/// assert_eq!(Mailbox::default(), Mailbox::bounded(1_024));
/// assert_eq!(Mailbox::bounded(8).capacity(), Some(8));
/// assert_eq!(Mailbox::unbounded().capacity(), None);
///
/// // A gauge: only the last reading counts.
/// let latest = Mailbox::bounded(1).drop_oldest();
/// assert_eq!(latest.capacity(), Some(1));
///
/// // Senders have room only while the actor has nothing in hand.
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
    /// Room for `capacity` messages. 2^32 - 1 or more means unbounded. With a capacity of 0 the spawn is refused with
    /// [`SpawnError::NoCapacity`](crate::SpawnError::NoCapacity).
    #[must_use]
    pub const fn bounded(capacity: usize) -> Self {
        Self {
            capacity: Some(capacity),
            overflow: Overflow::Wait,
            counts_current: false,
        }
    }

    /// Room for as many messages as memory holds. Senders are never slowed down, so something else must bound what is
    /// sent. It never overflows, so an overflow policy has no effect.
    #[must_use]
    pub const fn unbounded() -> Self {
        Self {
            capacity: None,
            overflow: Overflow::Wait,
            counts_current: false,
        }
    }

    /// A full mailbox drops the oldest message that is not started, for each new one. It never drops a message that the
    /// actor is about to start, is handling, or has [put aside](crate::Context::stash). If these take all the room, the
    /// new message is dropped itself.
    ///
    /// The actor takes its messages one at a time instead of in batches, which costs a lock for each. A
    /// [`Permit`](crate::Permit) holds no room.
    #[must_use]
    pub const fn drop_oldest(mut self) -> Self {
        self.overflow = Overflow::DropOldest;
        self
    }

    /// A full mailbox drops each new message. To its sender it looks as if it was sent. A [`Permit`](crate::Permit)
    /// holds no room.
    #[must_use]
    pub const fn drop_newest(mut self) -> Self {
        self.overflow = Overflow::DropNewest;
        self
    }

    /// The capacity also counts the message that is being handled: it takes room until its handler has ended. With a
    /// capacity of 1 an actor gets a message only when it is free, so a dispatcher can give the work to another actor
    /// meanwhile, and nothing is queued behind long work. The actor waits a little longer for its next message.
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

    /// The same with room for one message, and senders that wait.
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

    /// What happens to a message for which there is no room.
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
