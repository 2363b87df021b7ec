//! A client of the dashboard, and a system to be shown.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tenure::prelude::*;
use tenure_actors::dashboard::{DashboardMsg, DashboardOptions};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longer than anything takes, even on a busy machine.
pub(crate) const LONG: Duration = Duration::from_secs(60);

pub(crate) fn options() -> DashboardOptions {
    DashboardOptions::new()
        .bind(([127, 0, 0, 1], 0))
        .interval(Duration::from_millis(50))
}

pub(crate) async fn open(
    system: &System,
    options: DashboardOptions,
) -> (ActorRef<DashboardMsg>, SocketAddr) {
    let dashboard = system.start(options.spec()).await.unwrap();
    let address = dashboard.ask(DashboardMsg::Address).await.unwrap();
    (dashboard, address.unwrap())
}

/// The status, the head and the body.
pub(crate) async fn get(at: SocketAddr, path: &str) -> (u16, String, String) {
    request(at, &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n")).await
}

pub(crate) async fn request(at: SocketAddr, head: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(at).await.unwrap();
    let head = format!("{head}Connection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let read = timeout(LONG, stream.read_to_end(&mut answer))
        .await
        .unwrap();
    // A connection that is refused may be cut off after its answer.
    read.ok();
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head[9..12].parse().unwrap();
    (status, head.to_lowercase(), body.to_owned())
}

/// A client that listens to the events.
pub(crate) struct Viewer {
    lines: BufReader<TcpStream>,
}

impl Viewer {
    pub(crate) async fn open(at: SocketAddr, path: &str) -> Self {
        let mut stream = TcpStream::connect(at).await.unwrap();
        // The connection closes when the events end.
        let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        Self {
            lines: BufReader::new(stream),
        }
    }

    /// The next event; `None` after the last one.
    pub(crate) async fn next(&mut self) -> Option<(String, Value)> {
        let mut name = String::new();
        loop {
            let mut line = String::new();
            let read = timeout(LONG, self.lines.read_line(&mut line))
                .await
                .unwrap();
            if read.unwrap_or(0) == 0 {
                return None;
            }
            if let Some(event) = line.strip_prefix("event: ") {
                name = event.trim().to_owned();
            }
            if let Some(data) = line.strip_prefix("data: ") {
                return Some((name, serde_json::from_str(data).unwrap()));
            }
        }
    }

    /// The whole tree, which is the first event.
    pub(crate) async fn whole(&mut self) -> Value {
        let (name, data) = self.next().await.unwrap();
        assert_eq!(name, "whole");
        data
    }

    /// The first change for which this is true.
    pub(crate) async fn change(&mut self, is_it: impl Fn(&Value) -> bool) -> Value {
        loop {
            let (name, data) = self.next().await.expect("it goes on");
            assert_eq!(name, "change");
            if is_it(&data) {
                return data;
            }
        }
    }

    /// Reads all events until the stream ends. Returns the last one.
    pub(crate) async fn last(&mut self) -> (String, Value) {
        let mut last = None;
        while let Some(event) = self.next().await {
            last = Some(event);
        }
        last.expect("there was an event")
    }
}

pub(crate) fn row<'a>(rows: &'a Value, path: &str) -> Option<&'a Value> {
    rows.as_array()
        .unwrap()
        .iter()
        .find(|row| row["path"] == path)
}

/// An actor that does nothing until it is told to end.
pub(crate) struct Quiet;

impl Actor for Quiet {
    type Msg = ();

    async fn handle(&mut self, (): (), ctx: &mut Context<Self>) -> tenure::Result {
        ctx.cancelled().await;
        Ok(())
    }

    fn label(_: &()) -> &'static str {
        "Hang<b>"
    }
}
