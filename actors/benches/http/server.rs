//! The servers, each in a process of its own.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use tenure::System;
use tenure_actors::http::serve;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::Which;

fn router() -> Router {
    Router::new().route("/", get("hello\n")).route(
        "/wait",
        get(async || {
            tokio::time::sleep(Duration::from_millis(2)).await;
            "hello\n"
        }),
    )
}

/// Serves until a SIGTERM.
pub(crate) fn run(is_tenure: bool) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    println!("{}", listener.local_addr().unwrap());
    if is_tenure {
        let server = serve(listener, router()).limits(|limits| {
            // All clients have one address here.
            limits.connections_per_address = 100_000;
            limits.requests_per_connection = u32::MAX;
        });
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
        // It may have ended.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
