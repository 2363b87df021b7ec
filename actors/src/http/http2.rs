//! Streams of HTTP/2. Each is served by the task of its connection until it waits for something. From then on it is a task
//! of its own beneath the connection, with a timer of its own.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::rt::Executor;
use hyper::server::conn::http2;
use tenure::{Deadline, TaskSpec};
use tokio::time::Instant;

use super::HttpService;
use super::call::Calls;
use super::connection::{Connection, lock};
use super::driver::Protocol;
use super::exchange::{Exchange, Verdict};
use super::handler::drop_caught;
use super::io::Io;
use super::rewind::Rewind;
use super::serve::Socket;
use super::timer::{Timer, Unchanged, Window};

/// How long a connection serves streams before it lets others have the thread.
const TURN: Duration = Duration::from_millis(1);
/// A handler that takes this long without waiting holds up the other streams of its connection. Those that come next most
/// likely do the same: this many of them become tasks before they are polled.
const LONG: Duration = Duration::from_micros(100);
const AFTER_LONG: u32 = 32;

/// A stream, which is polled by its connection, and then by a task.
///
/// What panics in it is its own end, and not its connection's. The protocol runs code of the user's as well, beside that of
/// the handler: it drops the extensions of a response, and looks through the causes of a body's error.
struct Stream {
    /// Until it has ended.
    served: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    exchange: Arc<Exchange>,
}

impl Stream {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(served) = &mut self.served else {
            return Poll::Ready(());
        };
        match catch_unwind(AssertUnwindSafe(|| served.as_mut().poll(cx))) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(())) => {}
            Err(panic) => self.exchange.note_panic(panic),
        }
        self.end();
        Poll::Ready(())
    }

    fn end(&mut self) {
        let served = self.served.take();
        drop_caught(|| drop(served));
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.end();
    }
}

/// Takes what HTTP/2 has to run beside the connection.
#[derive(Clone)]
pub(super) struct Streams {
    connection: Arc<Connection>,
    /// Until the connection has been polled.
    begun: Arc<Mutex<Vec<Stream>>>,
}

impl Streams {
    pub(super) fn new(connection: Arc<Connection>) -> Self {
        Self {
            connection,
            begun: Arc::default(),
        }
    }
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, future: F) {
        // The protocol hands over a stream right after it has made its call. What comes without one is an upgrade's.
        if let Some(exchange) = self.connection.take_exchange() {
            let served: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(future);
            let served = Some(served);
            return lock(&self.begun).push(Stream { served, exchange });
        }
        start(&self.connection, TaskSpec::new(future));
    }
}

/// Starts a task beneath the connection.
fn start<F: Future<Output = ()> + Send + 'static>(connection: &Connection, task: TaskSpec<F>) {
    if connection.scope.task(task.contain()).is_err() {
        // Its drop has reset the stream.
        tracing::debug!("a stream came to a connection that is closed");
    }
}

type Http2Connection<I, S> = http2::Connection<Rewind<Socket<I>>, Calls<S>, Streams>;

/// A connection of HTTP/2, with the streams that wait for nothing.
pub(super) struct Http2<I: Io, S: HttpService> {
    connection: Pin<Box<Http2Connection<I, S>>>,
    streams: Streams,
    /// Those that are being served. It is empty after each poll, and kept for its room.
    served: Vec<Stream>,
    /// How many of the next streams become tasks at once.
    tasks: u32,
    no_deadline: Deadline,
}

impl<I: Io, S: HttpService> Http2<I, S> {
    pub(super) fn new(connection: Http2Connection<I, S>, streams: Streams) -> Self {
        let no_deadline = Deadline::at(Instant::now());
        no_deadline.lift();
        Self {
            connection: Box::pin(connection),
            streams,
            served: Vec::new(),
            tasks: 0,
            no_deadline,
        }
    }

    /// Polls the streams that are to be served, from now until the end of the turn. Those that wait go on as tasks, as do
    /// those that it does not poll. Gives the time.
    fn serve(&mut self, mut now: Instant, end: Instant, cx: &mut Context<'_>) -> Instant {
        let connection = &self.streams.connection;
        self.served.retain_mut(|stream| {
            if now >= end {
                return true;
            }
            if let Some(left) = self.tasks.checked_sub(1) {
                self.tasks = left;
                return true;
            }
            // What is asked in it inherits that.
            let deadline = stream.exchange.deadline().clone();
            connection.scope.set_deadline(deadline);
            let polled = stream.poll(cx);
            let before = std::mem::replace(&mut now, Instant::now());
            if now - before >= LONG {
                self.tasks = AFTER_LONG;
            }
            polled.is_pending()
        });
        connection.scope.set_deadline(self.no_deadline.clone());
        for stream in self.served.drain(..) {
            let deadline = stream.exchange.deadline().clone();
            let task = TaskSpec::new(watch(stream));
            start(connection, task.deadline(deadline));
        }
        now
    }
}

impl<I: Io, S: HttpService> Protocol for Http2<I, S> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<hyper::Result<()>> {
        let mut turn = None;
        loop {
            if let Poll::Ready(ended) = self.connection.as_mut().poll(cx) {
                return Poll::Ready(ended);
            }
            std::mem::swap(&mut *lock(&self.streams.begun), &mut self.served);
            if self.served.is_empty() {
                return Poll::Pending;
            }
            let now = Instant::now();
            let end = *turn.get_or_insert(now + TURN);
            if self.serve(now, end, cx) >= end {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            // What they have left for their clients goes out with the next poll, all of it together.
        }
    }

    fn end(&mut self) {
        self.connection.as_mut().graceful_shutdown();
    }
}

/// Streams hold the list that they are in: if they were left in it, nobody would drop either.
impl<I: Io, S: HttpService> Drop for Http2<I, S> {
    fn drop(&mut self) {
        let begun = std::mem::take(&mut *lock(&self.streams.begun));
        drop(begun);
    }
}

/// Serves a stream that is a task until it ends or its limits do.
async fn watch(stream: Stream) {
    let mut watch = Watch {
        timer: Timer::default(),
        window: Window::default(),
        silent: Unchanged::new(stream.exchange.began),
        stream,
    };
    poll_fn(|cx| watch.poll(cx)).await;
}

struct Watch {
    stream: Stream,
    timer: Timer,
    window: Window,
    silent: Unchanged,
}

impl Watch {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if self.stream.poll(cx).is_ready() {
                return Poll::Ready(());
            }
            let now = Instant::now();
            match self.due(now) {
                // The protocol does not look at the response while its client takes none of it: so the stream is
                // dropped, which resets it.
                Err(verdict) => {
                    self.stream.exchange.judge(verdict);
                    return Poll::Ready(());
                }
                Ok((at, verdict)) if at <= now => {
                    if let Some(verdict) = verdict {
                        self.stream.exchange.judge(verdict);
                        if self.stream.exchange.is_responding() {
                            return Poll::Ready(());
                        }
                    }
                }
                Ok((at, _)) => {
                    if self.timer.poll(at, now, cx).is_pending() {
                        return Poll::Pending;
                    }
                }
            }
        }
    }

    /// When there is something to do, and what; or what has become of the stream.
    fn due(&mut self, now: Instant) -> Result<(Instant, Option<Verdict>), Verdict> {
        let exchange = &self.stream.exchange;
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
