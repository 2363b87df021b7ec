use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use tokio::task::unconstrained;
use tokio::time::Instant;

use crate::tree::{settle_before_blocking, simulated};

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Polls a future on this thread, which sleeps in between and wakes by itself at `limit`.
///
/// It needs no runtime. So it also works in a blocking job, where tokio's `block_on` would need a handle.
pub(super) fn block_on<F: Future>(future: F, limit: Option<Instant>) -> F::Output {
    // Inside a tokio task the cooperative budget would run out and never be refilled, because the thread does not
    // return to the runtime in between.
    let mut future = pin!(unconstrained(future));
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut cx = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut cx) {
            Poll::Ready(output) => return output,
            Poll::Pending => {
                settle_before_blocking();
                simulated::block(|| park(limit));
            }
        }
    }
}

fn park(limit: Option<Instant>) {
    match limit {
        None => thread::park(),
        Some(limit) => thread::park_timeout(limit.saturating_duration_since(Instant::now())),
    }
}
