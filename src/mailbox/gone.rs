use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::Caller;

/// Ends when the caller of an ask has gone: its future was dropped, or its time was up.
///
/// Made by [`Context::caller_gone`](crate::Context::caller_gone), and by
/// [`ReplyTo::gone`](crate::ReplyTo::gone), whose future also ends when the caller has its reply. It
/// is `'static`, so that it can stand in a `select!` beside work that uses the actor's state.
///
/// # Cancel safety
///
/// Dropping it loses nothing.
#[must_use = "futures do nothing unless awaited"]
pub struct CallerGone {
    caller: Option<Arc<dyn Caller>>,
    /// What is there in place of a caller's going: it has its reply.
    served: bool,
}

impl CallerGone {
    /// Of whoever waits for a reply; with none, it has ended.
    pub(super) fn of_reply(caller: Option<Arc<dyn Caller>>) -> Self {
        Self {
            caller,
            served: true,
        }
    }

    /// Of a message; one that is not an ask has no caller who could go.
    pub(crate) fn of_message(caller: Option<Arc<dyn Caller>>) -> Self {
        Self {
            caller,
            served: false,
        }
    }
}

impl Future for CallerGone {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match &self.caller {
            Some(caller) => caller.poll_gone(self.served, cx.waker()),
            None if self.served => Poll::Ready(()),
            None => Poll::Pending,
        }
    }
}

impl fmt::Debug for CallerGone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallerGone")
    }
}

/// Work that is bound to the caller of a message, made by
/// [`Context::until_caller_gone`](crate::Context::until_caller_gone).
///
/// Gives what the work gives, or `None` if the caller went first; the work has been dropped then.
///
/// # Cancel safety
///
/// As that of the work.
#[must_use = "futures do nothing unless awaited"]
pub struct UntilCallerGone<F> {
    /// `None` once it is over. Boxed: what is pinned in place cannot be dropped early without
    /// `unsafe`, and the work is to go at once.
    work: Option<Pin<Box<F>>>,
    gone: CallerGone,
}

impl<F: Future> UntilCallerGone<F> {
    pub(crate) fn new(work: F, gone: CallerGone) -> Self {
        Self {
            work: Some(Box::pin(work)),
            gone,
        }
    }
}

impl<F: Future> Future for UntilCallerGone<F> {
    type Output = Option<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let Some(work) = &mut this.work else {
            return Poll::Ready(None);
        };
        // The caller first: work that nobody waits for is not polled once more.
        if Pin::new(&mut this.gone).poll(cx).is_ready() {
            this.work = None;
            return Poll::Ready(None);
        }
        let output = ready!(work.as_mut().poll(cx));
        this.work = None;
        Poll::Ready(Some(output))
    }
}

impl<F> fmt::Debug for UntilCallerGone<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UntilCallerGone")
    }
}
