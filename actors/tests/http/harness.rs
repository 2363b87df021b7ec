//! A server under test. After each test it must still serve, and leave nothing behind.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::routing::{any, get, post};
use tenure::prelude::*;
use tenure_actors::http::{HttpService, HttpStats, Limits, Listener, Serve, serve};
use tokio::io::{DuplexStream, duplex};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::sleep;

use crate::client::Raw;

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const MILLIS: Duration = Duration::from_millis(1);

/// The server of a test.
pub(crate) struct Http {
    pub(crate) address: SocketAddr,
    pub(crate) stats: Arc<HttpStats>,
    pub(crate) server: ActorRef<std::convert::Infallible>,
    /// The requests whose handlers are running.
    pub(crate) handling: Alive,
}

impl Http {
    pub(crate) async fn connect(&self) -> Raw<tokio::net::TcpStream> {
        Raw::new(tokio::net::TcpStream::connect(self.address).await.unwrap())
    }

    /// Sends bytes on a new connection, and returns everything that comes back.
    pub(crate) async fn exchange(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut client = self.connect().await;
        client.send(bytes).await;
        client.rest().await
    }

    /// Waits until this is true, for at most 10 s.
    pub(crate) async fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        for _ in 0..1_000 {
            if is_so(self) {
                return;
            }
            sleep(10 * MILLIS).await;
        }
        panic!("{what}: {:?}, {} handling", self.stats, self.handling.get());
    }
}

/// How many of something are alive, and the gate at which the test holds them.
#[derive(Clone)]
pub(crate) struct Alive {
    count: Arc<AtomicUsize>,
    gate: Arc<Semaphore>,
}

pub(crate) struct Guard(Arc<AtomicUsize>);

impl Default for Alive {
    fn default() -> Self {
        Self {
            count: Arc::default(),
            gate: Arc::new(Semaphore::new(0)),
        }
    }
}

impl Alive {
    pub(crate) fn guard(&self) -> Guard {
        self.count.fetch_add(1, Ordering::SeqCst);
        Guard(Arc::clone(&self.count))
    }

    pub(crate) fn get(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }

    /// Lets one of those that wait at the gate go on.
    pub(crate) fn open_gate(&self) {
        self.gate.add_permits(1);
    }

