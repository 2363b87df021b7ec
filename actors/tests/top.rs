//! The program `tenure-top`, run against a dashboard and against other servers.

#![expect(
    clippy::disallowed_methods,
    reason = "a process is awaited, and what is no dashboard stands, outside of any tree"
)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Output};

use tenure::prelude::*;
use tenure_actors::dashboard::{DashboardMsg, DashboardOptions};

struct Quiet;

impl Actor for Quiet {
    type Msg = ();

    async fn handle(&mut self, (): (), ctx: &mut Context<Self>) -> tenure::Result {
        ctx.cancelled().await;
        Ok(())
    }
}

/// Runs the program on a thread, while the service goes on.
async fn top(args: Vec<String>) -> Output {
    let run = move || {
        let program = env!("CARGO_BIN_EXE_tenure-top");
        Command::new(program).args(args).output().unwrap()
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

async fn once(at: impl ToString, more: &[&str]) -> Output {
    let mut args = vec!["--once".to_owned(), at.to_string()];
    args.extend(more.iter().map(ToString::to_string));
    top(args).await
}

fn said(output: &[u8]) -> String {
    String::from_utf8(output.to_vec()).unwrap()
}

async fn dashboard(system: &System) -> SocketAddr {
    let options = DashboardOptions::new()
        .bind(([127, 0, 0, 1], 0))
        .interval(std::time::Duration::from_millis(50));
    let dashboard = system.start(options.spec()).await.unwrap();
    dashboard.ask(DashboardMsg::Address).await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn once_prints_each_view_of_a_service_as_text() {
    let system = System::builder().name("shop").start().unwrap();
    let at = dashboard(&system).await;
    let quiet = system.spawn(ChildSpec::new(Quiet).name("quiet")).unwrap();
    quiet.tell(()).await.unwrap();
    let waiter = quiet.clone();
    let waits = async move { waiter.stopped().await };
    system
        .task(TaskSpec::new(waits).name("waiter").contain())
        .unwrap();
    let failing = async { Err::<(), _>(tenure::Error::from("out of paper")) };
    let failing = system.task(TaskSpec::new(failing).name("printer").contain());
    failing.unwrap().await.unwrap_err();

    let tree = once(at, &[]).await;
    let text = said(&tree.stdout);
    assert!(tree.status.success(), "{tree:?}");
    assert!(text.contains("shop:/quiet waiting for an order"), "{text}");
    let groups = said(&once(at, &["--groups"]).await.stdout);
    assert!(
        groups.contains("top::Quiet at actors/tests/top.rs"),
        "{groups}"
    );
    let waits = said(&once(at, &["--waits"]).await.stdout);
    assert!(waits.contains("shop:/waiter\tend\tshop:/quiet"), "{waits}");
    // The dashboard looks for ends every 50 ms.
    let mut ends = String::new();
    while !ends.contains("/printer failed") {
        ends = said(&once(at, &["--ends"]).await.stdout);
    }
    assert!(ends.contains(": out of paper"), "{ends}");
    system.stop().await.unwrap();
}

/// A server that answers one request with this, and is gone.
fn answers(answer: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = [0; 1024];
        let read = stream.read(&mut head).unwrap();
        assert!(read > 0);
        stream.write_all(answer.as_bytes()).unwrap();
    });
    at
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_dashboard_is_told_as_what_it_is() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = free.local_addr().unwrap();
    drop(free);
    let json = |body: &str| -> &'static str {
        let length = body.len();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}");
        Box::leak(head.into_boxed_str())
    };
    let cases = [
        (nobody.to_string(), "nobody answers at http://127.0.0.1"),
        (
            "localhost:99999".to_owned(),
            "localhost:99999 is no address",
        ),
        ("http://me@localhost".to_owned(), "is no address of"),
        (
            answers(json("<html>")).to_string(),
            "is not what a dashboard tells",
        ),
        (
            answers(json("{\"version\":99}")).to_string(),
            "tells version 99 of a snapshot",
        ),
        (
            answers(json("{\"version\":1}")).to_string(),
            "missing field",
        ),
        (
            answers("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").to_string(),
            "the status 404: that is no dashboard",
        ),
        (
            answers("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{").to_string(),
            "broke off",
        ),
        ("ftp://x".to_owned(), "is no address of a dashboard"),
    ];
    for (address, expected) in cases {
        let output = once(&address, &[]).await;
        let error = said(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{address}: {error}");
        assert!(error.contains(expected), "{address}: {error}");
        assert!(output.stdout.is_empty());
    }
    let output = top(vec!["--wrong".to_owned()]).await;
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let help = top(vec!["--help".to_owned()]).await;
    assert!(help.status.success() && said(&help.stdout).contains("--once"));
}
