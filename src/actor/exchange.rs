//! A request and the wait for its reply, independent of how the request gets there.

use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use tokio::task::coop::poll_proceed;

use super::bounds::Bounds;
use crate::error::AskError;
use crate::mailbox::ReplyReceiver;
use crate::tree::AnyNode;

/// How a request gets into a mailbox.
pub(super) trait Post {
    /// Sends the request once there is room. `limited` says whether the wait for its reply has a time limit.
    ///
    /// # Errors
    ///
    /// Why the request cannot be sent.
    fn poll_send<T: Send + 'static>(
        &mut self,
        reply: &ReplyReceiver<T>,
        limited: bool,
        waker: &Waker,
    ) -> Poll<Result<(), AskError>>;

    /// Drops a request that was not sent, and leaves the line.
    fn take_back(&mut self);

    /// Called when the request was sent and nobody waits for its reply any more.
    fn abandon(&mut self);

    fn target(&self) -> Arc<dyn AnyNode>;
}

/// A request on its way, and then the wait for its reply.
pub(super) struct Exchange<P: Post, T: Send + 'static> {
    post: P,
    progress: Progress,
    reply: ReplyReceiver<T>,
    pub(super) bounds: Bounds,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Unsent,
    /// It waits for room.
    Queueing,
    Sent,
    Over,
}

