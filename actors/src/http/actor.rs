use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tenure::{Actor, CancellationToken, Context, Result, Spawner, Start, TaskSpec};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep};

use super::connection::{Connection, Shared, lock};
#[cfg(feature = "tls")]
use super::driver::LAST_HEAD;
use super::serve::{self, Opened, TOO_MANY};
use super::watched_io::WatchedIo;
use super::{HttpService, HttpStats, Io, Limits, Listener, Serve};

/// After an accept that failed for want of something, such as of files.
const AFTER_AN_ERROR: Duration = Duration::from_millis(50);
/// When a listener closes: how often, and how far apart, it looks for connections that the kernel was still making.
const LAST_LOOKS: u32 = 5;
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// The actor that serves. Its children are a task that accepts, and a task for each connection.
#[derive(Debug)]
pub struct Server {
    stats: Arc<HttpStats>,
}

impl Server {
    /// What it has counted.
    #[must_use]
    pub fn stats(&self) -> &Arc<HttpStats> {
        &self.stats
    }
}

impl Actor for Server {
    type Msg = Infallible;

    async fn handle(&mut self, msg: Infallible, _ctx: &mut Context<Self>) -> Result {
        match msg {}
    }
}

impl<L: Listener, S: HttpService> Start for Serve<L, S> {
    type Actor = Server;

    async fn start(self, ctx: &mut Context<Server>) -> Result<Server> {
        let stats = Arc::clone(&self.stats);
        let shared = Arc::new(Shared {
            limits: self.limits.bounded(),
            stats: Arc::clone(&stats),
            has_spans: self.has_spans,
        });
        let accepting = Accepting {
            room: Arc::new(Semaphore::new(
                shared.limits.connections.clamp(1, Semaphore::MAX_PERMITS),
            )),
            addresses: Arc::default(),
            shared,
            service: Arc::new(self.service),
            #[cfg(feature = "tls")]
            tls: self.tls,
            spawner: ctx.spawner(),
        };
        let mut listener = self.listener;
        listener.set_up(&accepting.shared.limits);
        let grace = grace(&accepting.shared.limits);
        let accept = TaskSpec::with_token(|token| accepting.run(listener, token));
        ctx.task(accept.name("accept").grace(grace))?;
        Ok(Server { stats })
    }
}

/// The grace of a server's tasks: more than any of them needs, however little of the machine it gets. A task that outlasted
/// it would make the whole shutdown a failure.
fn grace(limits: &Limits) -> Duration {
    (limits.shutdown + limits.linger).saturating_mul(2) + Duration::from_secs(5)
}

/// Accepts connections, and starts a task for each.
struct Accepting<S> {
    shared: Arc<Shared>,
    service: Arc<S>,
    #[cfg(feature = "tls")]
    tls: Option<super::Tls>,
    spawner: Spawner,
    /// For as many connections as there may be.
    room: Arc<Semaphore>,
    addresses: Arc<Addresses>,
}

impl<S: HttpService> Accepting<S> {
    async fn run<L: Listener>(self, mut listener: L, token: CancellationToken) {
        while let Some(accepted) = token.run_until_cancelled(self.accept(&mut listener)).await {
            match accepted {
                Ok((io, peer, permit)) => self.open(io, peer, Some(permit)),
                Err(error) => {
                    self.shared.stats.accept_errors.add();
                    tracing::warn!(%error, "a connection was not accepted");
                    token.run_until_cancelled(sleep(AFTER_AN_ERROR)).await;
                }
            }
        }
        listener.close();
        for look in 0..LAST_LOOKS {
            if look > 0 {
                sleep(BETWEEN_LOOKS).await;
            }
            while let Some((io, peer)) = listener.accept_queued() {
                self.open(io, peer, None);
            }
        }
    }

    /// The next connection, once there is room for it.
    async fn accept<L: Listener>(
        &self,
        listener: &mut L,
    ) -> io::Result<(L::Io, Option<SocketAddr>, OwnedSemaphorePermit)> {
        let permit = Arc::clone(&self.room).acquire_owned().await;
        let permit = permit.map_err(io::Error::other)?;
        let (io, peer) = listener.accept().await?;
        Ok((io, peer, permit))
    }

