use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

use tokio::time::Instant;

use super::verdict::{self, Orphan, Verdict};
use super::{Asked, Caller, CallerGone};
use crate::error::AskError;
use crate::sync::{lock, moment};

/// The one reply to an ask. It travels inside the message.
///
/// It can be kept, or handed to a task or another actor, for a late reply. Dropped unsent it never
/// leaves the asker waiting: dropped by the handler it was sent to, the ask resolves when that
/// handler ends, with what happened ([`NoReply`](AskError::NoReply), [`Failed`](AskError::Failed)
/// or [`Killed`](AskError::Killed)); dropped anywhere else, at once.
///
/// ```
/// # use tenure::prelude::*;
/// struct Squarer;
/// struct Square(u32, ReplyTo<u32>);
///
/// impl Actor for Squarer {
///     type Msg = Square;
///     async fn handle(&mut self, Square(n, reply): Square, ctx: &mut Context<Self>) -> tenure::Result {
///         // The work goes on in a task of the actor's own while it handles the next message.
///         ctx.task(async move { reply.send(n * n) })?;
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), RunError> {
/// tenure::scope(async |scope| {
///     let squarer = scope.spawn(Squarer)?;
///     assert_eq!(squarer.ask(|reply| Square(7, reply)).await?, 49);
///     Ok(())
/// })
/// .await
/// # }
/// ```
pub struct ReplyTo<T: Send + 'static> {
    slot: Option<Arc<Slot<T>>>,
}

/// Where the asker and whoever replies meet.
///
/// Invariants:
/// 1. `limit` is set before the message is sent, if at all.
/// 2. `stage` leaves `WAITS` once. An asker without a limit only marks that it has gone; whether a
///    message with a limit was started is decided by which of the two comes first, by an exchange,
///    so that the asker knows it for certain.
pub(crate) struct Slot<T> {
    /// The number of the node that was asked.
    target: u64,
    stage: AtomicU8,
    /// Whether the reply has come, or is not waited for any more.
    filled: AtomicBool,
    limit: AtomicU64,
    number: AtomicU64,
    state: Mutex<State<T>>,
}

const WAITS: u8 = 0;
const STARTED: u8 = 1;
const GONE: u8 = 2;

const UNSENT: u64 = u64::MAX;
const ELSEWHERE: u64 = u64::MAX - 1;

struct State<T> {
    reply: Reply<T>,
    asker: Option<Waker>,
    /// Those who wait for the caller to be gone.
    watchers: Watchers,
}

type Watchers = Option<Box<Vec<Waker>>>;

enum Reply<T> {
    Pending,
    There(Result<T, AskError>),
    /// The reply was taken.
    Taken,
    /// Nobody waits for it any more.
    GivenUp,
}

impl<T: Send + 'static> ReplyTo<T> {
    pub(crate) fn new(slot: Arc<Slot<T>>) -> Self {
        Self { slot: Some(slot) }
    }

    /// Sends the reply. If the caller has gone it is dropped: see
    /// [`try_send`](ReplyTo::try_send) for a reply that matters.
    pub fn send(self, reply: T) {
        drop(self.try_send(reply));
    }

    /// Sends the reply if somebody still waits for it.
    ///
    /// # Errors
    ///
    /// Gives the reply back if the caller has gone.
    pub fn try_send(mut self, reply: T) -> Result<(), T> {
        let Some(slot) = self.slot.take() else {
            return Err(reply);
        };
        match slot.fill(Ok(reply)) {
            Err(Ok(reply)) => Err(reply),
            _ => Ok(()),
        }
    }

    /// Whether the caller has gone, so that a reply would reach nobody.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.slot.as_ref().is_none_or(|slot| slot.is_over())
    }

    /// Waits until the caller has gone, or has its reply.
    ///
    /// The future is `'static` and does not keep the reply from being sent elsewhere.
    ///
    /// # Cancel safety
    ///
    /// Dropping it loses nothing.
    #[must_use = "futures do nothing unless awaited"]
    pub fn gone(&self) -> CallerGone {
        CallerGone::of_reply(self.caller())
    }
}

impl<T: Send + 'static> ReplyTo<T> {
    /// Who waits for the reply; `None` once it is sent.
    pub(crate) fn caller(&self) -> Option<Arc<dyn Caller>> {
        self.slot.clone().map(|slot| slot as _)
    }
}

impl<T: Send + 'static> Drop for ReplyTo<T> {
    fn drop(&mut self) {
        if let Some(slot) = self.slot.take()
            && slot.is_pending()
        {
            verdict::dropped(slot.target, slot);
        }
    }
}

impl<T: Send + 'static> fmt::Debug for ReplyTo<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplyTo")
            .field("is_gone", &self.is_gone())
            .finish()
    }
}

