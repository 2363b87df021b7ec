//! A client of HTTP/2 that sends any frames, well-formed or not.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::harness::{Http, SECOND};

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;
pub(crate) const ACK: u8 = 1;

pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// A literal field, without the dynamic table.
pub(crate) fn field(name: &str, value: &str) -> Vec<u8> {
    let mut field = vec![0, u8::try_from(name.len()).unwrap()];
    field.extend(name.bytes());
    field.push(u8::try_from(value.len()).unwrap());
    field.extend(value.bytes());
    field
}

pub(crate) fn head(method: &str, path: &str) -> Vec<u8> {
    [
        field(":method", method),
        field(":scheme", "http"),
        field(":authority", "x"),
        field(":path", path),
    ]
    .concat()
}

pub(crate) fn get(stream: u32, path: &str) -> Vec<u8> {
    frame(
        HEADERS,
        END_STREAM | END_HEADERS,
        stream,
        &head("GET", path),
    )
}

#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

pub(crate) struct Client<I = TcpStream>(pub(crate) I);

impl Client {
    pub(crate) async fn connect(http: &Http) -> Self {
        Self::over(TcpStream::connect(http.address).await.unwrap()).await
    }

    /// Connects with a small buffer, so that the kernel takes little that the client does not read.
    pub(crate) async fn connect_narrow(http: &Http) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4 << 10).unwrap();
        Self::over(socket.connect(http.address).await.unwrap()).await
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> Client<I> {
    pub(crate) async fn over(io: I) -> Self {
        let mut client = Self(io);
        client.begin().await;
        client
    }

    async fn begin(&mut self) {
        self.send(&[PREFACE, &frame(SETTINGS, 0, 0, &[])].concat())
            .await;
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
    }

    /// Sends bytes again and again, until the server takes no more or closes.
    pub(crate) async fn flood(&mut self, bytes: &[u8], times: usize) {
        for _ in 0..times {
            let sent = timeout(5 * SECOND, self.0.write_all(bytes)).await;
            if !matches!(sent, Ok(Ok(()))) {
                return;
            }
        }
    }

    /// The next frame; `None` once the server has closed.
    pub(crate) async fn next(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        let read = timeout(20 * SECOND, self.0.read_exact(&mut head))
            .await
            .expect("it is silent");
        read.ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        self.0.read_exact(&mut payload).await.ok()?;
        Some(Frame {
            kind: head[3],
            flags: head[4],
            stream: u32::from_be_bytes(head[5..].try_into().unwrap()),
            payload,
        })
    }

    pub(crate) async fn next_of(&mut self, kind: u8, stream: u32) -> Option<Frame> {
        loop {
            let frame = self.next().await?;
            if frame.kind == kind && frame.stream == stream {
                return Some(frame);
            }
        }
    }

    /// Waits for the end. Returns the code of the last `GOAWAY`, if there was one.
    pub(crate) async fn end(&mut self) -> Option<u32> {
        let mut code = None;
        while let Some(frame) = self.next().await {
            if frame.kind == GOAWAY {
                code = Some(u32::from_be_bytes(frame.payload[4..8].try_into().unwrap()));
            }
        }
        code
    }

    pub(crate) async fn is_served(&mut self, stream: u32) {
        self.send(&get(stream, "/")).await;
        let data = self.next_of(DATA, stream).await.unwrap();
        assert_eq!(data.payload, b"hello\n");
    }
}
