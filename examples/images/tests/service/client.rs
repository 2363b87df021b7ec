//! A client that sends bytes, and reads the answer.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longer than anything takes that is going to come.
pub(crate) const LONG: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The number of a job that was accepted.
    pub(crate) fn id(&self) -> u64 {
        assert_eq!(self.status, 202, "{}", self.text());
        self.json()["id"].as_u64().unwrap()
    }

    pub(crate) fn has(&self, header: &str) -> bool {
        self.head.to_ascii_lowercase().contains(header)
    }
}

pub(crate) fn head(method: &str, target: &str, fields: &str) -> String {
    format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{fields}\r\n")
}

/// Sends a request, and reads the answer to the end of its connection.
pub(crate) async fn send(address: SocketAddr, method: &str, target: &str, body: &[u8]) -> Answer {
    let length = format!("Content-Length: {}\r\n", body.len());
    let fields = if body.is_empty() { "" } else { &length };
    send_raw(address, &head(method, target, fields), body).await
}

pub(crate) async fn send_raw(address: SocketAddr, head: &str, body: &[u8]) -> Answer {
    let mut stream = open(address, head).await;
    // A server that refuses the request may not read all of it.
    stream.write_all(body).await.unwrap_or_default();
    let mut bytes = Vec::new();
    let read = timeout(LONG, stream.read_to_end(&mut bytes)).await;
    read.expect("the answer comes").unwrap_or_default();
    parse(&bytes)
}

/// A connection on which a head was sent.
pub(crate) async fn open(address: SocketAddr, head: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

/// Reads until this text has come. Returns everything that has come.
pub(crate) async fn read_until(stream: &mut TcpStream, text: &str) -> String {
    let mut came = Vec::new();
    loop {
        if String::from_utf8_lossy(&came).contains(text) {
            return String::from_utf8(came).unwrap();
        }
        let mut bytes = [0; 4_096];
        let read = timeout(LONG, stream.read(&mut bytes)).await;
        let so_far = String::from_utf8_lossy(&came).into_owned();
        let read = read.unwrap_or_else(|_| panic!("'{text}' does not come: {so_far}"));
        let read = read.unwrap();
        assert_ne!(read, 0, "the end instead of '{text}': {so_far}");
        came.extend(&bytes[..read]);
    }
}

pub(crate) fn parse(bytes: &[u8]) -> Answer {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.unwrap_or_else(|| panic!("no answer: {:?}", String::from_utf8_lossy(bytes)));
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let mut body = bytes[end + 4..].to_vec();
    if head
        .to_ascii_lowercase()
        .contains("transfer-encoding: chunked")
    {
        body = unchunked(&body);
    }
    Answer { status, head, body }
}

fn unchunked(mut bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(line) = bytes.windows(2).position(|two| two == b"\r\n") {
        let size = std::str::from_utf8(&bytes[..line]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        let chunk = &bytes[line + 2..];
        let Some(chunk) = chunk.get(..size).filter(|_| size > 0) else {
            break;
        };
        body.extend(chunk);
        bytes = &bytes[line + 2 + size + 2..];
    }
    body
}
