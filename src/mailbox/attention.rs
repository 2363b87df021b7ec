//! What a mailbox's loop has to attend to besides the next message, as flags in one byte, which it reads without a lock.
//!
//! Only this file knows the bits. They are only written under the mailbox's lock; the invariants are those of the
//! [`Queue`](super::Queue).

use crate::sync::explored::{AtomicU8, Ordering};

/// Somebody waits for room.
const WAITERS: u8 = 1;
/// Some queued asks have been given up by their callers.
const ABANDONED: u8 = 2;
/// Everything that was left has been taken, and nothing more is accepted.
const DISCARDED: u8 = 4;
/// The waker is absent: it was taken to end the loop's sleep, or it was never set.
const WOKEN: u8 = 8;

/// The flags of a mailbox.
pub(super) struct Attention(AtomicU8);

/// The flags at one moment.
#[derive(Clone, Copy)]
pub(super) struct Flags(u8);

impl Attention {
    pub(super) fn new() -> Self {
        Self(AtomicU8::new(WOKEN))
    }

    #[inline]
    pub(super) fn load(&self) -> Flags {
        Flags(self.0.load(Ordering::Relaxed))
    }

    /// Somebody waits for room from now on (invariant 3).
    pub(super) fn add_waiters(&self) {
        self.0.fetch_or(WAITERS, Ordering::SeqCst);
    }

    pub(super) fn clear_waiters(&self) {
        self.0.fetch_and(!WAITERS, Ordering::Relaxed);
    }

    /// The caller of a queued ask has gone.
    pub(super) fn add_abandoned(&self) {
        self.0.fetch_or(ABANDONED, Ordering::Relaxed);
    }

    pub(super) fn clear_abandoned(&self) {
        self.0.fetch_and(!ABANDONED, Ordering::Relaxed);
    }

    /// The waker was taken, so the loop has to put it back before it is suspended again.
    #[inline]
    pub(super) fn set_woken(&self) {
        let flags = self.0.load(Ordering::Relaxed);
        self.0.store(flags | WOKEN, Ordering::Relaxed);
    }

    /// The waker is there.
    #[inline]
    pub(super) fn clear_woken(&self) {
        let flags = self.0.load(Ordering::Relaxed);
        if flags & WOKEN != 0 {
            self.0.store(flags & !WOKEN, Ordering::Relaxed);
        }
    }

    /// Nothing else is to be attended to from now on.
    pub(super) fn set_discarded(&self) {
        self.0.store(DISCARDED, Ordering::Relaxed);
    }
}

impl Flags {
    #[inline]
    pub(super) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    #[inline]
    pub(super) const fn has_waiters(self) -> bool {
        self.0 & WAITERS != 0
    }

    #[inline]
    pub(super) const fn has_abandoned(self) -> bool {
        self.0 & ABANDONED != 0
    }

    #[inline]
    pub(super) const fn is_discarded(self) -> bool {
        self.0 & DISCARDED != 0
    }

    #[inline]
    pub(super) const fn is_woken(self) -> bool {
        self.0 & WOKEN != 0
    }
}
