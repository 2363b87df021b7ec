use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use super::Caller;
use crate::sync::{Readiness, WakerKey};

/// Ends when the caller of an ask has gone: the ask was dropped, or its time was up.
///
/// Made by [`Context::caller_gone`](crate::Context::caller_gone), and by [`ReplyTo::gone`](crate::ReplyTo::gone), whose
/// future also ends when the caller has its reply. It is `'static`, so that it can be used in a `select!` beside work
/// on the actor's state.
///
/// # Panics
///
/// When it is polled again after it was ready.
///
/// # Cancel safety
///
/// Dropping it loses nothing.
#[must_use = "futures do nothing unless awaited"]
pub struct CallerGone {
    whose: Whose,
    readiness: Readiness,
}

enum Whose {
    /// The caller that waits for a reply. With `served`, this also ends when it has the reply.
    Caller {
        caller: Arc<dyn Caller>,
        served: bool,
        key: WakerKey,
    },
    /// The caller of the message with this number.
    Message {
        mailbox: Arc<dyn Numbered>,
        number: u64,
        key: WakerKey,
    },
    /// There is no caller that could go.
    Nobody,
    /// The caller has gone.
    Gone,
}

/// A mailbox that knows which callers have gone, independent of the type of its messages.
pub(crate) trait Numbered: Send + Sync {
    /// Begins to wait for the caller of this message to go.
    fn watch_caller(&self, number: u64);

    /// Whether that caller has gone; if not, `waker` is woken when it does.
    fn poll_caller_gone(&self, number: u64, key: &mut WakerKey, waker: &Waker) -> bool;

    /// Whether that caller has gone. Known only while somebody waits for it.
    fn has_caller_gone(&self, number: u64) -> bool;

    /// Cancels one wake.
    fn leave_caller(&self, number: u64, key: &mut WakerKey);

    /// Ends one wait for that caller.
    fn unwatch_caller(&self, number: u64, key: &mut WakerKey);
}

impl CallerGone {
    /// For the caller of a reply; already over if there is none.
    pub(super) fn of_reply(caller: Option<Arc<dyn Caller>>) -> Self {
        Self::of(match caller {
            Some(caller) => Whose::Caller {
                caller,
                served: true,
                key: None,
            },
            None => Whose::Gone,
        })
    }

    /// For the caller of a message.
    pub(super) fn of_caller(caller: Arc<dyn Caller>) -> Self {
        Self::of(Whose::Caller {
            caller,
            served: false,
            key: None,
        })
    }

    /// For the caller of the message with this number, if it has one.
    pub(super) fn of_message(mailbox: Arc<dyn Numbered>, number: u64) -> Self {
        mailbox.watch_caller(number);
        Self::of(Whose::Message {
            mailbox,
            number,
            key: None,
        })
    }

    /// For no caller: it never ends.
    pub(super) const fn of_nobody() -> Self {
        Self::of(Whose::Nobody)
    }

    const fn of(whose: Whose) -> Self {
        Self {
            whose,
            readiness: Readiness::new(),
        }
    }
}

impl Future for CallerGone {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.readiness.assert_pending();
        let polled = self.whose.poll(cx);
        self.readiness.note(polled)
    }
}

impl Whose {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::Caller {
                caller,
                served,
                key,
            } => caller.poll_gone(*served, key, cx.waker()),
            Self::Message {
                mailbox,
                number,
                key,
            } => {
                if mailbox.poll_caller_gone(*number, key, cx.waker()) {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            }
            Self::Nobody => Poll::Pending,
            Self::Gone => Poll::Ready(()),
        }
    }
}

impl Drop for CallerGone {
    fn drop(&mut self) {
        match &mut self.whose {
            Whose::Caller { caller, key, .. } => caller.leave_gone(key),
            Whose::Message {
                mailbox,
                number,
                key,
            } => mailbox.unwatch_caller(*number, key),
            Whose::Nobody | Whose::Gone => {}
        }
    }
}

impl fmt::Debug for CallerGone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallerGone")
    }
}

/// Work that is bound to the caller of a message. Made by
/// [`Context::until_caller_gone`](crate::Context::until_caller_gone).
///
/// Returns the output of the work, or `None` if the caller went first; the work has been dropped then.
///
/// # Panics
///
/// When it is polled again after it was ready.
///
/// # Cancel safety
///
/// That of the work.
#[must_use = "futures do nothing unless awaited"]
pub struct UntilCallerGone<F> {
    /// `None` once it is over. Boxed, because the work has to be dropped early, and a future that is pinned in place
    /// cannot be dropped early without `unsafe`.
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
        let work = this.work.as_mut().expect("polled after it was ready");
        // The caller is looked at first, so that work that nobody waits for is not polled again.
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
