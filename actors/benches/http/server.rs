//! The servers, each in a process of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use tenure::System;
use tenure_actors::http::{HttpStats, Serve, serve};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};

use crate::Which;

fn router() -> Router {
    // One body for all requests, however many read it.
    let long = Bytes::from(vec![b'x'; 64 << 20]);
    Router::new()
        .route("/", get("hello\n"))
        .route(
            "/wait",
            get(async || {
                tokio::time::sleep(Duration::from_millis(2)).await;
                "hello\n"
            }),
        )
        .route("/long", get(async move || long.clone()))
        .route(
            "/fail",
            get(async || -> &'static str { panic!("it fails") }),
        )
        .route("/never", get(std::future::pending::<&'static str>))
        .route("/body", post(async |body: Bytes| body.len().to_string()))
}

/// Adds a route for what is there now: open connections, requests in flight, tasks of the runtime.
fn with_state(router: Router, stats: &Arc<HttpStats>) -> Router {
    let stats = Arc::clone(stats);
    let state = async move || {
        let tasks = Handle::current().metrics().num_alive_tasks();
        let (open, in_flight) = (stats.open.get(), stats.in_flight.get());
        format!("{open} {in_flight} {tasks}\n")
    };
    router.route("/state", get(state))
}

/// The options of a server's process.
#[derive(Debug, Default)]
pub(crate) struct Options {
    /// The limits end within seconds, for clients that are slow on purpose.
    pub(crate) brief: bool,
    pub(crate) tls: bool,
    /// It listens at all addresses, and not only at the loopback.
    pub(crate) everywhere: bool,
}

fn tenure(listener: TcpListener, options: &Options) -> Serve<TcpListener, Router> {
    let stats = Arc::default();
    // The routes are made only once, as `axum::serve` does.
    let router = with_state(router(), &stats).with_state(());
    let server = serve(listener, router).stats(&stats).limits(|limits| {
        // Here all clients have the same address.
        limits.connections_per_address = 100_000;
        limits.requests_per_connection = u32::MAX;
        if options.brief {
            limits.head = Duration::from_secs(2);
            limits.read = Duration::from_secs(3);
            limits.stall = Duration::from_secs(2);
            limits.idle = Duration::from_secs(3);
            limits.linger = Duration::from_secs(1);
        }
    });
    match options.tls {
        true => with_tls(server),
        false => server,
    }
}

#[cfg(feature = "tls")]
fn with_tls(server: Serve<TcpListener, Router>) -> Serve<TcpListener, Router> {
    use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;

    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let tls = tenure_actors::http::Tls::new(vec![made.cert.der().clone()], key.into());
    server.tls(&tls.unwrap())
}

#[cfg(not(feature = "tls"))]
fn with_tls(_: Serve<TcpListener, Router>) -> Serve<TcpListener, Router> {
    panic!("this was built without the feature `tls`");
}

/// Serves until a SIGTERM.
pub(crate) fn run(is_tenure: bool, options: &Options) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let address = match options.everywhere {
        true => "0.0.0.0:0",
        false => "127.0.0.1:0",
    };
    let listener = runtime.block_on(TcpListener::bind(address)).unwrap();
    println!("{}", listener.local_addr().unwrap());
    if is_tenure {
        let server = tenure(listener, options);
        let system = System::builder().on_signals();
        let ended = runtime.block_on(async { system.run(server.spec().name("http")).await });
        if let Err(error) = ended {
            eprintln!("{error:?}");
            std::process::exit(1);
        }
    } else {
        runtime.block_on(async {
            let mut term = signal(SignalKind::terminate()).unwrap();
            let told = async move {
                term.recv().await;
            };
            // Otherwise small writes would wait for each other.
            let listener = listener.tap_io(|stream| stream.set_nodelay(true).unwrap());
            axum::serve(listener, router())
                .with_graceful_shutdown(told)
                .await
                .unwrap();
        });
    }
}

/// A server that is running.
pub(crate) struct Server {
    pub(crate) process: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    pub(crate) fn start(which: Which) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--serve", which.name()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let address = line.trim().parse().unwrap();
        // It reacts to signals from its first answer on, and not from when it has an address.
        let mut stream = TcpStream::connect::<SocketAddr>(address).unwrap();
        let request = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        stream.write_all(request).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        assert!(answer.ends_with(b"hello\n"), "{address} does not serve");
        Self { process, address }
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([&format!("-{name}"), &self.process.id().to_string()])
            .status();
        assert!(sent.unwrap().success());
    }

    /// Resident bytes.
    pub(crate) fn resident(&self) -> u64 {
        let status = format!("/proc/{}/status", self.process.id());
        let status = std::fs::read_to_string(status).unwrap();
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS:"))
            .unwrap();
        line.split_whitespace()
            .nth(1)
            .unwrap()
            .parse::<u64>()
            .unwrap()
            * 1_024
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
