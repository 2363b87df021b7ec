use tokio::time::Instant;

use super::queue::Queue;
use super::state::Gate;
use crate::sync::explored::Ordering;
use crate::sync::{lock, stamp};

/// What a mailbox was at one moment, for whoever shows what is alive.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MailboxLook {
    pub(crate) queued: u64,
    /// `None` if it is unbounded.
    pub(crate) capacity: Option<u32>,
    pub(crate) gate: Gate,
    pub(crate) senders_waiting: u32,
    pub(crate) reserved: u64,
    /// How many messages have been started.
    pub(crate) started: u64,
    /// Tells the handler that runs now from any other of late.
    pub(crate) handler: u64,
    /// The loop sleeps, and waits for a message.
    pub(crate) is_asleep: bool,
    /// When the message was begun that was started last, if that is timed.
    pub(crate) began: Option<Instant>,
    /// When the message was sent that has waited the longest, if that is timed and one waits.
    pub(crate) oldest: Option<Instant>,
}

impl<M> Queue<M> {
    pub(crate) fn look(&self) -> MailboxLook {
        let state = lock(&self.state);
        let extras = state.extras.as_ref();
        let taken = self.counters.started.load(Ordering::Relaxed);
        let unstarted = extras.map_or(0, |extras| extras.unstarted);
        let queued = match self.knows_callers() {
            // Some were dropped in between, and those that are left are here.
            true => state.messages.len() as u64,
            false => state.pushed - taken,
        };
        let began = self.counters.began.load(Ordering::Relaxed);
        MailboxLook {
            queued,
            capacity: state.bound(),
            gate: state.gate,
            senders_waiting: extras.map_or(0, |extras| extras.waiters.count()),
            reserved: extras.map_or(0, |extras| extras.reserved),
            started: taken - unstarted,
            handler: taken << 16 | u64::from(self.counters.sourced.load(Ordering::Relaxed)),
            is_asleep: state.asleep,
            began: (began != 0).then(|| stamp::decode(began)),
            oldest: extras.and_then(|extras| extras.oldest.as_ref()?.at(&extras.origins)),
        }
    }

    /// A message from elsewhere is about to be handled. It is the loop's alone to say so.
    pub(crate) fn note_sourced(&self) {
        let sourced = self.counters.sourced.load(Ordering::Relaxed);
        self.counters
            .sourced
            .store(sourced.wrapping_add(1), Ordering::Relaxed);
    }

    /// The message that was started last is handled from now on. It is the loop's alone to say so.
    pub(crate) fn note_begin(&self, now: Instant) {
        let began = stamp::encode(now).max(1);
        self.counters.began.store(began, Ordering::Relaxed);
    }
}
