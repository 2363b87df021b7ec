//! Companions: threads that run beside a system as long as it lives. They are told to end with it, and its end waits for
//! them, except for user code that one of them is running, which may block.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use crate::sync::{lock, wake};
use crate::tree::{AnyNode, launch_thread, launch_wait};

/// What a companion runs.
pub(crate) type CompanionCode = Arc<dyn Fn(&Arc<dyn AnyNode>, &Control) + Send + Sync>;

/// A thread to be started beside a system.
#[derive(Clone)]
pub(super) struct Companion {
    pub(super) name: &'static str,
    pub(super) code: CompanionCode,
}

impl fmt::Debug for Companion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Companion").field(&self.name).finish()
    }
}

/// What a system and a companion share.
#[derive(Debug, Default)]
pub(crate) struct Control {
    state: Mutex<State>,
    news: Condvar,
}

#[derive(Debug, Default)]
struct State {
    is_to_end: bool,
    has_ended: bool,
    /// The wait for its end was woken.
    is_reported: bool,
    /// It is running user code, for which nobody waits.
    in_foreign_code: bool,
    /// The waker of the wait for its end.
    waker: Option<Waker>,
}

impl Control {
    /// Sleeps for this long. `false` as soon as the thread is to end.
    pub(crate) fn wait(&self, time: Duration) -> bool {
        let until = Instant::now() + time;
        // The plain lock of std, because a condition variable needs its guard.
        let state = self.state.lock();
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        while !state.is_to_end {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            let woken = self.news.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        false
    }

    /// Runs user code. `false` if the thread is to end.
    pub(crate) fn run_foreign(&self, code: impl FnOnce()) -> bool {
        if !self.set_foreign(true) {
            return false;
        }
        code();
        self.set_foreign(false)
    }

    fn set_foreign(&self, in_foreign_code: bool) -> bool {
        let mut state = lock(&self.state);
        state.in_foreign_code = in_foreign_code && !state.is_to_end;
        !state.is_to_end
    }

    fn tell_to_end(&self) {
        lock(&self.state).is_to_end = true;
        self.news.notify_all();
    }

    fn end(&self) {
        let waker = {
            let mut state = lock(&self.state);
            state.has_ended = true;
            state.waker.take()
        };
        if let Some(waker) = waker {
            wake(waker);
        }
        lock(&self.state).is_reported = true;
        self.news.notify_all();
    }

    /// Blocks until the wait for its end was woken.
    fn block_until_reported(&self) {
        let state = self.state.lock();
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        while !state.is_reported {
            let woken = self.news.wait(state);
            state = woken.unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn poll_ended(&self, waker: &Waker) -> Poll<()> {
        let own = waker.clone();
        let mut state = lock(&self.state);
        let is_over = state.has_ended || state.in_foreign_code;
        let stale = state.waker.replace(own);
        drop(state);
        drop(stale);
        if is_over {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

/// A companion that has been started. It is told to end on drop.
pub(super) struct RunningCompanion(Arc<Control>);

impl RunningCompanion {
    /// # Errors
    ///
    /// If the thread cannot be started.
    pub(super) fn begin(companion: &Companion, system: &Arc<dyn AnyNode>) -> io::Result<Self> {
        let Companion { name, code } = companion.clone();
        let control = Arc::new(Control::default());
        let end = EndOnDrop(Arc::clone(&control));
        let system = Arc::clone(system);
        let run = move || {
            code(&system, &end.0);
            // Dropped before the end of the thread is reported, as it may hold values of users.
            drop(code);
            drop(end);
        };
        match launch_thread(name, run) {
            true => Ok(Self(control)),
            false => Err(io::Error::other(
                "no thread could be started beside the system",
            )),
        }
    }

    /// Tells it to end and waits for it.
    pub(super) async fn end(self, handle: &Handle) {
        self.0.tell_to_end();
        let mut blocks = false;
        poll_fn(|cx| {
            let ended = self.0.poll_ended(cx.waker());
            if ended.is_pending() && !blocks {
                blocks = true;
                // The thread lives in real time: without this, a paused clock would pass over the patience meanwhile.
                let control = Arc::clone(&self.0);
                launch_wait(handle, move || control.block_until_reported());
            }
            ended
        })
        .await;
    }
}

impl Drop for RunningCompanion {
    fn drop(&mut self) {
        self.0.tell_to_end();
    }
}

/// Reports the end of the thread, also after a panic.
struct EndOnDrop(Arc<Control>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.end();
    }
}
