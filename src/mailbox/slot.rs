use std::sync::PoisonError;
use std::task::{Poll, Waker};

use tokio::time::Instant;

use super::{AskPosition, Caller, DropReason, Holder, Keep};
use crate::error::AskError;
use crate::sync::explored::{AtomicBool, AtomicU8, AtomicU64, Mutex, Ordering};
use crate::sync::{Foreign, KeptWaker, WakeList, WakerKey, WakerSet, lock, moment, wake};

/// The slot that the caller shares with the reply's sender.
///
/// Invariants:
/// 1. `limit` is set before the message is sent, or never.
/// 2. `stage` leaves `WAITS` once. A caller without a limit only marks that it has gone. For a message with a limit, an
///    atomic exchange decides whether the start or the caller's leaving comes first, so that the caller knows for certain
///    whether it was started.
pub(super) struct Slot<T> {
    /// The number of the node that was asked.
    pub(super) target: u64,
    /// Takes the reply if it is dropped unsent.
    pub(super) keep: Keep,
    stage: AtomicU8,
    /// Whether the reply has come, or the caller has given up.
    filled: AtomicBool,
    /// Whether the reply is neither sent nor dropped.
    open: AtomicBool,
    /// Whether the caller has to know to whom the message is handed on.
    followed: AtomicBool,
    /// When the caller's time is up, as a [`moment`]; 0 if it has no limit.
    limit: AtomicU64,
    /// The number of the message in the mailbox that has it, or one of the two below.
    number: AtomicU64,
    state: Mutex<State<T>>,
}

/// The message is not started, and the caller has not gone.
const WAITS: u8 = 0;
/// The message was started.
const STARTED: u8 = 1;
/// The caller has gone before the message was started.
const GONE: u8 = 2;

/// The message is in no mailbox yet.
const UNSENT: u64 = u64::MAX;
/// The message was handed on, so its number in another mailbox says nothing.
const ELSEWHERE: u64 = u64::MAX - 1;

struct State<T> {
    reply: Reply<T>,
    waker: Option<KeptWaker>,
    /// Those who wait for the caller to go.
    watchers: Watchers,
    /// Who has the message, if it was handed on and the caller follows it.
    holder: Option<Box<Holder>>,
}

type Watchers = Option<Box<WakerSet>>;

enum Reply<T> {
    Pending,
    There(Foreign<Result<T, AskError>>),
    /// The reply was taken.
    Taken,
    /// The caller has given up.
    GivenUp,
}

impl<T> Slot<T> {
    pub(super) fn new(target: u64, keep: Keep) -> Self {
        Self {
            target,
            keep,
            stage: AtomicU8::new(WAITS),
            filled: AtomicBool::new(false),
            open: AtomicBool::new(true),
            followed: AtomicBool::new(false),
            limit: AtomicU64::new(0),
            number: AtomicU64::new(UNSENT),
            state: Mutex::new(State {
                reply: Reply::Pending,
                waker: None,
                watchers: None,
                holder: None,
            }),
        }
    }

    /// Takes the reply if it is there; if not, `waker` is woken when it is.
    pub(super) fn poll(&self, waker: &Waker) -> Poll<Result<T, AskError>> {
        // A waker must not be cloned under the lock. Hardly any ask is polled twice before its reply comes, so the
        // clone is rarely wasted.
        let own = KeptWaker::clone_of(waker);
        let mut state = lock(&self.state);
        if matches!(state.reply, Reply::Pending) {
            let stale = state.waker.replace(own);
            drop(state);
            drop(stale);
            return Poll::Pending;
        }
        let (reply, watchers) = state.take();
        drop(state);
        wake_all(watchers);
        Poll::Ready(reply)
    }

    /// Takes the reply of a slot that only the caller holds.
    pub(super) fn into_reply(self) -> Result<T, AskError> {
        let mut state = self
            .state
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        let (reply, watchers) = state.take();
        wake_all(watchers);
        reply
    }

    /// Whether there is nothing more to wait for.
    #[inline]
    pub(super) fn is_filled(&self) -> bool {
        self.filled.load(Ordering::Relaxed)
    }

    /// Sets when the caller's time is up.
    pub(super) fn set_deadline(&self, limit: Instant) {
        let number = moment::encode(Some(limit));
        self.limit.store(number, Ordering::Relaxed);
    }

    /// The caller gives up. Returns the reply if it has come and was not taken; otherwise whether the message may have
    /// been started. `false` is certain if it has a deadline.
    pub(super) fn give_up(&self) -> Result<Result<T, AskError>, bool> {
        let mut state = lock(&self.state);
        let left = std::mem::replace(&mut state.reply, Reply::GivenUp);
        // Only a message that was sent with a limit is marked as started.
        let unknown = self.limit.load(Ordering::Relaxed) == 0;
        let started = self.stage.swap(GONE, Ordering::Relaxed) == STARTED || unknown;
        self.filled.store(true, Ordering::Relaxed);
        let waker = state.waker.take();
        let watchers = std::mem::take(&mut state.watchers);
        drop(state);
        drop(waker);
        wake_all(watchers);
        match left {
            Reply::There(reply) => Ok(reply.into_inner()),
            _ => Err(started),
        }
    }

