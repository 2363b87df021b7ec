//! What is known of a connection by all that serve it.

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, ThreadId};

use hyper::upgrade::OnUpgrade;
use tenure::{CancellationToken, Scope};

use super::exchange::Exchange;
use super::{HttpStats, Limits};

/// What all connections of a server share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) limits: Limits,
    pub(super) stats: Arc<HttpStats>,
    /// Each request is to have one.
    pub(super) has_spans: bool,
}

/// What is done once a connection has been upgraded.
pub(super) type Upgrade = (
    OnUpgrade,
    Box<dyn FnOnce(hyper::upgrade::Upgraded, CancellationToken) -> Work + Send>,
);
pub(super) type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A connection. Its protocol, its IO, its requests and its timer note here what the others have to know.
pub(super) struct Connection {
    pub(super) shared: Arc<Shared>,
    pub(super) peer: Option<SocketAddr>,
    /// Holds what is to end with the connection.
    pub(super) scope: Scope,
    /// Fires when it is to end.
    pub(super) token: CancellationToken,
    is_http2: AtomicBool,
    /// Requests so far, and those that are not over, with the streams of HTTP/2 that were upgraded.
    requests: AtomicU32,
    in_flight: AtomicU32,
    /// The next response is to be the last.
    is_last: AtomicBool,
    /// A body of HTTP/1 is being read.
    reads_body: AtomicBool,
    /// What has come is no preface of HTTP/2, or a whole one.
    has_begun: AtomicBool,
    /// Something of a head has been read.
    has_begun_head: AtomicBool,
    /// What was written waits for the client.
    is_blocked: AtomicBool,
    written: AtomicU64,
    /// Its last bytes are written, and it lingers.
    is_shut: AtomicBool,
    /// The client may still be sending when it has been sent the last response: the close waits for it.
    lingers: AtomicBool,
    /// It did not end within the time that a shutdown gives it, which has been counted.
    is_cut: AtomicBool,
    /// With HTTP/1 the request that is being served. With HTTP/2 the one that has just begun, until its stream is handed
    /// over, and the thread that has begun it.
    exchange: Mutex<Option<(Option<ThreadId>, Arc<Exchange>)>>,
    upgrade: Mutex<Option<Upgrade>>,
}

impl Connection {
    pub(super) fn new(
        shared: Arc<Shared>,
        peer: Option<SocketAddr>,
        scope: Scope,
        token: CancellationToken,
    ) -> Self {
        Self {
            shared,
            peer,
            scope,
            token,
            is_http2: AtomicBool::new(false),
            requests: AtomicU32::new(0),
            in_flight: AtomicU32::new(0),
            is_last: AtomicBool::new(false),
            reads_body: AtomicBool::new(false),
            has_begun: AtomicBool::new(false),
            has_begun_head: AtomicBool::new(false),
            is_blocked: AtomicBool::new(false),
            written: AtomicU64::new(0),
            is_shut: AtomicBool::new(false),
            lingers: AtomicBool::new(true),
            is_cut: AtomicBool::new(false),
            exchange: Mutex::new(None),
            upgrade: Mutex::new(None),
        }
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.shared.limits
    }

    pub(super) fn stats(&self) -> &HttpStats {
        &self.shared.stats
    }

