//! A client that sends any bytes, well-formed or not.

use std::io::ErrorKind;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use crate::harness::SECOND;

pub(crate) struct Raw<I> {
    pub(crate) io: I,
}

impl<I: AsyncRead + AsyncWrite + Unpin> Raw<I> {
    pub(crate) fn new(io: I) -> Self {
        Self { io }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.io.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Everything that comes until the other side closes, which it has to do in good order.
    pub(crate) async fn rest(&mut self) -> String {
        let mut bytes = Vec::new();
        let read = timeout(2_000 * SECOND, self.io.read_to_end(&mut bytes)).await;
        read.expect("it does not close").expect("it resets");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// One response, without a body or with one of a declared length.
    pub(crate) async fn response(&mut self) -> String {
        let mut bytes = Vec::new();
        loop {
            let mut byte = [0];
            let read = timeout(2_000 * SECOND, self.io.read(&mut byte))
                .await
                .expect("it is silent");
            assert_eq!(
                read.unwrap(),
                1,
                "it closed: {}",
                String::from_utf8_lossy(&bytes)
            );
            bytes.push(byte[0]);
            if bytes.ends_with(b"\r\n\r\n") {
                break;
            }
        }
        let head = String::from_utf8(bytes).unwrap();
        let length = head.to_lowercase();
        let length = length.split("content-length: ").nth(1);
        let length = length.map_or(0, |text| {
            text.split("\r\n").next().unwrap().parse().unwrap()
        });
        let mut body = vec![0; length];
        self.io.read_exact(&mut body).await.unwrap();
        head + &String::from_utf8(body).unwrap()
    }

    /// Whether the other side closes or resets the connection without another byte.
    pub(crate) async fn is_closed(&mut self) -> bool {
        let mut byte = [0];
        match timeout(2_000 * SECOND, self.io.read(&mut byte))
            .await
            .expect("it does not close")
        {
            Ok(read) => read == 0,
            Err(error) => error.kind() == ErrorKind::ConnectionReset,
        }
    }
}
