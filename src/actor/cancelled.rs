use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio_util::sync::WaitForCancellationFutureOwned;

use crate::sync::Readiness;
use crate::tree::{AnyNode, Request, Wait, is_own_code};

/// Ends when an actor is to end. Made by [`Context::cancelled`](crate::Context::cancelled).
///
/// # Panics
///
/// When it is polled again after it was ready.
///
/// # Cancel safety
///
/// Dropping it loses nothing.
#[must_use = "futures do nothing unless awaited"]
pub struct Cancelled {
    node: Arc<dyn AnyNode>,
    until: Option<Until>,
    /// The wait of the actor's own code. It is listed so that an owner can see it.
    wait: Wait,
    readiness: Readiness,
}

struct Until {
    /// The actor's own code waits.
    own: bool,
    token: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Cancelled {
    pub(super) fn new(node: Arc<dyn AnyNode>) -> Self {
        Self {
            node,
            until: None,
            wait: Wait::new(),
            readiness: Readiness::new(),
        }
    }
}

impl Future for Cancelled {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        this.readiness.assert_pending();
        let own = is_own_code(this.node.node());
        if this.until.as_ref().is_none_or(|until| until.own != own) {
            let node = this.node.node();
            // In a drain the tasks have to end, but the actor still handles messages until it closes.
            let token = if own { node.stop_token() } else { node.token() };
            let token = Box::pin(token.cancelled_owned());
            this.until = Some(Until { own, token });
        }
        let polled = match &mut this.until {
            Some(until) => until.token.as_mut().poll(cx),
            None => Poll::Pending,
        };
        if own && polled.is_pending() {
            let wait = || (Arc::clone(&this.node), Request::Order);
            this.wait.list_and_tell(true, wait);
        } else {
            this.wait.end();
        }
        this.readiness.note(polled)
    }
}

impl fmt::Debug for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cancelled")
    }
}