    async fn wait_for_gate(&self) {
        self.gate.acquire().await.unwrap().forget();
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The routes that the tests request.
pub(crate) fn routes(handling: &Alive) -> Router {
    let (hang, count) = (handling.clone(), handling.clone());
    let (unread, gated) = (handling.clone(), handling.clone());
    Router::new()
        .route("/", get("hello\n"))
        .route("/echo", post(async |body: Bytes| body))
        .route(
            "/length",
            post(async |body: Bytes| format!("{}\n", body.len())),
        )
        .route(
            "/panic",
            get(async || -> &'static str { panic!("it panics") }),
        )
        .route("/large", get(async || vec![b'x'; 16 << 20]))
        .route("/any", any(async || "any\n"))
        .route(
            "/hang",
            any(move |request: Request| {
                let guard = hang.guard();
                async move {
                    let _guard = (guard, request);
                    std::future::pending::<()>().await;
                }
            }),
        )
        .route(
            "/unread",
            any(move |request: Request| {
                let guard = unread.guard();
                async move {
                    // Neither the body nor the socket is read.
                    let _held = (guard, request);
                    std::future::pending::<()>().await;
                }
            }),
        )
        .route(
            "/slow",
            get(move || {
                let guard = count.guard();
                async move {
                    sleep(300 * MILLIS).await;
                    drop(guard);
                    "slow\n"
                }
            }),
        )
        .route(
            "/gated",
            get(async move || {
                let _guard = gated.guard();
                gated.wait_for_gate().await;
                "gated\n"
            }),
        )
        .route("/empty", get(async || Body::empty()))
}

pub(crate) fn current() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn assert_baseline(runtime: &Runtime, baseline: usize) {
    let begin = std::time::Instant::now();
    while runtime.metrics().num_alive_tasks() != baseline && begin.elapsed() < SECOND {
        std::thread::yield_now();
    }
    assert_eq!(
        runtime.metrics().num_alive_tasks(),
        baseline,
        "tasks alive after the test"
    );
}

/// Runs a test with a server on a port of its own.
pub(crate) fn serving(limits: impl FnOnce(&mut Limits), test: impl AsyncFnOnce(&Http)) {
    serving_with(limits, |serve| serve, test);
}

pub(crate) fn serving_with(
    limits: impl FnOnce(&mut Limits),
    more: impl FnOnce(Serve<TcpListener, Router>) -> Serve<TcpListener, Router>,
    test: impl AsyncFnOnce(&Http),
) {
    let runtime = current();
    let baseline = runtime.metrics().num_alive_tasks();
    runtime.block_on(async {
        let handling = Alive::default();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let stats = Arc::<HttpStats>::default();
        let ended = tenure::scope(async |scope| {
            let serve = serve(listener, routes(&handling))
                .stats(&stats)
                .limits(limits);
            let server = scope.spawn(more(serve).spec().name("http"))?;
            let http = Http {
                address,
                stats: Arc::clone(&stats),
                server,
                handling: handling.clone(),
            };
            test(&http).await;
            Ok(())
        });
        ended.await.unwrap();
        assert_eq!(stats.open.get(), 0, "{stats:?}");
        assert_eq!(stats.in_flight.get(), 0, "{stats:?}");
        assert_eq!(handling.get(), 0);
    });
    assert_baseline(&runtime, baseline);
}

/// A test of bad input, after which the server must still serve.
pub(crate) fn still_serving(limits: impl FnOnce(&mut Limits), test: impl AsyncFnOnce(&Http)) {
    serving(limits, async |http| {
        test(http).await;
        let answer = http
            .exchange("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            .await;
        assert!(answer.ends_with("\r\n\r\nhello\n"), "{answer}");
        http.until("nothing is left", |http| {
            http.stats.open.get() == 0 && http.handling.get() == 0
        })
        .await;
    });
}

/// A listener without a network, for a paused clock.
pub(crate) struct Pipes(mpsc::UnboundedReceiver<DuplexStream>);

#[derive(Clone)]
pub(crate) struct Dialer(mpsc::UnboundedSender<DuplexStream>);

impl Dialer {
    pub(crate) fn dial(&self) -> Raw<DuplexStream> {
        // Less than a response of some length, so a client that does not read holds up the response.
        let (mine, theirs) = duplex(16 << 10);
        self.0.send(theirs).unwrap();
        Raw::new(mine)
    }
}

impl Listener for Pipes {
    type Io = DuplexStream;

    async fn accept(&mut self) -> tenure_actors::http::Accepted<DuplexStream> {
        match self.0.recv().await {
            Some(io) => Ok((io, None)),
            None => std::future::pending().await,
        }
    }
}

/// Runs a test on a paused clock.
pub(crate) fn paused<S: HttpService>(
    limits: impl FnOnce(&mut Limits),
    service: impl FnOnce(&Alive) -> S,
    test: impl AsyncFnOnce(&Dialer, &HttpStats, &ActorRef<std::convert::Infallible>),
) {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    let baseline = runtime.metrics().num_alive_tasks();
    runtime.block_on(async {
        let (dial, pipes) = mpsc::unbounded_channel();
        let (handling, stats) = (Alive::default(), Arc::<HttpStats>::default());
        let ended = tenure::scope(async |scope| {
            let serve = serve(Pipes(pipes), service(&handling))
                .stats(&stats)
                .limits(limits);
            let server = scope.spawn(serve.spec().name("http"))?;
            test(&Dialer(dial), &stats, &server).await;
            Ok(())
        });
        ended.await.unwrap();
        assert_eq!(stats.open.get(), 0, "{stats:?}");
        assert_eq!(stats.in_flight.get(), 0, "{stats:?}");
        assert_eq!(handling.get(), 0);
    });
    assert_baseline(&runtime, baseline);
}
