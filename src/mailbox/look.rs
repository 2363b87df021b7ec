use tokio::time::Instant;

use super::gate::Gate;
use super::queue::Queue;
use crate::sync::explored::Ordering;
use crate::sync::{lock, stamp};

/// The state of a mailbox at one moment, for snapshots.
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
    /// A number that distinguishes the current handler from other recent ones.
    pub(crate) handler: u64,
    /// The loop is asleep until a message comes.
    pub(crate) is_asleep: bool,
    /// When the handling of the last message began, if that is timed.
    pub(crate) began: Option<Instant>,
    /// When the message that has waited longest was sent, if that is timed and one waits.
    pub(crate) oldest: Option<Instant>,
}

impl<M> Queue<M> {
    pub(crate) fn look(&self) -> MailboxLook {
        let state = lock(&self.state);
        let extras = state.extras.as_ref();
        let taken = self.counters.started.load(Ordering::Relaxed);
        let unstarted = extras.map_or(0, |extras| extras.unstarted);
        let queued = match self.knows_callers() {
            // Some were dropped in between, so the numbers do not tell; all that are left are in `messages`.
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

    /// Notes that a message from a source is about to be handled. Called only by the loop.
    pub(crate) fn note_sourced(&self) {
        let sourced = self.counters.sourced.load(Ordering::Relaxed);
        self.counters
            .sourced
            .store(sourced.wrapping_add(1), Ordering::Relaxed);
    }

    /// Notes when the handling of the last message begins. Called only by the loop.
    pub(crate) fn note_begin(&self, now: Instant) {
        let began = stamp::encode(now).max(1);
        self.counters.began.store(began, Ordering::Relaxed);
    }
}
