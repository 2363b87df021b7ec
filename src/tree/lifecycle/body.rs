use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use super::exit::{Exit, Surroundings};
use crate::mailbox::DropReason;
use crate::sync::panic_message;
use crate::tree::node::signals::Snapshot;
use crate::tree::node::{
    Node, Order, Outer, enter, enter_scope, leave_scope, request, swap_current,
};
use crate::tree::simulated;

/// A node's own code, run by its shell (rule 5) with one guard for each poll.
///
/// Each poll looks at the kill flag, makes the node the current one, and catches a panic. When the
/// node is killed, or its grace is over, the code is dropped at its await point, here and not with
/// the shell around it.
#[must_use = "futures do nothing unless awaited"]
pub(crate) struct Body<'a, F: Future> {
    guard: Guard<'a>,
    future: Pin<&'a mut Option<F>>,
}

/// The part of a body that does not depend on the future's type. A debug build compiles it once; an optimised build
/// inlines it into each poll.
struct Guard<'a> {
    exit: &'a mut Exit,
    halt: Halt,
    /// It will most likely return without being suspended.
    is_brief: bool,
}

/// What ends a node's own code before its time, other than a kill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Halt {
    /// Nothing else: the code sees a stop itself, and has its grace to end.
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

    /// The body of a hook. The node gets the shell's waker only when the hook is suspended, which most hooks never are.
    /// The signals are looked at after that, so that none is missed.
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
        // Only what `future` points to is pinned.
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
            // What the future still holds is dropped before the node ends.
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
    /// Begins a poll. `true` if the code is to be dropped instead.
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

    /// Called once the code has returned a value and is dropped.
    #[cfg_attr(not(debug_assertions), inline(always))]
    fn finish(&self) {
        let node = self.exit.any().node();
        node.settle_replies(DropReason::NoReply);
        self.end_last_poll(node);
    }

    /// Called when the code is pending. `true` if it is to be dropped.
    ///
    /// Replies that a suspended handler has dropped are settled when the handler ends. Replies that were asked of
    /// another node, or that no handler dropped, are settled now.
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
        if self.exit.is_traced() && !is_in_message && !signals.is_from_source() {
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

    /// Whether the time of a node that is to end, and whose code is suspended, is up.
    #[cold]
    fn is_out_of_time(&mut self, signals: Snapshot, cx: &mut Context<'_>) -> bool {
        let expired = self.exit.poll_expired(cx);
        if expired && !signals.is_told_gently() && self.exit.any().is_told_to_restart() {
            // The node is being restarted with its group, so it must not be killed.
            self.exit.any().signals.drop_code();
        } else if expired {
            request(self.exit.any(), Order::Cut);
        }
        expired
    }

    /// Drops the code at its await point. A panic of a destructor is returned, as it fails the node; in a kill it is
    /// only traced.
    fn end(&mut self, drop_code: &mut dyn FnMut()) -> Option<Box<dyn Any + Send>> {
        // Why the replies that are dropped with the code were not sent.
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

    /// Drops what is left of code that has panicked.
    #[cold]
    fn fail(&mut self, drop_code: &mut dyn FnMut()) {
        let second = self.drop_code(drop_code, DropReason::Failed);
        second.into_iter().for_each(warn_of);
        self.end_last_poll(self.exit.any());
    }

    /// Called when the code is gone: no message is being handled.
    #[inline]
    fn end_last_poll(&self, node: &Node) {
        node.polls.end(false);
        if self.exit.is_traced() {
            node.end_message_span();
        }
    }

    /// Drops the code with the node as the current one, and settles its replies for this reason: those it had dropped
    /// before, and those it held. Returns a panic of a destructor.
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
    /// Runs a piece of the node's code outside of a body, with the node as the current one, and then settles the
    /// replies that it has dropped.
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

    /// Begins a poll of a scope, whose waker may be another than before. Nobody attends to it from here on.
    fn begin_scope_poll(&mut self) {
        self.expect_new_waker();
        self.any().signals.end_attending();
    }

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn enter(&mut self) -> Outer {
        match self.surroundings() {
            Surroundings::Plain => enter(self.lend()),
            Surroundings::Scope => enter_scope(self.lend()),
            Surroundings::Traced => self.enter_traced(),
        }
    }

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn leave(&mut self, outer: Outer) {
        match self.surroundings() {
            Surroundings::Plain => self.restore(swap_current(outer.current)),
            Surroundings::Scope => self.restore(leave_scope(outer)),
            Surroundings::Traced => self.leave_traced(outer),
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
