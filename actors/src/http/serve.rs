//! A connection from its accept to its end.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioIo, TokioTimer};
use tenure::TaskSpec;
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;

use super::HttpService;
use super::call::Calls;
use super::connection::Connection;
use super::driver::{Driver, Outcome, Protocol};
use super::http2::{Http2, Streams};
use super::io::{Io, Probe};
use super::rewind::Rewind;
use super::timer::Signal;
use super::watched_io::WatchedIo;

const TIMED_OUT: &[u8] =
    b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
pub(super) const TOO_MANY: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n";

/// How long a client has that is told of an error, and of nothing else.
const BRIEF: std::time::Duration = std::time::Duration::from_secs(1);

/// What a connection brings with it.
pub(super) struct Opened<I> {
    pub(super) io: I,
    pub(super) probe: Probe,
    /// When it was accepted.
    pub(super) began: Instant,
    /// TLS has agreed on HTTP/2.
    pub(super) is_http2: bool,
}

pub(super) type Socket<I> = TokioIo<WatchedIo<I>>;

/// Serves a connection to its end, whatever protocol it turns out to speak.
pub(super) async fn serve<I: Io, S: HttpService>(
    opened: Opened<I>,
    service: Arc<S>,
    connection: Arc<Connection>,
) {
    let told = Signal::new(connection.token.clone().cancelled_owned());
    let driver = Driver::new(Arc::clone(&connection), opened.began, opened.probe, told);
    let io = WatchedIo::new(opened.io, Arc::clone(&connection));
    let mut serving = Serving {
        connection,
        driver,
        service,
    };
    if opened.is_http2 {
        serving
            .http2(Rewind::new(TokioIo::new(io), bytes::Bytes::new()))
            .await;
    } else {
        serving.http1(TokioIo::new(io)).await;
    }
}

struct Serving<S> {
    connection: Arc<Connection>,
    driver: Driver,
    service: Arc<S>,
}

impl<S: HttpService> Serving<S> {
    fn calls(&self) -> Calls<S> {
        Calls::new(Arc::clone(&self.service), Arc::clone(&self.connection))
    }

    async fn http1<I: Io>(&mut self, io: Socket<I>) {
        let limits = self.connection.limits();
        let http1 = http1::Builder::new()
            .max_header_size(limits.head_bytes)
            // More than a head, or the buffer would be full before the head is too large.
            .max_buf_size(limits.head_bytes.saturating_mul(2).max(64 << 10))
            // The limits of heads and of idling are the driver's: the protocol's own would mix them.
            .header_read_timeout(None)
            .serve_connection(io, self.calls());
        let mut http1 = Http1(http1.with_upgrades());
        let outcome = self.driver.drive(&mut http1).await;
        match outcome {
            Outcome::Over(Err(error)) if error.is_parse_version_h2() => {
                if let Some(parts) = http1.0.into_parts() {
                    self.http2(Rewind::new(parts.io, parts.read_buf)).await;
                }
            }
            Outcome::Over(ended) => {
                drop(http1);
                if let Err(error) = ended {
                    self.note_error(&error);
                }
                run_upgrade(&self.connection).await;
            }
            Outcome::SlowHead => {
                self.connection.stats().slow_heads.add();
                tracing::debug!(peer = ?self.connection.peer, "a head took too long");
                let parts = http1.0.into_parts();
                if let Some(parts) = parts.filter(|_| self.connection.has_begun_head()) {
                    refuse_late(parts.io.into_inner()).await;
                }
            }
            outcome => self.note(&outcome),
        }
    }