impl<P: Post, T: Send + 'static> Exchange<P, T> {
    pub(super) fn new(post: P, reply: ReplyReceiver<T>) -> Self {
        Self {
            post,
            progress: Progress::Unsent,
            reply,
            bounds: Bounds::new(),
        }
    }

    pub(super) fn post(&mut self) -> &mut P {
        &mut self.post
    }

    /// The same exchange by another way to the same target. `self` is over then, and its drop does nothing.
    pub(super) fn moved<Q: Post>(&mut self, post: impl FnOnce(&mut P) -> Q) -> Exchange<Q, T> {
        Exchange {
            post: post(&mut self.post),
            progress: std::mem::replace(&mut self.progress, Progress::Over),
            reply: self.reply.take(),
            bounds: std::mem::take(&mut self.bounds),
        }
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, AskError>> {
        let was_begun = self.progress != Progress::Unsent;
        if self.progress != Progress::Sent {
            ready!(poll_proceed(cx)).made_progress();
            if let Poll::Ready(Err(error)) = self.poll_send(cx.waker()) {
                return Poll::Ready(Err(error));
            }
        }
        if self.progress == Progress::Sent
            && let Poll::Ready(reply) = self.reply.poll(cx.waker())
        {
            // The holder of the `ReplyTo` can then see that nobody waits.
            self.progress = Progress::Over;
            self.bounds.end();
            return Poll::Ready(reply);
        }
        if self.bounds.is_out_of_time(cx) {
            let late = self.give_up();
            return Poll::Ready(late.unwrap_or_else(|started| Err(self.bounds.timed_out(started))));
        }
        // The request may have been handed on before the waker was set.
        if was_begun || self.reply.is_handed_on() {
            return self.poll_wait();
        }
        Poll::Pending
    }

    /// Sends the request, if it is not sent yet.
    fn poll_send(&mut self, waker: &Waker) -> Poll<Result<(), AskError>> {
        match self.progress {
            Progress::Sent | Progress::Over => panic!("polled after it was ready"),
            Progress::Queueing => {}
            Progress::Unsent => {
                // The search for a cycle comes before the send, so that a refused request was certainly not started.
                if let Err(cycle) = self.bounds.begin(&self.reply, || self.post.target()) {
                    return self.refuse(AskError::Deadlock(cycle));
                }
            }
        }
        let limited = self.bounds.has_limit();
        match self.post.poll_send(&self.reply, limited, waker) {
            Poll::Ready(Ok(())) => self.progress = Progress::Sent,
            Poll::Ready(Err(error)) => return self.refuse(error),
            Poll::Pending => {
                self.progress = Progress::Queueing;
                return Poll::Pending;
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Ends an exchange whose request was not sent.
    #[cold]
    fn refuse(&mut self, error: AskError) -> Poll<Result<(), AskError>> {
        self.progress = Progress::Over;
        self.bounds.end();
        drop(self.reply.give_up());
        self.post.take_back();
        Poll::Ready(Err(error))
    }

    /// Called when it is pending. Another handler may have begun it, so the wait is listed for the node that polls now.
    #[cold]
    fn poll_wait(&mut self) -> Poll<Result<T, AskError>> {
        let Err(cycle) = self.bounds.list_wait(&self.reply, || self.post.target()) else {
            return Poll::Pending;
        };
        let late = self.give_up();
        let error = |started| Err(AskError::Deadlock(cycle.with_started(started)));
        Poll::Ready(late.unwrap_or_else(error))
    }

    /// Gives up the wait. Returns the reply if it has come after all; otherwise the error says whether the request may
    /// have been started.
    fn give_up(&mut self) -> Result<Result<T, AskError>, bool> {
        self.bounds.end();
        let progress = std::mem::replace(&mut self.progress, Progress::Over);
        if progress == Progress::Over {
            return Err(false);
        }
        let left = self.reply.give_up();
        if progress == Progress::Sent {
            self.post.abandon();
            return left;
        }
        drop(left);
        self.post.take_back();
        Err(false)
    }
}

impl<P: Post, T: Send + 'static> Drop for Exchange<P, T> {
    fn drop(&mut self) {
        if self.progress != Progress::Over {
            drop(self.give_up());
        }
    }
}

/// The methods of an ask, independent of how the request gets there. They use its `exchange`.
macro_rules! asks {
    ($Ask:ident) => {
        impl<M: Send + 'static, T: Send + 'static> $Ask<'_, M, T> {
            /// Waits for at most this long from now; the error is [`AskError::TimedOut`] then. Zero means a single try.
            /// A time that never comes, such as one too long for the clock, means no limit; the
            /// [default](crate::Builder::ask_timeout) does not apply then either.
            ///
            /// If the ask is made while handling a message with an earlier deadline, that deadline holds, until the
            /// reply to that message is sent or dropped. An ask without a limit has that deadline, or the default of
            /// its system ([`Builder::ask_timeout`](crate::Builder::ask_timeout)), or none.
            pub fn timeout(mut self, limit: std::time::Duration) -> Self {
                self.exchange
                    .bounds
                    .set_limit($crate::sync::limit_after(limit));
                self
            }

            /// Waits until this moment at most; the error is [`AskError::TimedOut`] then. With a deadline that has
            /// passed already, there is a single try.
            pub fn deadline(mut self, limit: tokio::time::Instant) -> Self {
                self.exchange
                    .bounds
                    .set_limit($crate::sync::limit_at(limit));
                self
            }

            /// Ignores the inherited deadline and the default one. A limit of its own stays.
            pub fn no_deadline(mut self) -> Self {
                self.exchange.bounds.inherit_nothing();
                self
            }

            /// Waits even if that completes a cycle of nodes that wait for each other. For an ask that something else
            /// will end which this crate cannot see, such as another branch of a `select!` or a timeout around it.
            ///
            /// Without this, an ask is refused ([`AskError::Deadlock`]) if a cycle leads through *any* wait of a node,
            /// even if the node waits for several things at once and another of them might let it go on. An ask with a
            /// time limit that comes is never refused.
            pub fn even_if_cyclic(mut self) -> Self {
                self.exchange.bounds.allow_cycles();
                self
            }

            /// Sends the message and waits for the reply on this thread, which may block: in a
            /// [`blocking`](crate::Spawner::blocking) job, or outside of the runtime. On a runtime's own thread it
            /// would block everything else there.
            ///
            /// A [`timeout`](Self::timeout) or [`deadline`](Self::deadline) needs no runtime here.
            ///
            /// ```
            /// # use std::time::Duration;
            /// # use tenure::prelude::*;
            /// # struct Echo;
            /// # impl Actor for Echo {
            /// #     type Msg = ReplyTo<u32>;
            /// #     async fn handle(&mut self, reply: ReplyTo<u32>, _: &mut Context<Self>) -> tenure::Result {
            /// #         reply.send(7);
            /// #         Ok(())
            /// #     }
            /// # }
            /// # #[tokio::main(flavor = "current_thread")]
            /// # async fn main() -> Result<(), RunError> {
            /// tenure::scope(async |scope| {
            ///     let echo = scope.spawn(Echo)?;
            ///     let job = scope.blocking(move |_| {
            ///         let ask = echo.ask(|reply| reply).timeout(Duration::from_secs(2));
            ///         tenure::Ok(ask.blocking_wait()?)
            ///     })?;
            ///     assert_eq!(job.await?, 7);
            ///     Ok(())
            /// })
            /// .await
            /// # }
            /// ```
            ///
            /// # Errors
            ///
            /// [`AskError`] says why there is no reply.
            ///
            /// # Panics
            ///
            /// If it was polled before and was ready; with a deadline, in a runtime without a timer.
            pub fn blocking_wait(mut self) -> Result<T, $crate::error::AskError> {
                let limit = self.exchange.bounds.block();
                $crate::actor::block::block_on(self, limit)
            }
        }

        /// Nothing in it is pinned.
        impl<M: Send + 'static, T: Send + 'static> Unpin for $Ask<'_, M, T> {}

        impl<M: Send + 'static, T: Send + 'static> std::future::Future for $Ask<'_, M, T> {
            type Output = Result<T, $crate::error::AskError>;

            fn poll(
                self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
            ) -> std::task::Poll<Self::Output> {
                self.get_mut().exchange.poll(cx)
            }
        }

        impl<M: Send + 'static, T: Send + 'static> std::fmt::Debug for $Ask<'_, M, T> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($Ask)).finish_non_exhaustive()
            }
        }
    };
}

pub(super) use asks;
