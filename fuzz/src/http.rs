//! Any bytes on a connection: the connection ends, the next client is served, and nothing is left.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::routing::{get, post};
use tenure::prelude::*;
use tenure_actors::http::{Accepted, HttpStats, Listener, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// A listener without a network.
struct Pipes(mpsc::UnboundedReceiver<DuplexStream>);

impl Listener for Pipes {
    type Io = DuplexStream;

    async fn accept(&mut self) -> Accepted<DuplexStream> {
        match self.0.recv().await {
            Some(io) => Ok((io, None)),
            None => std::future::pending().await,
        }
    }
}

/// The bytes up to each byte 255 are sent by themselves.
///
/// # Panics
///
/// If the promise does not hold.
pub fn holds(bytes: &[u8]) {
    let stats = Arc::<HttpStats>::default();
    super::runtime().block_on(async {
        let ended = tenure::scope(async |scope| {
            let (dial, pipes) = mpsc::unbounded_channel();
            let serve = serve(Pipes(pipes), routes()).stats(&stats);
            let server: ActorRef<Infallible> = scope.spawn(serve.spec().name("http"))?;
            let pieces = bytes.split(|byte| *byte == u8::MAX);
            send(&dial, pieces).await;
            let answer = send(&dial, [GOOD].into_iter()).await;
            assert!(answer.ends_with(b"\r\n\r\nhello\n"), "{answer:?}");
            server.stop().await?;
            Ok(())
        });
        ended.await.expect("nothing holds up the server");
        assert_eq!(
            (stats.open.get(), stats.in_flight.get()),
            (0, 0),
            "{stats:?}"
        );
    });
}

const GOOD: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

fn routes() -> Router {
    Router::new()
        .route("/", get("hello\n"))
        .route("/echo", post(async |body: Bytes| body))
}

/// Sends the pieces on a connection of their own, and returns what came back until its end. All limits are minutes, so
/// the end comes within minutes.
async fn send(
    dial: &mpsc::UnboundedSender<DuplexStream>,
    pieces: impl Iterator<Item = &[u8]>,
) -> Vec<u8> {
    let (client, server) = duplex(1 << 20);
    dial.send(server).expect("the server accepts");
    let (mut reading, mut writing) = tokio::io::split(client);
    let mut answer = Vec::new();
    let exchange = async {
        for piece in pieces {
            // The server may have closed already.
            if writing.write_all(piece).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        reading.read_to_end(&mut answer).await
    };
    let ended = timeout(Duration::from_secs(24 * 60 * 60), exchange).await;
    // A reset is an end, too.
    let _ended = ended.expect("a connection lasts for ever");
    answer
}
