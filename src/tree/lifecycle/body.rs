use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::exit::Exit;
use crate::mailbox::DropReason;
use crate::sync::panic_message;
use crate::tree::node::signals::Snapshot;
use crate::tree::node::{Order, request, swap_current, within_scope};
use crate::tree::simulated;

/// A node's own code, as its shell runs it (rule 5): one guard a poll, around the whole of it.
///
/// Each poll looks at the kill flag, makes the node the current one, and catches a panic. When the
/// node is killed, or its grace is over, the code is dropped at its await point, here and not with
/// the shell around it.
#[must_use = "futures do nothing unless awaited"]
pub(crate) struct Body<'a, F: Future> {
    exit: &'a mut Exit,
    future: Pin<&'a mut Option<F>>,
    halt: Halt,
    /// It is most likely over without ever being suspended.
    is_brief: bool,
}

/// What ends a node's own code before its time, other than a kill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Halt {
    /// Nothing: it sees a stop itself, and has its grace to end.
    Itself,
    /// A stop: it is dropped at its next await.
    AtStop,
    /// A stop, or the failure of a child. Its waker may change from poll to poll.
    AtFailure,
}

/// How a node's own code came to its end.
#[derive(Debug)]
pub(crate) enum BodyEnd<T> {
    Value(T),
    Panicked(Box<dyn Any + Send>),
    /// It was dropped at an await point.
    Dropped,
}

impl<'a, F: Future> Body<'a, F> {
    pub(crate) fn new(exit: &'a mut Exit, future: Pin<&'a mut Option<F>>, halt: Halt) -> Self {
        Self {
            exit,
            future,
            halt,
            is_brief: false,
        }
    }

    /// A hook's: the node is given the shell's waker only if the hook is suspended, which most hooks never are. The signals
    /// are looked at after that, so that none is missed.
    pub(crate) fn of_hook(exit: &'a mut Exit, future: Pin<&'a mut Option<F>>) -> Self {
        Self {
            is_brief: true,
            ..Self::new(exit, future, Halt::Itself)
        }
    }

    /// Whether the code is to be dropped now.
    fn is_over(&self, signals: Snapshot) -> bool {
        match self.halt {
            Halt::Itself => signals.drops_code(),
            Halt::AtStop => signals.drops_task(),
            Halt::AtFailure => signals.drops_scope_body(),
        }
    }

    /// Drops the code as the node's own. The replies that it had dropped, or that go down with it, are
    /// settled for this reason. Gives a panic of its destructor.
    fn drop_future(&mut self, reason: DropReason) -> Option<Box<dyn Any + Send>> {
        let Self { exit, future, .. } = self;
        // A second panic while this one unwinds would abort: rule 8.
        let drop = || catch_unwind(AssertUnwindSafe(|| future.set(None)));
        let dropped = exit.with_current(drop);
        self.settle(reason);
        dropped.err()
    }

    /// Drops the code at its await point. A destructor that panics fails the node, as one of its state
    /// does; but a kill stays a kill.
    fn end<T>(&mut self) -> BodyEnd<T> {
        let reason = self.drop_reason();
        self.exit.any().polls.begin();
        let dropped = self.drop_future(reason);
        self.exit.any().polls.end(false);
        match dropped {
            Some(panic) if reason != DropReason::Killed => BodyEnd::Panicked(panic),
            Some(panic) => {
                warn_of(panic);
                BodyEnd::Dropped
            }
            None => BodyEnd::Dropped,
        }
    }

    /// What becomes of the replies that go down with the code.
    fn drop_reason(&self) -> DropReason {
        if self.exit.any().signals.load().is_killed() {
            DropReason::Killed
        } else {
            DropReason::Failed
        }
    }

    #[inline]
    fn settle(&self, reason: DropReason) {
        self.exit.any().settle_replies(reason);
    }

