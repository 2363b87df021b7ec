use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{self, Poll};

use super::{Actor, Context};
use crate::sync::Readiness;

impl<A: Actor> Context<A> {
    /// Waits for the next message. For a handler that takes further messages while it runs, such as one that gathers a
    /// batch or hands out work. The message counts as started and becomes the current one, as after
    /// [`try_next`](Context::try_next). `None` if the actor is to end and nothing is left to take.
    ///
    /// Sources (timers, streams, watches) and the ends of children are handled between two handlers, so a handler that
    /// runs for long delays them.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tenure::prelude::*;
    /// # struct Journal;
    /// # impl Journal { async fn write(&mut self, lines: Vec<String>) {} }
    /// impl Actor for Journal {
    ///     type Msg = String;
    ///
    ///     async fn handle(&mut self, line: String, ctx: &mut Context<Self>) -> tenure::Result {
    ///         let mut lines = vec![line];
    ///         // Whatever else comes within 5 ms goes with it.
    ///         let time = tokio::time::sleep(Duration::from_millis(5));
    ///         tokio::pin!(time);
    ///         while lines.len() < 100 {
    ///             tokio::select! {
    ///                 next = ctx.next() => match next {
    ///                     Some(line) => lines.push(line),
    ///                     None => break,
    ///                 },
    ///                 () = &mut time => break,
    ///             }
    ///         }
    ///         self.write(lines).await;
    ///         Ok(())
    ///     }
    /// }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), RunError> {
    /// # tenure::scope(async |scope| {
    /// #     let journal = scope.spawn(Journal)?;
    /// #     for _ in 0..3 { journal.tell(String::new()).await?; }
    /// #     Ok(())
    /// # }).await
    /// # }
    /// ```
    #[expect(
        clippy::should_implement_trait,
        reason = "it waits, and stands beside `try_next`"
    )]
    pub fn next(&mut self) -> Next<'_, A> {
        Next::new(self)
    }
}

/// The next message. Made by [`Context::next`](crate::Context::next).
///
/// # Panics
///
/// When it is polled again after it was ready.
///
/// # Cancel safety
///
/// If it is dropped before it is ready, no message is taken.
#[must_use = "futures do nothing unless awaited"]
pub struct Next<'a, A: Actor> {
    ctx: &'a mut Context<A>,
    /// The mailbox has the waker of the last poll.
    is_waiting: bool,
    readiness: Readiness,
}

impl<'a, A: Actor> Next<'a, A> {
    pub(super) fn new(ctx: &'a mut Context<A>) -> Self {
        Self {
            ctx,
            is_waiting: false,
            readiness: Readiness::new(),
        }
    }

    fn poll_next(&mut self, cx: &mut task::Context<'_>) -> Poll<Option<A::Msg>> {
        loop {
            if self.ctx.signals().load().ends_batch() {
                return Poll::Ready(None);
            }
            if self.ctx.poll_message(cx).is_pending() {
                self.is_waiting = true;
                // An order that came before the waker was set has woken nobody.
                let signals = self.ctx.signals().load();
                return match signals.ends_batch() || signals.ends_when_empty() {
                    true => Poll::Ready(None),
                    false => Poll::Pending,
                };
            }
            // A message whose caller has gone is skipped.
            if let Some(message) = self.ctx.next_queued() {
                return Poll::Ready(Some(message));
            }
        }
    }
}

impl<A: Actor> Future for Next<'_, A> {
    type Output = Option<A::Msg>;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        this.readiness.assert_pending();
        let polled = this.poll_next(cx);
        this.readiness.note(polled)
    }
}

impl<A: Actor> Drop for Next<'_, A> {
    fn drop(&mut self) {
        if self.is_waiting {
            self.ctx.end_wait();
        }
    }
}

impl<A: Actor> fmt::Debug for Next<'_, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Next")
    }
}
