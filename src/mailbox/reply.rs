use std::fmt;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

use super::CallerGone;
use super::verdict::{self, Orphan};
use crate::error::AskError;
use crate::sync::lock;

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
pub(crate) struct Slot<T> {
    /// The number of the node that was asked.
    target: u64,
    state: Mutex<State<T>>,
}

struct State<T> {
    reply: Reply<T>,
    asker: Option<Waker>,
    /// Those who wait for the caller to be gone.
    watchers: Vec<Waker>,
}

enum Reply<T> {
    Pending,
    There(Result<T, AskError>),
    /// The reply was taken, or nobody waits for it any more.
    Over,
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

    /// Waits until the caller has gone.
    ///
    /// The future is `'static` and does not keep the reply from being sent elsewhere.
    ///
    /// # Cancel safety
    ///
    /// Dropping it loses nothing.
    #[must_use = "futures do nothing unless awaited"]
    pub fn gone(&self) -> CallerGone {
        CallerGone::new(self.slot.clone().map(|slot| slot as _))
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
            state: Mutex::new(State {
                reply: Reply::Pending,
                asker: None,
                watchers: Vec::new(),
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
        match std::mem::replace(&mut state.reply, Reply::Over) {
            Reply::There(reply) => {
                let watchers = std::mem::take(&mut state.watchers);
                drop(state);
                for watcher in watchers {
                    watcher.wake();
                }
                Poll::Ready(reply)
            }
            Reply::Pending | Reply::Over => Poll::Ready(Err(AskError::NoReply)),
        }
    }

    /// The caller goes. Gives the reply if it had come already, and nobody had taken it.
    pub(crate) fn give_up(&self) -> Option<Result<T, AskError>> {
        let mut state = lock(&self.state);
        let left = std::mem::replace(&mut state.reply, Reply::Over);
        let asker = state.asker.take();
        let watchers = std::mem::take(&mut state.watchers);
        drop(state);
        drop(asker);
        for watcher in watchers {
            watcher.wake();
        }
        match left {
            Reply::There(reply) => Some(reply),
            Reply::Pending | Reply::Over => None,
        }
    }

    fn fill(&self, reply: Result<T, AskError>) -> Result<(), Result<T, AskError>> {
        let mut state = lock(&self.state);
        if !matches!(state.reply, Reply::Pending) {
            return Err(reply);
        }
        state.reply = Reply::There(reply);
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
        matches!(lock(&self.state).reply, Reply::Over)
    }
}

impl<T: Send> Orphan for Slot<T> {
    fn resolve(&self, verdict: AskError) {
        // One that was replied to or given up meanwhile needs no verdict.
        drop(self.fill(Err(verdict)));
    }
}

/// What [`CallerGone`] needs of a slot, whatever the type of its reply.
pub(super) trait Watched: Send + Sync {
    fn poll_gone(&self, waker: &Waker) -> Poll<()>;
}

impl<T: Send> Watched for Slot<T> {
    fn poll_gone(&self, waker: &Waker) -> Poll<()> {
        let mut state = lock(&self.state);
        if matches!(state.reply, Reply::Over) {
            return Poll::Ready(());
        }
        if !state.watchers.iter().any(|known| known.will_wake(waker)) {
            state.watchers.push(waker.clone());
        }
        Poll::Pending
    }
}
