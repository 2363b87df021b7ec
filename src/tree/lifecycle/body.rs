use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use super::exit::{Entry, Exit};
use crate::mailbox::DropReason;
use crate::sync::panic_message;
use crate::tree::node::signals::Snapshot;
use crate::tree::node::{
    Node, Order, Outer, enter, enter_scope, leave_scope, request, swap_current,
};
use crate::tree::simulated;

/// A node's own code, as its shell runs it (rule 5): one guard a poll, around the whole of it.
///
/// Each poll looks at the kill flag, makes the node the current one, and catches a panic. When the
/// node is killed, or its grace is over, the code is dropped at its await point, here and not with
/// the shell around it.
#[must_use = "futures do nothing unless awaited"]
pub(crate) struct Body<'a, F: Future> {
    guard: Guard<'a>,
    future: Pin<&'a mut Option<F>>,
}

/// What a body does besides its future, which is the same for the code of all nodes. A build that is not optimised has one
/// copy of it; one that is has no calls in a poll.
struct Guard<'a> {
    exit: &'a mut Exit,
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
        let guard = Guard {
            exit,
            halt,
            is_brief: false,
        };
        Self { guard, future }
    }

    /// A hook's: the node is given the shell's waker only if the hook is suspended, which most hooks never are. The signals
    /// are looked at after that, so that none is missed.
    pub(crate) fn of_hook(exit: &'a mut Exit, future: Pin<&'a mut Option<F>>) -> Self {
        let mut body = Self::new(exit, future, Halt::Itself);
        body.guard.is_brief = true;
        body
    }

    #[cold]
    fn end(&mut self) -> Poll<BodyEnd<F::Output>> {
        let panic = self.guard.end(&mut || self.future.set(None));
        Poll::Ready(panic.map_or(BodyEnd::Dropped, BodyEnd::Panicked))
    }
}

impl<F: Future> Future for Body<'_, F> {
    type Output = BodyEnd<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // Nothing in here is pinned but what `future` points to.
        let this = self.get_mut();
        if this.guard.begin(cx) {
            return this.end();
        }
        let outer = this.guard.exit.enter();
        let polled = catch_unwind(AssertUnwindSafe(|| {
            simulated::at_poll();
            let polled = match this.future.as_mut().as_pin_mut() {
                Some(future) => future.poll(cx),
                None => Poll::Pending,
            };
            // What it still holds goes before the node does.
            if polled.is_ready() {
                this.future.set(None);
            }
            polled
        }));
        this.guard.exit.leave(outer);
        match polled {
            Ok(Poll::Ready(value)) => {
                this.guard.finish();
                Poll::Ready(BodyEnd::Value(value))
            }
            Ok(Poll::Pending) if this.guard.suspend(cx) => this.end(),
            Ok(Poll::Pending) => Poll::Pending,
            Err(panic) => {
                this.guard.fail(&mut || this.future.set(None));
                Poll::Ready(BodyEnd::Panicked(panic))
            }
        }
    }
}

