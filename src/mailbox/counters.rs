//! What the senders and the loop of a mailbox share without its lock. The invariants are those of the
//! [`Queue`](super::Queue).

use crate::sync::explored::{AtomicU8, AtomicU16, AtomicU32, AtomicU64};

/// Somebody waits for room.
pub(super) const WAITERS: u8 = 1;
/// Some queued asks have been given up by their callers.
pub(super) const ABANDONED: u8 = 2;
/// Everything that was left has been taken, and nothing more is accepted.
pub(super) const DISCARDED: u8 = 4;
/// The waker is absent: it was taken to end the loop's sleep, or it was never set.
pub(super) const WOKEN: u8 = 8;

#[repr(C)]
pub(super) struct Counters {
    /// How many messages have left the mailbox.
    pub(super) started: AtomicU64,
    /// The handlers of all messages with a lower number have ended.
    pub(super) ended: AtomicU64,
    /// Which of the four flags above are set.
    pub(super) attention: AtomicU8,
    /// The mailbox may drop asks, so it has to know their callers. Never changes.
    pub(super) knows_callers: bool,
    /// How many messages from sources have been handled; wraps around at 2^16.
    pub(super) sourced: AtomicU16,
    /// When the handling of the last message began, as a [`stamp`](crate::sync::stamp); 0 if that is not timed.
    pub(super) began: AtomicU32,
}

impl Counters {
    pub(super) fn new(knows_callers: bool) -> Self {
        Self {
            started: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            attention: AtomicU8::new(WOKEN),
            knows_callers,
            sourced: AtomicU16::new(0),
            began: AtomicU32::new(0),
        }
    }
}
