//! Streams of HTTP/2: each is a task of its connection's, with a timer of its own.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::rt::Executor;
use tenure::TaskSpec;
use tokio::time::Instant;

use super::connection::Connection;
use super::exchange::{Exchange, Verdict};
use super::timer::{Timer, Unchanged, Window};

/// Starts what HTTP/2 has to run beside the connection, beneath the connection.
#[derive(Debug, Clone)]
pub(super) struct Streams(pub(super) Arc<Connection>);

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, future: F) {
        // The protocol hands over a stream right after it has made its call. What comes without one is an upgrade's.
        let started = match self.0.take_exchange() {
            Some(exchange) => {
                let deadline = exchange.deadline().clone();
                let stream = TaskSpec::new(serve(future, exchange)).deadline(deadline);
                self.0.scope.task(stream.contain()).map(drop).is_ok()
            }
            None => {
                let upgraded = TaskSpec::new(future);
                self.0.scope.task(upgraded.contain()).map(drop).is_ok()
            }
        };
        if !started {
            // Its drop has reset the stream.
            tracing::debug!("a stream came to a connection that is closed");
        }
    }
}

/// Serves a stream until it ends or its limits do.
async fn serve<F: Future<Output = ()>>(stream: F, exchange: Arc<Exchange>) {
    let mut stream = pin!(stream);
    let mut watch = Watch {
        timer: Timer::default(),
        window: Window::default(),
        silent: Unchanged::new(exchange.began),
        exchange,
    };
    poll_fn(|cx| watch.poll(stream.as_mut(), cx)).await;
}

struct Watch {
    exchange: Arc<Exchange>,
    timer: Timer,
    window: Window,
    silent: Unchanged,
}

impl Watch {
    fn poll<F: Future<Output = ()>>(
        &mut self,
        mut stream: Pin<&mut F>,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        loop {
            if stream.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
            let now = Instant::now();
            match self.due(now) {
                // The protocol does not look at the response while its client takes none of it: so the stream is
                // dropped, which resets it.
                Err(verdict) => {
                    self.exchange.judge(verdict);
                    return Poll::Ready(());
                }
                Ok((at, verdict)) if at <= now => {
                    if let Some(verdict) = verdict {
                        self.exchange.judge(verdict);
                        if self.exchange.is_responding() {
                            return Poll::Ready(());
                        }
                    }
                }
                Ok((at, _)) => {
                    if self.timer.poll(at, cx).is_pending() {
                        return Poll::Pending;
                    }
                }
            }
        }
    }

    /// When there is something to do, and what; or what has become of the stream.
    fn due(&mut self, now: Instant) -> Result<(Instant, Option<Verdict>), Verdict> {
        let exchange = &self.exchange;
        let limits = exchange.connection.limits();
        let sent = exchange.sent();
        let silent_since = self.silent.since(sent, now).max(exchange.began);
        let mut next = (now + limits.idle, None);
        if let Some((at, verdict)) = exchange.due(silent_since).filter(|(at, _)| *at < next.0) {
            next = (at, Some(verdict));
        }
        if !exchange.waits_for_client() {
            self.window.close();
            return Ok(next);
        }
        let end = self.window.end(now, sent, limits).ok_or(Verdict::Stalled)?;
        if end < next.0 {
            next = (end, None);
        }
        Ok(next)
    }
}
