use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::reply::Watched;

/// Ends when the caller of an ask has gone: its future was dropped, or its time was up, or it has
/// its reply.
///
/// Made by [`ReplyTo::gone`](crate::ReplyTo::gone). It is `'static`, so that it can stand in a
/// `select!` beside work that uses the actor's state.
///
/// # Cancel safety
///
/// Dropping it loses nothing.
#[must_use = "futures do nothing unless awaited"]
pub struct CallerGone {
    slot: Option<Arc<dyn Watched>>,
}

impl CallerGone {
    pub(super) fn new(slot: Option<Arc<dyn Watched>>) -> Self {
        Self { slot }
    }
}

impl Future for CallerGone {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match &self.slot {
            Some(slot) => slot.poll_gone(cx.waker()),
            None => Poll::Ready(()),
        }
    }
}

impl fmt::Debug for CallerGone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallerGone")
    }
}
