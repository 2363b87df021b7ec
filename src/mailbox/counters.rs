//! What the senders and the loop of a mailbox share without its lock. The invariants are those of the
//! [`Queue`](super::Queue).

use super::attention::Attention;
use crate::sync::explored::{AtomicU16, AtomicU32, AtomicU64};

#[repr(C)]
pub(super) struct Counters {
    /// How many messages have left the mailbox.
    pub(super) started: AtomicU64,
    /// The handlers of all messages with a lower number have ended.
    pub(super) ended: AtomicU64,
    pub(super) attention: Attention,
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
            attention: Attention::new(),
            knows_callers,
            sourced: AtomicU16::new(0),
            began: AtomicU32::new(0),
        }
    }
}
