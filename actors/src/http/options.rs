use std::fmt;
use std::sync::Arc;

use tenure::{ChildSpec, StopOrder};

use super::{HttpService, HttpStats, Limits, Listener};

/// Serves the connections of a listener: see [`http`](super).
///
/// It is the recipe of an actor that takes no messages. Its options are set before it is started.
pub struct Serve<L, S> {
    pub(super) listener: L,
    pub(super) service: S,
    pub(super) limits: Limits,
    pub(super) stats: Arc<HttpStats>,
    pub(super) has_spans: bool,
    #[cfg(feature = "tls")]
    pub(super) tls: Option<super::Tls>,
}

impl<L: Listener, S: HttpService> Serve<L, S> {
    pub(super) fn new(listener: L, service: S) -> Self {
        Self {
            listener,
            service,
            limits: Limits::default(),
            stats: Arc::default(),
            has_spans: false,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }

    /// Changes limits.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # async fn start() -> std::io::Result<()> {
    /// # let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    /// let server = tenure_actors::http::serve(listener, axum::Router::new()).limits(|limits| {
    ///     limits.request = Duration::from_secs(10);
    ///     limits.body_bytes = 64 << 20;
    /// });
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn limits(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.limits);
        self
    }

    /// Counts there, and not in a place of its own.
    #[must_use]
    pub fn stats(mut self, stats: &Arc<HttpStats>) -> Self {
        self.stats = Arc::clone(stats);
        self
    }

    /// Makes a [span](super#spans) of each request, in which its handler runs. Without this none is made, and nothing is paid
    /// for it.
    #[must_use]
    pub fn spans(mut self) -> Self {
        self.has_spans = true;
        self
    }

    /// Speaks TLS, with HTTP/2 for whoever asks for that.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(mut self, tls: &super::Tls) -> Self {
        self.tls = Some(tls.clone());
        self
    }

    /// As a child, all of whose connections are told to end at once.
    #[must_use]
    pub fn spec(self) -> ChildSpec<Self> {
        ChildSpec::new(self).stop_order(StopOrder::Concurrent)
    }
}

impl<L, S> fmt::Debug for Serve<L, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serve")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
