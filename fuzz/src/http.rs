//! Any bytes on a connection: the connection ends, the next client is served, and nothing is left.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::routing::{get, post};
use tenure::prelude::*;
use tenure_actors::http::{HttpStats, serve};

use super::pipes::{Dial, Then, pipes};

/// The bytes up to each byte 255 are sent by themselves.
///
/// # Panics
///
/// If the promise does not hold.
pub fn holds(bytes: &[u8]) {
    let stats = Arc::<HttpStats>::default();
    super::runtime().block_on(async {
        let ended = tenure::scope(async |scope| {
            let (dial, pipes) = pipes();
            let serve = serve(pipes, routes()).stats(&stats);
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

/// All limits are minutes, so the end comes within minutes.
async fn send(dial: &Dial, pieces: impl Iterator<Item = &[u8]>) -> Vec<u8> {
    let day = Duration::from_secs(24 * 60 * 60);
    let answer = dial.exchange(pieces, Then::Waits, day).await;
    answer.expect("a connection lasts for ever")
}
