//! Any bytes on a WebSocket: it ends with its client, the next one is served, and nothing is left.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::Response;
use axum::routing::any;
use tenure::prelude::*;
use tenure_actors::http::websocket::{WebSocket, accept};
use tenure_actors::http::{HttpStats, serve};

use super::pipes::{Dial, Then, pipes};

const HANDSHAKE: &[u8] =
    b"GET / HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
    sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
/// A text of two letters and a close, both masked with zeros, and the answer to them.
const GOOD: &[u8] = b"\x81\x82\0\0\0\0hi\x88\x82\0\0\0\0\x03\xe8";
const ECHO: &[u8] = b"\r\n\r\n\x81\x02hi\x88\x02\x03\xe8";

/// The bytes follow a handshake. The first one says how long the pieces are in which they are sent; with 0 all are one.
///
/// # Panics
///
/// If the promise does not hold.
pub fn holds(bytes: &[u8]) {
    let stats = Arc::<HttpStats>::default();
    super::runtime().block_on(async {
        let ended = tenure::scope(async |scope| {
            let (dial, pipes) = pipes();
            let routes = Router::new().route("/", any(connect));
            let serve = serve(pipes, routes).stats(&stats);
            let server: ActorRef<Infallible> = scope.spawn(serve.spec().name("http"))?;
            let (length, frames) = bytes.split_first().unwrap_or((&0, &[]));
            let length = match length {
                0 => frames.len().max(1),
                length => usize::from(*length),
            };
            send(&dial, frames.chunks(length)).await;
            let answer = send(&dial, [GOOD].into_iter()).await;
            assert!(answer.ends_with(ECHO), "{answer:?}");
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

/// Sends back what comes.
async fn connect(mut request: Request) -> Response<String> {
    accept(&mut request, async |mut socket: WebSocket| {
        while let Some(Ok(message)) = socket.receive().await {
            // A ping is answered by the protocol.
            let is_data = message.is_text() || message.is_binary();
            if is_data && socket.send(message).await.is_err() {
                break;
            }
        }
    })
}

async fn send(dial: &Dial, pieces: impl Iterator<Item = &[u8]>) -> Vec<u8> {
    let (pieces, minute) = (
        [HANDSHAKE].into_iter().chain(pieces),
        Duration::from_secs(60),
    );
    let answer = dial.exchange(pieces, Then::Ends, minute).await;
    answer.expect("a WebSocket outlives its client")
}