    pub(super) fn fill(&self, reply: Result<T, AskError>) -> Result<(), Result<T, AskError>> {
        let mut state = lock(&self.state);
        if !matches!(state.reply, Reply::Pending) {
            return Err(reply);
        }
        state.reply = Reply::There(Foreign::new(reply));
        self.filled.store(true, Ordering::Relaxed);
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            wake(waker.into_inner());
        }
        Ok(())
    }

    /// Called when the reply is sent or dropped.
    #[inline]
    pub(super) fn close(&self) {
        self.open.store(false, Ordering::Relaxed);
    }

    /// Called when the caller waits in a node.
    #[inline]
    pub(super) fn follow(&self) {
        self.followed.store(true, Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn is_handed_on(&self) -> bool {
        self.number.load(Ordering::Relaxed) == ELSEWHERE
    }

    /// Who has the message, if it was handed on.
    pub(super) fn holder(&self) -> Option<Holder> {
        if !self.is_handed_on() {
            return None;
        }
        lock(&self.state).holder.as_deref().cloned()
    }

    pub(super) fn is_pending(&self) -> bool {
        matches!(lock(&self.state).reply, Reply::Pending)
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(lock(&self.state).reply, Reply::Taken | Reply::GivenUp)
    }
}

impl<T> State<T> {
    fn take(&mut self) -> (Result<T, AskError>, Watchers) {
        let reply = match std::mem::replace(&mut self.reply, Reply::Taken) {
            Reply::There(reply) => reply.into_inner(),
            _ => Err(AskError::NoReply),
        };
        (reply, self.watchers.take())
    }
}

#[inline]
fn wake_all(watchers: Watchers) {
    let Some(mut watchers) = watchers else { return };
    let mut wakes = WakeList::new();
    watchers.wake_all(&mut wakes);
    wakes.wake();
}

impl<T: Send> Caller for Slot<T> {
    fn start(&self) -> bool {
        if self.limit.load(Ordering::Relaxed) == 0 {
            return !self.has_gone();
        }
        let started =
            self.stage
                .compare_exchange(WAITS, STARTED, Ordering::Relaxed, Ordering::Relaxed);
        started != Err(GONE)
    }

    fn limit(&self) -> u64 {
        self.limit.load(Ordering::Relaxed)
    }

    fn has_gone(&self) -> bool {
        self.stage.load(Ordering::Relaxed) == GONE
    }

    fn is_open(&self) -> bool {
        self.open.load(Ordering::Relaxed)
    }

    fn is_waiting(&self) -> bool {
        !self.is_filled()
    }

    fn poll_gone(&self, served: bool, key: &mut WakerKey, waker: &Waker) -> Poll<()> {
        let mut spare = None;
        loop {
            let mut state = lock(&self.state);
            match state.reply {
                Reply::GivenUp => return Poll::Ready(()),
                Reply::Taken if served => return Poll::Ready(()),
                Reply::Taken => return Poll::Pending,
                Reply::Pending | Reply::There(_) => {}
            }
            let watchers = state.watchers.get_or_insert_default();
            let entered = watchers.enter(key, waker, &mut spare);
            drop(state);
            if entered {
                return Poll::Pending;
            }
            spare = Some(KeptWaker::clone_of(waker));
        }
    }

    fn leave_gone(&self, key: &mut WakerKey) {
        if key.is_some() {
            let mut state = lock(&self.state);
            let watchers = state.watchers.as_mut();
            let mine = watchers.and_then(|watchers| watchers.leave(key));
            drop(state);
            drop(mine);
        }
    }

    fn set_number(&self, number: u64) {
        let position = match self.number.load(Ordering::Relaxed) {
            UNSENT => number,
            _ => ELSEWHERE,
        };
        self.number.store(position, Ordering::Relaxed);
    }

    fn position(&self) -> AskPosition {
        match self.number.load(Ordering::Relaxed) {
            UNSENT => AskPosition::Unsent,
            ELSEWHERE => AskPosition::Elsewhere,
            number => AskPosition::Sent(number),
        }
    }

    fn is_followed(&self) -> bool {
        self.followed.load(Ordering::Relaxed)
    }

    fn hold(&self, holder: Holder) {
        let holder = Box::new(holder);
        let mut state = lock(&self.state);
        if !matches!(state.reply, Reply::Pending) {
            return;
        }
        let stale = state.holder.replace(holder);
        let waker = state.waker.take();
        drop(state);
        drop(stale);
        if let Some(waker) = waker {
            wake(waker.into_inner());
        }
    }

    fn held(&self) -> Option<(u64, u64)> {
        let state = lock(&self.state);
        let holder = state.holder.as_ref()?;
        Some((holder.id, holder.number))
    }

    fn resolve(&self, reason: DropReason) {
        drop(self.fill(Err(reason.into())));
    }
}
