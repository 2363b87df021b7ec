use std::sync::atomic::{AtomicU32, Ordering};

/// The code is being polled.
const RUNS: u32 = 1;
/// Its last poll ended in the middle of a message.
const IN_MESSAGE: u32 = 1 << 1;
const ONE: u32 = 1 << 2;

/// How many polls of a node's code have ended, and whether the code is in a poll or a message. Only the thread that
/// polls the code writes this.
#[derive(Debug, Default)]
pub(in crate::tree) struct Polls(AtomicU32);

/// The polls at one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PollsLook(u32);

impl Polls {
    #[inline]
    pub(in crate::tree) fn begin(&self) {
        let polls = self.0.load(Ordering::Relaxed);
        self.0.store(polls | RUNS, Ordering::Relaxed);
    }

    #[inline]
    pub(in crate::tree) fn end(&self, in_message: bool) {
        let ended = (self.0.load(Ordering::Relaxed) & !(RUNS | IN_MESSAGE)).wrapping_add(ONE);
        let polls = ended | if in_message { IN_MESSAGE } else { 0 };
        self.0.store(polls, Ordering::Relaxed);
    }

    #[inline]
    pub(in crate::tree) fn look(&self) -> PollsLook {
        PollsLook(self.0.load(Ordering::Relaxed))
    }
}

impl PollsLook {
    /// How many polls have ended.
    pub(crate) const fn ended(self) -> u32 {
        self.0 / ONE
    }

    /// It is in the middle of a poll.
    #[inline]
    pub(crate) const fn is_in_poll(self) -> bool {
        self.0 & RUNS != 0
    }

    /// It is in the middle of a poll, or of a message.
    #[inline]
    pub(in crate::tree) const fn is_busy(self) -> bool {
        self.0 & (RUNS | IN_MESSAGE) != 0
    }
}
