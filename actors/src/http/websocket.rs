//! WebSockets: each is a child of its connection.
//!
//! A shutdown tells the client that the server goes away (1001), and the handler that there is no more to come.
//!
//! ```
//! use axum::extract::Request;
//! use axum::{Router, routing::any};
//! use http::Response;
//! use tenure_actors::http::websocket::{self, WebSocket};
//!
//! async fn echo(mut socket: WebSocket) {
//!     while let Some(Ok(message)) = socket.receive().await {
//!         if message.is_text() && socket.send(message).await.is_err() {
//!             break;
//!         }
//!     }
//! }
//!
//! async fn connect(mut request: Request) -> Response<String> {
//!     websocket::accept(&mut request, echo)
//! }
//!
//! let router: Router = Router::new().route("/echo", any(connect));
//! ```

use std::fmt;
use std::future::Future;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version, header};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tenure::CancellationToken;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};

pub use tokio_tungstenite::tungstenite::{Error, Message};

use super::upgrade;

/// How long the other side has to answer a close.
const CLOSING: Duration = Duration::from_secs(5);
/// What one message may have: 1 MiB.
const LARGEST: usize = 1 << 20;

/// One end of a WebSocket. It is closed when the handler that it was given to drops it or returns.
pub struct WebSocket {
    stream: WebSocketStream<TokioIo<Upgraded>>,
    token: CancellationToken,
    is_closed: bool,
}

/// Accepts a request for a WebSocket: `handler` is run as a child of the connection once this response has been sent. A
/// request that is none is answered with 400, or 426 if it speaks another version of the protocol.
///
/// Messages have at most 1 MiB.
pub fn accept<B, F>(
    request: &mut Request<B>,
    handler: impl FnOnce(WebSocket) -> F + Send + 'static,
) -> Response<String>
where
    F: Future<Output = ()> + Send + 'static,
{
    let key = match key_of(request) {
        Ok(key) => derive_accept_key(key.as_bytes()),
        Err(status) => return refused(status),
    };
    let is_upgraded = upgrade(request, move |io, token| async move {
        let config = WebSocketConfig::default()
            .max_message_size(Some(LARGEST))
            .max_frame_size(Some(LARGEST));
        let io = TokioIo::new(io);
        let stream = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
        let socket = WebSocket {
            stream,
            token,
            is_closed: false,
        };
        handler(socket).await;
    });
    if !is_upgraded {
        return refused(StatusCode::BAD_REQUEST);
    }
    let mut response = Response::new(String::new());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    match HeaderValue::try_from(key) {
        Ok(key) => headers.insert(header::SEC_WEBSOCKET_ACCEPT, key),
        Err(_) => return refused(StatusCode::BAD_REQUEST),
    };
    response
}

fn refused(status: StatusCode) -> Response<String> {
    let mut response = Response::new(format!("not a WebSocket handshake: {status}\n"));
    *response.status_mut() = status;
    if status == StatusCode::UPGRADE_REQUIRED {
        let version = HeaderValue::from_static("13");
        response
            .headers_mut()
            .insert(header::SEC_WEBSOCKET_VERSION, version);
    }
    response
}

/// What the client wants signed, if its handshake is one.
fn key_of<B>(request: &Request<B>) -> Result<HeaderValue, StatusCode> {
    let headers = request.headers();
    let is_handshake = request.method() == Method::GET
        && request.version() == Version::HTTP_11
        && has_token(headers, &header::CONNECTION, "upgrade")
        && has_token(headers, &header::UPGRADE, "websocket");
    if !is_handshake {
        return Err(StatusCode::BAD_REQUEST);
    }
    let version = headers.get(header::SEC_WEBSOCKET_VERSION);
    if version.is_none_or(|version| version != "13") {
        return Err(StatusCode::UPGRADE_REQUIRED);
    }
    let key = headers.get(header::SEC_WEBSOCKET_KEY).filter(is_key);
    key.cloned().ok_or(StatusCode::BAD_REQUEST)
}

/// Whether it is 16 bytes in base64 (RFC 6455, 4.2.1).
fn is_key(key: &&HeaderValue) -> bool {
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let digits = key.as_bytes().strip_suffix(b"==");
    digits.is_some_and(|digits| digits.len() == 22 && digits.iter().all(is_digit))
}

fn has_token(headers: &HeaderMap, name: &header::HeaderName, token: &str) -> bool {
    let values = headers.get_all(name).iter();
    let mut tokens = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    tokens.any(|found| found.trim().eq_ignore_ascii_case(token))
}

impl WebSocket {
    /// The next message; `None` once the other side has closed, or the server is to end. In the latter case the other
    /// side is told so, with 1001.
    ///
    /// # Errors
    ///
    /// Those of the protocol and of the connection.
    ///
    /// # Cancel safety
    ///
    /// Dropping it loses no message.
    pub async fn receive(&mut self) -> Option<Result<Message, Error>> {
        if self.is_closed {
            return None;
        }
        let token = self.token.clone();
        match token.run_until_cancelled(self.stream.next()).await {
            Some(message) => message,
            None => {
                self.close_with(CloseCode::Away, "the server is going away")
                    .await;
                None
            }
        }
    }

    /// Sends a message, and waits until it is written.
    ///
    /// # Errors
    ///
    /// As [`receive`](WebSocket::receive).
    ///
    /// # Cancel safety
    ///
    /// When it is dropped the message may be sent, or not.
    pub async fn send(&mut self, message: Message) -> Result<(), Error> {
        self.stream.send(message).await
    }

    /// Closes in good order (1000), and waits for the other side to agree, for at most 5 s.
    ///
    /// # Cancel safety
    ///
    /// When it is dropped the other side may not have been told.
    pub async fn close(mut self) {
        self.close_with(CloseCode::Normal, "").await;
    }

    async fn close_with(&mut self, code: CloseCode, reason: &'static str) {
        self.is_closed = true;
        let frame = CloseFrame {
            code,
            reason: reason.into(),
        };
        let closing = async {
            self.stream.close(Some(frame)).await?;
            while let Some(message) = self.stream.next().await {
                message?;
            }
            Ok::<_, Error>(())
        };
        match tokio::time::timeout(CLOSING, closing).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "a WebSocket did not close in good order"),
            Err(_) => tracing::debug!("the other side of a WebSocket did not answer its close"),
        }
    }
}

impl fmt::Debug for WebSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocket").finish_non_exhaustive()
    }
}
