//! The listener and its connections, on the dashboard's own thread.

use std::io::{ErrorKind, Write};
use std::net::IpAddr;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode, header};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tenure::CancellationToken;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use super::routes::Hangup;

/// How long a client may take to send the head of a request, also on a connection that is kept alive.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest life of a connection, whatever its client does: a page connects again by itself.
const LONGEST: Duration = Duration::from_secs(600);
/// How long a connection may take to end once the dashboard ends.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// The pause after a failed accept, such as when the process has too many open files.
const AFTER_AN_ERROR: Duration = Duration::from_millis(100);
const HEAD_BYTES: usize = 16 << 10;

pub(super) struct Server {
    pub(super) router: Router,
    pub(super) clients: usize,
    /// Only this machine can connect. Then only requests for its own names are served.
    pub(super) is_local: bool,
}

impl Server {
    /// Serves until the token fires. Then the connections have [`LAST_WORDS`] to end.
    ///
    /// The connections are part of this future, and end with it.
    pub(super) async fn run(self, listener: TcpListener, token: CancellationToken) {
        let mut connections = FuturesUnordered::new();
        loop {
            tokio::select! {
                biased;
                () = token.cancelled() => break,
                Some(()) = connections.next(), if !connections.is_empty() => {}
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) if connections.len() < self.clients => {
                        connections.push(self.serve(stream, &token));
                    }
                    Ok((stream, _)) => refuse(stream),
                    Err(error) => {
                        tracing::debug!(%error, "no connection was accepted");
                        sleep(AFTER_AN_ERROR).await;
                    }
                },
            }
        }
        drop(listener);
        let last_words = async { while connections.next().await.is_some() {} };
        if timeout(LAST_WORDS, last_words).await.is_err() {
            tracing::debug!("viewers that do not let their connections end are broken off");
        }
    }

    /// Serves one connection until its client, the dashboard or its time limit ends it.
    async fn serve(&self, stream: TcpStream, token: &CancellationToken) {
        let hangup = CancellationToken::new();
        let router = TowerToHyperService::new(self.router.clone());
        let service = service_fn(|mut request: Request<Incoming>| {
            request.extensions_mut().insert(Hangup(hangup.clone()));
            let is_refused = self.is_local && !is_for_this_machine(&request);
            let router = router.clone();
            async move {
                match is_refused {
                    true => Ok(misdirected()),
                    false => hyper::service::Service::call(&router, request).await,
                }
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_buf_size(HEAD_BYTES)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = pin!(connection);
        let ended = tokio::select! {
            ended = timeout(LONGEST, connection.as_mut()) => ended,
            // The viewer does not take the events that it is sent.
            () = hangup.cancelled() => return,
            () = token.cancelled() => {
                // The page's stream ends by itself, now that nothing more comes.
                connection.as_mut().graceful_shutdown();
                Ok(connection.await)
            }
        };
        if let Ok(Err(error)) = ended {
            tracing::debug!(%error, "a connection of the dashboard broke off");
        }
    }
}

/// Answers that there are too many clients, if that can be written at once.
fn refuse(stream: TcpStream) {
    const TOO_MANY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\n\
        Content-Type: text/plain\r\nContent-Length: 31\r\nConnection: close\r\n\r\n\
        too many clients: try it later\n";
    let written = stream
        .into_std()
        .and_then(|mut stream| stream.write_all(TOO_MANY));
    match written {
        Err(error) if error.kind() != ErrorKind::WouldBlock => {
            tracing::debug!(%error, "a client too many has gone before it was told");
        }
        _ => tracing::debug!("a client too many was told so"),
    }
}

/// Refuses DNS rebinding: a page from elsewhere whose name now resolves to this machine still has its own name as the
/// host. A client that sends no host, such as a program, is no such page.
fn is_for_this_machine(request: &Request<Incoming>) -> bool {
    let Some(host) = request.headers().get(header::HOST) else {
        return true;
    };
    let Some(authority) = host.to_str().ok().and_then(|host| host.parse().ok()) else {
        return false;
    };
    let authority: axum::http::uri::Authority = authority;
    let host = authority.host();
    let bare = host.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    let is_address = bare.unwrap_or(host).parse::<IpAddr>().is_ok();
    is_address
        || host.eq_ignore_ascii_case("localhost")
        || host.to_ascii_lowercase().ends_with(".localhost")
}

fn misdirected() -> Response<Body> {
    let mut response = Response::new(Body::from("this is served to localhost only\n"));
    *response.status_mut() = StatusCode::MISDIRECTED_REQUEST;
    response
}
