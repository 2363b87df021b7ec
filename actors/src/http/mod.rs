//! HTTP as a subtree: any tower service, such as an axum `Router`, behind limits, with everything owned.
//!
//! [`serve`] gives the recipe of an actor. Each of its connections is a task beneath it, and each request that waits for
//! anything, or starts anything, a scope beneath its connection. A request ends when its response has been sent, its
//! client has gone, its time is up, or its connection ends; what its handler has started with its [`RequestContext`] ends
//! with it. Nothing is detached.
//!
//! ```
//! use axum::{Router, routing::get};
//! use tenure::prelude::*;
//! use tenure_actors::http::serve;
//! use tokio::net::TcpListener;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), RunError> {
//! tenure::scope(async |scope| {
//!     let listener = TcpListener::bind("127.0.0.1:0").await?;
//!     let router = Router::new().route("/", get("hello\n"));
//!     let server = scope.spawn(serve(listener, router).spec().name("http"))?;
//!
//!     // Requests in flight are answered, and idle connections closed.
//!     server.drain().await?;
//!     Ok(())
//! })
//! .await
//! # }
//! ```
//!
//! HTTP/1 and HTTP/2 are served on one port: over plain TCP a client that begins with HTTP/2 gets it, over TLS (feature
//! `tls`) ALPN decides. A client that closes its sending side while it waits for a response counts as gone.
#![doc = include_str!("../../docs/http.md")]

mod actor;
mod answer;
mod body;
mod call;
mod check;
mod connection;
mod context;
mod driver;
mod exchange;
mod handler;
mod http2;
mod io;
mod limits;
mod options;
mod rewind;
mod serve;
mod stats;
mod timer;
#[cfg(feature = "tls")]
mod tls;
mod watched_io;
#[cfg(feature = "websocket")]
pub mod websocket;

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

pub use actor::Server;
pub use answer::unanswered;
pub use body::RequestBody;
pub use context::{RequestContext, upgrade};
pub use io::{Accepted, Io, Listener, Probe, Tcp};
pub use limits::Limits;
pub use options::Serve;
pub use stats::{Counter, HttpStats};
#[cfg(feature = "tls")]
pub use tls::Tls;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Serves what comes to a listener with a service.
///
/// The listener is bound by the caller, so that a port which is in use is the caller's error, and its address is
/// known. It is closed when the server is told to end.
///
/// An axum `Router` makes a route of each handler once if it is given as `router.with_state(())`, which `axum::serve` does
/// by itself, and with each request otherwise.
pub fn serve<L: Listener, S: HttpService>(listener: L, service: S) -> Serve<L, S> {
    Serve::new(listener, service)
}

/// What can be served: a tower service of HTTP requests, which can be cloned for each connection and request. It is
/// not for implementing.
pub trait HttpService:
    Service<
        Request<RequestBody>,
        Response = Response<<Self as HttpService>::Body>,
        Error: Into<BoxError>,
        Future: Send,
    > + Clone
    + Send
    + Sync
    + Unpin
    + 'static
{
    /// The body of its responses.
    type Body: Body<Data: Send, Error: Into<BoxError>> + Send + 'static;
}

impl<S, B> HttpService for S
where
    S: Service<Request<RequestBody>, Response = Response<B>>
        + Clone
        + Send
        + Sync
        + Unpin
        + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    type Body = B;
}
