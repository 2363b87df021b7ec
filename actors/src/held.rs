//! What a handler has taken and not yet handed on. A kill drops the handler at its await: what it had is then dead
//! letters, and not lost without a trace.

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{self, Poll};

use tenure::{Actor, Context, Recipient, RecipientTell, SendError};

/// Messages that a handler gathers while it waits for more. They are dead letters if it is dropped with any.
pub(crate) struct Held<'a, A: Actor, C: Default + IntoIterator<Item = A::Msg>> {
    pub(crate) ctx: &'a mut Context<A>,
    pub(crate) messages: C,
}

impl<'a, A: Actor, C: Default + IntoIterator<Item = A::Msg>> Held<'a, A, C> {
    pub(crate) fn new(ctx: &'a mut Context<A>, messages: C) -> Self {
        Self { ctx, messages }
    }

    pub(crate) fn take(&mut self) -> C {
        mem::take(&mut self.messages)
    }
}

impl<A: Actor, C: Default + IntoIterator<Item = A::Msg>> Drop for Held<'_, A, C> {
    fn drop(&mut self) {
        for message in self.take() {
            drop(self.ctx.stash(message));
        }
    }
}

/// Tells a message. If it is dropped before there is room, `lose` is given the message.
pub(crate) struct Telling<'a, T: Send + 'static, L: Fn(T)> {
    /// Until it is dropped.
    tell: Option<RecipientTell<'a, T>>,
    lose: L,
}

impl<'a, T: Send + 'static, L: Fn(T)> Telling<'a, T, L> {
    pub(crate) fn new(tell: RecipientTell<'a, T>, lose: L) -> Self {
        let tell = Some(tell);
        Self { tell, lose }
    }
}

/// Nothing in it is pinned.
impl<T: Send + 'static, L: Fn(T)> Unpin for Telling<'_, T, L> {}

impl<T: Send + 'static, L: Fn(T)> Future for Telling<'_, T, L> {
    type Output = Result<(), SendError<T>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        match &mut self.tell {
            Some(tell) => Pin::new(tell).poll(cx),
            None => Poll::Pending,
        }
    }
}

impl<T: Send + 'static, L: Fn(T)> Drop for Telling<'_, T, L> {
    fn drop(&mut self) {
        if let Some(message) = self.tell.take().and_then(RecipientTell::into_inner) {
            (self.lose)(message);
        }
    }
}

/// Tells the message, and waits for room until the actor is told to stop (a drain does not count). `lose` is given a
/// message that has found no room by then, or by a kill; a refused one is in the error.
pub(crate) async fn tell_until_stopped<A: Actor, T: Send + 'static>(
    to: &Recipient<T>,
    message: T,
    ctx: &Context<A>,
    lose: impl Fn(T),
) -> Result<(), SendError<T>> {
    let mut tell = Telling::new(to.tell(message), lose);
    tokio::select! {
        biased;
        () = ctx.cancelled() => Ok(()),
        told = &mut tell => told,
    }
}
