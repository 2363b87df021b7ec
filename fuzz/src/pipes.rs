//! Connections without a network, for the targets that serve HTTP.

use std::time::Duration;

use tenure_actors::http::{Accepted, Listener};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// A listener without a network.
pub(super) struct Pipes(mpsc::UnboundedReceiver<DuplexStream>);

impl Listener for Pipes {
    type Io = DuplexStream;

    async fn accept(&mut self) -> Accepted<DuplexStream> {
        match self.0.recv().await {
            Some(io) => Ok((io, None)),
            None => std::future::pending().await,
        }
    }
}

/// What connects to such a listener.
pub(super) struct Dial(mpsc::UnboundedSender<DuplexStream>);

pub(super) fn pipes() -> (Dial, Pipes) {
    let (dial, pipes) = mpsc::unbounded_channel();
    (Dial(dial), Pipes(pipes))
}

/// What a client does when it has sent everything.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    Waits,
    /// Sends the end of its stream.
    Ends,
}

impl Dial {
    /// Sends the pieces on a connection of their own, and returns what came back until its end, or `None` if that does not
    /// come within this time.
    pub(super) async fn exchange(
        &self,
        pieces: impl Iterator<Item = &[u8]>,
        then: Then,
        limit: Duration,
    ) -> Option<Vec<u8>> {
        let (client, server) = duplex(1 << 20);
        self.0.send(server).expect("the server accepts");
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
            if then == Then::Ends {
                // Likewise.
                let _ended = writing.shutdown().await;
            }
            // A reset is an end, too.
            let _ended = reading.read_to_end(&mut answer).await;
        };
        timeout(limit, exchange).await.ok()?;
        Some(answer)
    }
}