    fn open<I: Io>(&self, io: I, peer: Option<SocketAddr>, permit: Option<OwnedSemaphorePermit>) {
        let limits = &self.shared.limits;
        self.shared.stats.accepted.add();
        let most = limits.connections_per_address;
        let seat = Addresses::enter(&self.addresses, peer.map(|peer| peer.ip()), most);
        self.shared.stats.open.add();
        let open = Open {
            shared: Arc::clone(&self.shared),
            _permit: permit,
            _seat: seat,
        };
        let grace = grace(limits);
        let service = Arc::clone(&self.service);
        #[cfg(feature = "tls")]
        let tls = self.tls.clone();
        let connection = TaskSpec::with_token(|token| async move {
            #[cfg(feature = "tls")]
            if let Some(tls) = tls {
                return open.serve_tls(tls, io, peer, service, token).await;
            }
            open.serve_plain(io, peer, service, token).await;
        });
        // A connection that comes while the server stops is dropped with this.
        if let Err(error) = self.spawner.task(connection.grace(grace).contain()) {
            tracing::debug!(%error, "a connection came to a server that has closed");
        }
    }
}

/// A connection that has been counted.
struct Open {
    shared: Arc<Shared>,
    _permit: Option<OwnedSemaphorePermit>,
    /// None if its address has too many.
    _seat: Option<Seat>,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.shared.stats.open.remove();
    }
}

impl Open {
    async fn serve_plain<I: Io, S: HttpService>(
        &self,
        io: I,
        peer: Option<SocketAddr>,
        service: Arc<S>,
        token: CancellationToken,
    ) {
        let opened = Opened {
            probe: io.probe(),
            io,
            began: Instant::now(),
            is_http2: false,
        };
        self.serve(opened, peer, service, token).await;
    }

    #[cfg(feature = "tls")]
    async fn serve_tls<I: Io, S: HttpService>(
        &self,
        tls: super::Tls,
        io: I,
        peer: Option<SocketAddr>,
        service: Arc<S>,
        token: CancellationToken,
    ) {
        let (began, probe) = (Instant::now(), io.probe());
        let handshake = tokio::time::timeout(self.shared.limits.head, tls.accept(io));
        let late = async {
            token.cancelled().await;
            sleep(LAST_HEAD).await;
        };
        let handshake = tokio::select! {
            handshake = handshake => handshake,
            // The server ends, and nothing has been asked.
            () = late => return,
        };
        let io = match handshake {
            Ok(Ok(io)) => io,
            Ok(Err(error)) => {
                self.shared.stats.tls_errors.add();
                return tracing::debug!(?peer, %error, "a TLS handshake failed");
            }
            Err(_) => {
                self.shared.stats.slow_heads.add();
                return tracing::debug!(?peer, "a TLS handshake took too long");
            }
        };
        let opened = Opened {
            is_http2: super::tls::is_http2(&io),
            io,
            probe,
            began,
        };
        self.serve(opened, peer, service, token).await;
    }

    async fn serve<I: Io, S: HttpService>(
        &self,
        opened: Opened<I>,
        peer: Option<SocketAddr>,
        service: Arc<S>,
        token: CancellationToken,
    ) {
        let is_refused = self._seat.is_none();
        let shared = Arc::clone(&self.shared);
        let ended = tenure::scope_send(|scope| async move {
            let connection = Arc::new(Connection::new(shared, peer, scope, token));
            if is_refused {
                refuse(opened.io, connection).await;
            } else {
                serve::serve(opened, service, connection).await;
            }
            Ok(())
        });
        if let Err(error) = ended.await {
            tracing::debug!(?peer, %error, "a connection was ended");
        }
    }
}

async fn refuse<I: Io>(io: I, connection: Arc<Connection>) {
    connection.stats().refused.add();
    tracing::debug!(peer = ?connection.peer, "an address has too many connections");
    let mut io = WatchedIo::new(io, connection);
    if let Err(error) = serve::write_brief(&mut io, TOO_MANY).await {
        tracing::debug!(%error, "a client was not told that it has too many connections");
    }
}

/// How many connections each address has.
#[derive(Debug, Default)]
struct Addresses(Mutex<HashMap<IpAddr, usize>>);

/// One of them.
struct Seat(Option<(Arc<Addresses>, IpAddr)>);

impl Addresses {
    /// `None` if there are as many as there may be. What has no address has as many as it likes.
    fn enter(addresses: &Arc<Self>, address: Option<IpAddr>, most: usize) -> Option<Seat> {
        let Some(address) = address else {
            return Some(Seat(None));
        };
        let mut counts = lock(&addresses.0);
        let count = counts.entry(address).or_default();
        if *count >= most.max(1) {
            return None;
        }
        *count += 1;
        drop(counts);
        Some(Seat(Some((Arc::clone(addresses), address))))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let Some((addresses, address)) = self.0.take() else {
            return;
        };
        let mut counts = lock(&addresses.0);
        if let Some(count) = counts.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&address);
            }
        }
    }
}