    pub(super) fn turn_to_http2(&self) {
        self.is_http2.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_http2(&self) -> bool {
        self.is_http2.load(Ordering::Relaxed)
    }

    /// A head has come.
    pub(super) fn begin_request(&self) {
        // Only the connection's own task counts them.
        let requests = self.requests().saturating_add(1);
        self.requests.store(requests, Ordering::Relaxed);
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        self.has_begun_head.store(false, Ordering::Relaxed);
        if requests >= self.limits().requests_per_connection {
            self.end_soon();
        }
        self.stats().requests.add();
        self.stats().in_flight.add();
    }

    /// The response is with the protocol, or nobody waits for it any more.
    pub(super) fn end_request(&self) {
        if !self.is_http2() {
            let over = lock(&self.exchange).take();
            drop(over);
        }
        self.reads_body.store(false, Ordering::Relaxed);
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        self.stats().in_flight.remove();
    }

    /// It is busy for as long as this is kept.
    pub(super) fn keep_busy(self: &Arc<Self>) -> Busy {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        Busy(Arc::clone(self))
    }

    /// It, or what it was upgraded to, is broken off in a shutdown. It is counted once, whichever of its parts comes first.
    pub(super) fn note_cut(&self) {
        if !self.is_cut.swap(true, Ordering::Relaxed) {
            self.stats().cut_at_shutdown.add();
        }
    }

    pub(super) fn requests(&self) -> u32 {
        self.requests.load(Ordering::Relaxed)
    }

    pub(super) fn is_busy(&self) -> bool {
        self.in_flight.load(Ordering::Relaxed) > 0
    }

    /// The next response says that it is the last.
    pub(super) fn end_soon(&self) {
        self.is_last.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_last(&self) -> bool {
        self.is_last.load(Ordering::Relaxed)
    }

    /// Whether there have been far more requests than there may be. A client of HTTP/2 may have some on their way when it is
    /// told that no more is served.
    pub(super) fn has_asked_too_much(&self) -> bool {
        let Limits {
            requests_per_connection: most,
            streams,
            ..
        } = *self.limits();
        self.requests() > most.saturating_mul(2).saturating_add(streams)
    }

    pub(super) fn set_reads_body(&self, reads: bool) {
        self.reads_body.store(reads, Ordering::Relaxed);
    }

    /// The body of this request has ended. If the request was over before, this changes nothing: somebody has kept its body,
    /// and the connection may be reading the next one.
    pub(super) fn end_body(&self, of: &Exchange) {
        let exchange = lock(&self.exchange);
        let is_served = exchange.as_ref().is_some_and(|(_, it)| ptr::eq(&**it, of));
        if is_served || self.is_http2() {
            self.set_reads_body(false);
        }
    }

    /// Bytes have come. While nothing is served, and once the body has been read, they are of the next head.
    pub(super) fn note_read(&self) {
        if !self.reads_body.load(Ordering::Relaxed) {
            self.has_begun_head.store(true, Ordering::Relaxed);
        }
    }

    /// From the first read on that is more than a part of a preface.
    pub(super) fn note_begun(&self) {
        self.has_begun.store(true, Ordering::Relaxed);
    }

    pub(super) fn has_begun(&self) -> bool {
        self.has_begun.load(Ordering::Relaxed)
    }

    pub(super) fn has_begun_head(&self) -> bool {
        self.has_begun_head.load(Ordering::Relaxed)
    }

    /// By whoever writes: there is one at a time.
    pub(super) fn note_written(&self, bytes: usize) {
        let written = self.written() + bytes as u64;
        self.written.store(written, Ordering::Relaxed);
    }

    pub(super) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    pub(super) fn set_blocked(&self, blocked: bool) {
        self.is_blocked.store(blocked, Ordering::Relaxed);
    }

    /// Whether something that was written waits for the client.
    pub(super) fn is_blocked(&self) -> bool {
        self.is_blocked.load(Ordering::Relaxed)
    }

    /// Whether the request that HTTP/1 is serving has lifted its limits.
    pub(super) fn is_relaxed(&self) -> bool {
        let exchange = lock(&self.exchange);
        !self.is_http2() && exchange.as_ref().is_some_and(|(_, it)| it.is_relaxed())
    }

    /// Whether it waits for its client before it closes. If nothing is in flight it need not.
    pub(super) fn set_lingers(&self, lingers: bool) {
        self.lingers.store(lingers, Ordering::Relaxed);
    }

    pub(super) fn lingers(&self) -> bool {
        self.lingers.load(Ordering::Relaxed) && self.written() > 0
    }

    pub(super) fn note_shut(&self) {
        self.is_shut.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_shut(&self) -> bool {
        self.is_shut.load(Ordering::Relaxed)
    }

    pub(super) fn set_exchange(&self, exchange: &Arc<Exchange>) {
        let by = self.is_http2().then(|| thread::current().id());
        let before = lock(&self.exchange).replace((by, Arc::clone(exchange)));
        drop(before);
    }

    pub(super) fn exchange(&self) -> Option<Arc<Exchange>> {
        let exchange = lock(&self.exchange);
        exchange.as_ref().map(|(_, exchange)| Arc::clone(exchange))
    }

    /// The request that this thread has begun. Another thread may hand over a stream meanwhile that is an upgrade's, and has
    /// no request.
    pub(super) fn take_exchange(&self) -> Option<Arc<Exchange>> {
        let begun = lock(&self.exchange).take_if(|(by, _)| *by == Some(thread::current().id()));
        begun.map(|(_, exchange)| exchange)
    }

    pub(super) fn set_upgrade(&self, upgrade: Upgrade) {
        // That of an earlier request whose response did not upgrade.
        let before = lock(&self.upgrade).replace(upgrade);
        drop(before);
    }

    pub(super) fn take_upgrade(&self) -> Option<Upgrade> {
        lock(&self.upgrade).take()
    }
}

/// Something is done on a connection that is no request.
pub(super) struct Busy(Arc<Connection>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}

/// Under these locks no user code runs, which includes destructors: what is taken out is dropped once they are free.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::Weak;
    use std::sync::atomic::AtomicUsize;

    use http::Request;
    use tenure::Deadline;
    use tracing::Span;

    use super::super::handler::Output;
    use super::*;

    /// Notes when it is dropped whether the locks of its connection are free.
    #[derive(Debug)]
    struct Noting {
        connection: Weak<Connection>,
        free: Arc<AtomicUsize>,
    }

    impl Drop for Noting {
        fn drop(&mut self) {
            let Some(connection) = self.connection.upgrade() else {
                return;
            };
            let is_free =
                connection.exchange.try_lock().is_ok() && connection.upgrade.try_lock().is_ok();
            self.free.fetch_add(is_free.into(), Ordering::Relaxed);
        }
    }

    impl fmt::Display for Noting {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("noting")
        }
    }

    impl std::error::Error for Noting {}

    fn exchange(connection: &Arc<Connection>, noting: Noting) -> Arc<Exchange> {
        let exchange = Exchange::new(Arc::clone(connection), Span::none(), false, Deadline::at);
        exchange.leave_output(Output::Error(Box::new(noting)), true);
        Arc::new(exchange)
    }

    fn upgrade(noting: Noting) -> Upgrade {
        let on_upgrade = hyper::upgrade::on(Request::new(()));
        let then = move |_, _| {
            let _noting = &noting;
            Box::pin(std::future::ready(())) as Work
        };
        (on_upgrade, Box::new(then))
    }

    #[tokio::test]
    async fn what_is_the_users_is_dropped_when_the_locks_of_a_connection_are_free() {
        let free = Arc::new(AtomicUsize::new(0));
        let served = tenure::scope_send(|scope| {
            let free = Arc::clone(&free);
            async move {
                let token = CancellationToken::new();
                let connection = Arc::new(Connection::new(Arc::default(), None, scope, token));
                let noting = || Noting {
                    connection: Arc::downgrade(&connection),
                    free: Arc::clone(&free),
                };
                // Each is the last who has what it puts there.
                connection.begin_request();
                connection.set_exchange(&exchange(&connection, noting()));
                connection.set_exchange(&exchange(&connection, noting()));
                connection.end_request();
                assert_eq!(free.load(Ordering::Relaxed), 2, "exchanges");

                connection.set_upgrade(upgrade(noting()));
                connection.set_upgrade(upgrade(noting()));
                assert_eq!(free.load(Ordering::Relaxed), 3, "upgrades");
                Ok(())
            }
        });
        served.await.unwrap();
    }
}