    /// The replies that a suspended handler has dropped are settled when it ends; but now, if they were asked of
    /// another node, or if no handler dropped them.
    ///
    /// Gives what the node has been told meanwhile.
    #[inline]
    fn suspend(&self, waker: &Waker) -> Snapshot {
        let (node, is_in_message) = self.exit.any().suspend(waker);
        match is_in_message {
            true => node.settle_handed_on(),
            false => node.settle_replies(DropReason::NoReply),
        }
        node.polls.end(is_in_message);
        node.signals.load()
    }

    /// The code is suspended and the node is to end: is its time up?
    #[cold]
    fn is_out_of_time(&mut self, signals: Snapshot, cx: &mut Context<'_>) -> bool {
        let expired = self.exit.poll_expired(cx);
        if expired && !signals.is_told_gently() && self.exit.any().is_told_to_restart() {
            // It is to be started anew, and not to end.
            self.exit.any().signals.drop_code();
        } else if expired {
            request(self.exit.any(), Order::Cut);
        }
        expired
    }
}

impl<F: Future> Future for Body<'_, F> {
    type Output = BodyEnd<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // Nothing in here is pinned but what `future` points to.
        let this = self.get_mut();
        if this.halt == Halt::AtFailure {
            this.exit.begin_scope_poll();
        }
        if !this.is_brief {
            this.exit.ensure_waker(cx.waker());
        }
        let node = this.exit.any().node();
        let signals = node.signals.load();
        if this.is_over(signals) {
            return Poll::Ready(this.end());
        }
        node.polls.begin();
        if signals.has_told_scopes() {
            this.exit.forget_polls();
        }
        let Self { exit, future, .. } = this;
        let polled = exit.with_current(|| {
            catch_unwind(AssertUnwindSafe(|| {
                simulated::at_poll();
                let polled = match future.as_mut().as_pin_mut() {
                    Some(future) => future.poll(cx),
                    None => Poll::Pending,
                };
                // What it still holds goes before the node does.
                if polled.is_ready() {
                    future.set(None);
                }
                polled
            }))
        });
        match polled {
            Ok(Poll::Ready(value)) => {
                let node = this.exit.any().node();
                node.settle_replies(DropReason::NoReply);
                node.polls.end(false);
                Poll::Ready(BodyEnd::Value(value))
            }
            Err(panic) => {
                if let Some(second) = this.drop_future(DropReason::Failed) {
                    warn_of(second);
                }
                this.exit.any().polls.end(false);
                Poll::Ready(BodyEnd::Panicked(panic))
            }
            Ok(Poll::Pending) => {
                this.exit.ensure_waker(cx.waker());
                let signals = this.suspend(cx.waker());
                if this.is_over(signals)
                    || (signals.ends_incarnation() && this.is_out_of_time(signals, cx))
                {
                    return Poll::Ready(this.end());
                }
                if signals.has_told_scopes() {
                    this.exit.attend_scopes(cx);
                }
                Poll::Pending
            }
        }
    }
}

impl Exit {
    /// Runs a piece of the node's code outside of a body, with the node as the current one. The replies
    /// that it drops are settled after it.
    #[inline]
    pub(crate) fn as_current<R>(&mut self, code: impl FnOnce() -> R) -> R {
        self.any().polls.begin();
        let result = self.with_current(code);
        let node = self.any().node();
        node.polls.end(false);
        node.settle_quietly();
        result
    }

    /// A scope is polled, by whoever has its future now: from here on its own time counts again.
    fn begin_scope_poll(&mut self) {
        self.expect_new_waker();
        self.any().signals.end_attending();
    }

    #[inline]
    fn with_current<R>(&mut self, code: impl FnOnce() -> R) -> R {
        if self.is_of_scope() {
            let (result, scope) = within_scope(self.lend(), code);
            self.restore(scope);
            return result;
        }
        let outer = swap_current(self.lend());
        let result = code();
        self.restore(swap_current(outer));
        result
    }
}

fn warn_of(panic: Box<dyn Any + Send>) {
    let message = panic_message(panic);
    tracing::warn!(name: "tenure.panic", panic = message, "a future panicked when it was dropped");
}