impl<T> Slot<T> {
    pub(crate) fn new(target: u64) -> Self {
        Self {
            target,
            stage: AtomicU8::new(WAITS),
            filled: AtomicBool::new(false),
            limit: AtomicU64::new(0),
            number: AtomicU64::new(UNSENT),
            state: Mutex::new(State {
                reply: Reply::Pending,
                asker: None,
                watchers: None,
            }),
        }
    }

    /// Takes the reply if it is there; if not, `waker` is woken when it is.
    pub(crate) fn poll(&self, waker: &Waker) -> Poll<Result<T, AskError>> {
        let mut state = lock(&self.state);
        if matches!(state.reply, Reply::Pending) {
            let stale = match &mut state.asker {
                Some(asker) if asker.will_wake(waker) => None,
                asker => asker.replace(waker.clone()),
            };
            drop(state);
            drop(stale);
            return Poll::Pending;
        }
        match std::mem::replace(&mut state.reply, Reply::Taken) {
            Reply::There(reply) => {
                let watchers = std::mem::take(&mut state.watchers);
                drop(state);
                wake_all(watchers);
                Poll::Ready(reply)
            }
            _ => Poll::Ready(Err(AskError::NoReply)),
        }
    }

    /// The asker's time will be up then.
    pub(crate) fn set_deadline(&self, limit: Instant) {
        let number = moment::encode(Some(limit));
        self.limit.store(number, Ordering::Relaxed);
    }

    /// The caller goes. Gives the reply if it had come already, and nobody had taken it; if not,
    /// whether the message may have been started: "no" is certain if it has a deadline.
    pub(crate) fn give_up(&self) -> Result<Result<T, AskError>, bool> {
        let mut state = lock(&self.state);
        let left = std::mem::replace(&mut state.reply, Reply::GivenUp);
        // Without a limit at the time that it was sent, nobody marks that it is started.
        let unknown = self.limit.load(Ordering::Relaxed) == 0;
        let started = self.stage.swap(GONE, Ordering::Relaxed) == STARTED || unknown;
        self.filled.store(true, Ordering::Relaxed);
        let asker = state.asker.take();
        let watchers = std::mem::take(&mut state.watchers);
        drop(state);
        drop(asker);
        wake_all(watchers);
        match left {
            Reply::There(reply) => Ok(reply),
            _ => Err(started),
        }
    }

    fn fill(&self, reply: Result<T, AskError>) -> Result<(), Result<T, AskError>> {
        let mut state = lock(&self.state);
        if !matches!(state.reply, Reply::Pending) {
            return Err(reply);
        }
        state.reply = Reply::There(reply);
        self.filled.store(true, Ordering::Relaxed);
        let asker = state.asker.take();
        drop(state);
        if let Some(asker) = asker {
            asker.wake();
        }
        Ok(())
    }

    fn is_pending(&self) -> bool {
        matches!(lock(&self.state).reply, Reply::Pending)
    }

    fn is_over(&self) -> bool {
        matches!(lock(&self.state).reply, Reply::Taken | Reply::GivenUp)
    }
}

#[inline]
fn wake_all(watchers: Watchers) {
    for watcher in watchers.into_iter().flat_map(|all| *all) {
        watcher.wake();
    }
}

impl<T: Send> Orphan for Slot<T> {
    fn resolve(&self, verdict: Verdict) {
        // One that was replied to or given up meanwhile needs no verdict.
        drop(self.fill(Err(verdict.into())));
    }
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

    fn deadline(&self) -> Option<Instant> {
        moment::decode(self.limit.load(Ordering::Relaxed))
    }

    fn has_gone(&self) -> bool {
        self.stage.load(Ordering::Relaxed) == GONE
    }

    fn is_waiting(&self) -> bool {
        !self.filled.load(Ordering::Relaxed)
    }

    fn poll_gone(&self, served: bool, waker: &Waker) -> Poll<()> {
        let mut state = lock(&self.state);
        match state.reply {
            Reply::GivenUp => return Poll::Ready(()),
            Reply::Taken if served => return Poll::Ready(()),
            Reply::Taken => return Poll::Pending,
            Reply::Pending | Reply::There(_) => {}
        }
        let watchers = state.watchers.get_or_insert_default();
        if !watchers.iter().any(|known| known.will_wake(waker)) {
            watchers.push(waker.clone());
        }
        Poll::Pending
    }

    fn set_number(&self, number: u64) {
        if self.number.load(Ordering::Relaxed) == UNSENT {
            self.number.store(number, Ordering::Relaxed);
        }
    }

    fn hand_on(&self) {
        self.number.store(ELSEWHERE, Ordering::Relaxed);
    }

    fn place(&self) -> Asked {
        match self.number.load(Ordering::Relaxed) {
            UNSENT => Asked::Unsent,
            ELSEWHERE => Asked::Elsewhere,
            number => Asked::Sent(number),
        }
    }
}