impl Guard<'_> {
    /// A poll begins. Says whether the code is to be dropped instead.
    #[cfg_attr(not(debug_assertions), inline(always))]
    fn begin(&mut self, cx: &mut Context<'_>) -> bool {
        if self.halt == Halt::AtFailure {
            self.exit.begin_scope_poll();
        }
        if !self.is_brief {
            self.exit.ensure_waker(cx.waker());
        }
        let node = self.exit.any().node();
        let signals = node.signals.load();
        if self.is_over(signals) {
            return true;
        }
        node.polls.begin();
        if signals.has_told_scopes() {
            self.exit.forget_polls();
        }
        false
    }

    /// The code has returned a value, and is gone.
    #[cfg_attr(not(debug_assertions), inline(always))]
    fn finish(&self) {
        let node = self.exit.any().node();
        node.settle_replies(DropReason::NoReply);
        self.end_last_poll(node);
    }

    /// The code waits. Says whether it is to be dropped.
    ///
    /// The replies that a suspended handler has dropped are settled when it ends; but now, if they were asked of
    /// another node, or if no handler dropped them.
    #[cfg_attr(not(debug_assertions), inline(always))]
    fn suspend(&mut self, cx: &mut Context<'_>) -> bool {
        self.exit.ensure_waker(cx.waker());
        let (node, is_in_message) = self.exit.any().suspend(cx.waker());
        match is_in_message {
            true => node.settle_handed_on(),
            false => node.settle_replies(DropReason::NoReply),
        }
        node.polls.end(is_in_message);
        let signals = node.signals.load();
        if self.exit.entry() == Entry::Traced && !is_in_message && !signals.is_from_source() {
            node.end_message_span();
        }
        if self.is_over(signals) || (signals.ends_incarnation() && self.is_out_of_time(signals, cx))
        {
            return true;
        }
        if signals.has_told_scopes() {
            self.exit.attend_scopes(cx);
        }
        false
    }

    /// Whether the code is to be dropped now.
    #[inline]
    fn is_over(&self, signals: Snapshot) -> bool {
        match self.halt {
            Halt::Itself => signals.drops_code(),
            Halt::AtStop => signals.drops_task(),
            Halt::AtFailure => signals.drops_scope_body(),
        }
    }

    /// The code is suspended and the node is to end: is its time up?
    #[cold]
    fn is_out_of_time(&mut self, signals: Snapshot, cx: &mut Context<'_>) -> bool {
        let expired = self.exit.poll_expired(cx);
        if expired && !signals.is_told_gently() && self.exit.any().is_told_to_restart() {
            // It is to be restarted, and not to end.
            self.exit.any().signals.drop_code();
        } else if expired {
            request(self.exit.any(), Order::Cut);
        }
        expired
    }

    /// Drops the code at its await point. A destructor that panics fails the node, as one of its state
    /// does; but a kill stays a kill. Gives such a panic.
    fn end(&mut self, drop_code: &mut dyn FnMut()) -> Option<Box<dyn Any + Send>> {
        // What becomes of the replies that go down with the code.
        let is_killed = self.exit.any().signals.load().is_killed();
        let reason = match is_killed {
            true => DropReason::Killed,
            false => DropReason::Failed,
        };
        self.exit.any().polls.begin();
        let panic = self.drop_code(drop_code, reason);
        self.end_last_poll(self.exit.any());
        if is_killed {
            panic.into_iter().for_each(warn_of);
            return None;
        }
        panic
    }

    /// The code has panicked: what is left of it is dropped.
    #[cold]
    fn fail(&mut self, drop_code: &mut dyn FnMut()) {
        let second = self.drop_code(drop_code, DropReason::Failed);
        second.into_iter().for_each(warn_of);
        self.end_last_poll(self.exit.any());
    }

    /// Nothing of the code is left, and so is no message.
    #[inline]
    fn end_last_poll(&self, node: &Node) {
        node.polls.end(false);
        if self.exit.entry() == Entry::Traced {
            node.end_message_span();
        }
    }

    /// Drops the code as the node's own. The replies that it had dropped, or that go down with it, are
    /// settled for this reason. Gives a panic of its destructor.
    fn drop_code(
        &mut self,
        drop_code: &mut dyn FnMut(),
        reason: DropReason,
    ) -> Option<Box<dyn Any + Send>> {
        let outer = self.exit.enter();
        // A second panic while this one unwinds would abort: rule 8.
        let dropped = catch_unwind(AssertUnwindSafe(drop_code));
        self.exit.leave(outer);
        self.exit.any().settle_replies(reason);
        dropped.err()
    }
}

impl Exit {
    /// Runs a piece of the node's code outside of a body, with the node as the current one. The replies
    /// that it drops are settled after it.
    #[inline]
    pub(crate) fn as_current<R>(&mut self, code: impl FnOnce() -> R) -> R {
        let outer = self.begin_code();
        let result = code();
        self.end_code(outer);
        result
    }

    #[inline]
    fn begin_code(&mut self) -> Outer {
        self.any().polls.begin();
        self.enter()
    }

    #[inline]
    fn end_code(&mut self, outer: Outer) {
        self.leave(outer);
        let node = self.any().node();
        node.polls.end(false);
        node.settle_quietly();
    }

    /// A scope is polled, by whoever has its future now: from here on its own time counts again.
    fn begin_scope_poll(&mut self) {
        self.expect_new_waker();
        self.any().signals.end_attending();
    }

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn enter(&mut self) -> Outer {
        match self.entry() {
            Entry::Plain => enter(self.lend()),
            Entry::Scope => enter_scope(self.lend()),
            Entry::Traced => self.enter_traced(),
        }
    }

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn leave(&mut self, outer: Outer) {
        match self.entry() {
            Entry::Plain => self.restore(swap_current(outer.current)),
            Entry::Scope => self.restore(leave_scope(outer)),
            Entry::Traced => self.leave_traced(outer),
        }
    }

    #[cold]
    fn enter_traced(&mut self) -> Outer {
        self.any().enter_span();
        enter(self.lend())
    }

    #[cold]
    fn leave_traced(&mut self, outer: Outer) {
        self.restore(swap_current(outer.current));
        self.any().leave_span();
    }
}

fn warn_of(panic: Box<dyn Any + Send>) {
    let message = panic_message(panic);
    tracing::warn!(name: "tenure.panic", panic = message, "a future panicked when it was dropped");
}