    async fn http2<I: Io>(&mut self, io: Rewind<Socket<I>>) {
        self.connection.turn_to_http2();
        let limits = self.connection.limits();
        let streams = Streams::new(Arc::clone(&self.connection));
        let http2 = http2::Builder::new(streams.clone())
            .timer(TokioTimer::new())
            .max_concurrent_streams(limits.streams)
            .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX))
            // What one stream may have waiting for its client.
            .max_send_buf_size(64 << 10)
            .serve_connection(io, self.calls());
        let mut http2 = Http2::new(http2, streams);
        if self.driver.is_ending() {
            http2.end();
        }
        match self.driver.drive(&mut http2).await {
            Outcome::Over(Ok(())) => {}
            Outcome::Over(Err(error)) => {
                self.connection.stats().protocol_errors.add();
                tracing::debug!(peer = ?self.connection.peer, %error, "a connection of HTTP/2 broke off");
            }
            Outcome::Idle => {
                self.note(&Outcome::Idle);
                if self.driver.is_ending() {
                    // It was told so.
                    return;
                }
                // It is told, and has as long as a linger to take note.
                http2.end();
                let last = tokio::time::timeout(limits.linger, self.driver.drive(&mut http2));
                if last.await.is_err() {
                    tracing::debug!("an idle connection did not take note of its end");
                }
            }
            outcome => self.note(&outcome),
        }
    }

    fn note_error(&self, error: &hyper::Error) {
        let (stats, peer) = (self.connection.stats(), self.connection.peer);
        if error.is_parse_too_large() {
            stats.heads_too_large.add();
        } else if error.is_parse() {
            stats.bad_heads.add();
        }
        tracing::debug!(?peer, %error, "a connection broke off");
    }

    fn note(&self, outcome: &Outcome) {
        let (stats, peer) = (self.connection.stats(), self.connection.peer);
        match outcome {
            Outcome::Idle => stats.idle.add(),
            Outcome::Stalled => {
                stats.stalled.add();
                self.driver.reset();
            }
            Outcome::SlowHead => stats.slow_heads.add(),
            Outcome::Deaf => stats.protocol_errors.add(),
            Outcome::Cut => {
                self.connection.note_cut();
                tracing::warn!(?peer, "a connection did not end in time, and is broken off");
            }
            Outcome::Gone | Outcome::Over(_) => {}
        }
        tracing::debug!(?peer, ?outcome, "a connection has ended");
    }
}

/// The head did not come in time: whoever has sent some of it is told.
async fn refuse_late<I: Io>(mut io: WatchedIo<I>) {
    // If it has no room, or has gone, the client is not told.
    if let Err(error) = write_brief(&mut io, TIMED_OUT).await {
        tracing::debug!(%error, "a client was not told of its time-out");
    }
}

/// What the last response has upgraded the connection to.
async fn run_upgrade(connection: &Arc<Connection>) {
    let Some((on_upgrade, then)) = connection.take_upgrade() else {
        return;
    };
    let io = match on_upgrade.await {
        Ok(io) => io,
        Err(error) => return tracing::debug!(%error, "an upgrade did not come about"),
    };
    let work = then(io, connection.token.clone());
    let upgraded = TaskSpec::new(upgraded(Arc::clone(connection), work));
    let Ok(upgraded) = connection.scope.task(upgraded.name("upgraded").contain()) else {
        return;
    };
    if let Err(error) = upgraded.await {
        tracing::warn!(peer = ?connection.peer, %error, "an upgraded connection broke off");
    }
}

/// What a connection, or a stream of HTTP/2, was upgraded to: it is ended if a shutdown takes it too long.
pub(super) async fn upgraded(connection: Arc<Connection>, work: impl Future<Output = ()>) {
    connection.stats().upgraded.add();
    let late = async {
        connection.token.cancelled().await;
        tokio::time::sleep(connection.limits().shutdown).await;
    };
    tokio::select! {
        () = work => {}
        () = late => {
            connection.note_cut();
            tracing::warn!(peer = ?connection.peer, "an upgraded connection did not end in time");
        }
    }
}

/// Writes what fits into the socket, and closes it once the client has had time to read that.
pub(super) async fn write_brief<I: Io>(io: &mut WatchedIo<I>, bytes: &[u8]) -> std::io::Result<()> {
    let brief = async {
        io.write_all(bytes).await?;
        io.shutdown().await
    };
    match tokio::time::timeout(BRIEF, brief).await {
        Ok(written) => written,
        // It has had its time.
        Err(_) => Ok(()),
    }
}

struct Http1<I: Io, S: HttpService>(http1::UpgradeableConnection<Socket<I>, Calls<S>>);

impl<I: Io, S: HttpService> Protocol for Http1<I, S> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<hyper::Result<()>> {
        Pin::new(&mut self.0).poll(cx)
    }

    fn end(&mut self) {
        Pin::new(&mut self.0).graceful_shutdown();
    }
}
