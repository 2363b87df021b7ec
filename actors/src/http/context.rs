use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use http::Request;
use hyper::upgrade::{OnUpgrade, Upgraded};
use tenure::{CancellationToken, Spawner, TaskSpec};
use tokio::time::Instant;

use super::exchange::Exchange;
use super::serve::upgraded;

/// What a handler has of its own request, among the request's extensions: in axum
/// `Extension(request): Extension<RequestContext>`.
///
/// ```
/// use axum::Extension;
/// use tenure_actors::http::RequestContext;
///
/// async fn report(Extension(request): Extension<RequestContext>) -> Result<String, String> {
///     // It ends with the request: also when the client goes.
///     let rows = request.spawner().task(async { tenure::Ok(3) }).map_err(|error| error.to_string())?;
///     let rows = rows.await.map_err(|error| error.to_string())?;
///     Ok(format!("{rows} rows"))
/// }
/// ```
#[derive(Clone)]
pub struct RequestContext {
    exchange: Arc<Exchange>,
}

impl RequestContext {
    pub(super) fn new(exchange: Arc<Exchange>) -> Self {
        Self { exchange }
    }

    /// Starts what is to end with the request: when its response has been sent, its client has gone, its time is up, or
    /// its connection ends. A response that is a stream is not sent before its end.
    ///
    /// What the handler starts with it inherits the request's deadline, until its response begins, or it is
    /// [relaxed](RequestContext::relax).
    ///
    /// With the first use of this the request gets a node of its own beneath its connection. It also does when its handler
    /// first waits; one that is done without either needs none.
    ///
    /// What is to outlive the request is started with another spawner, such as that of the actor that answers for it.
    #[must_use]
    pub fn spawner(&self) -> &Spawner {
        self.exchange.spawner()
    }

    /// Where the request comes from, if that is known.
    #[must_use]
    pub fn peer(&self) -> Option<SocketAddr> {
        self.exchange.connection.peer
    }

    /// Until when the response is to have begun, unless the request is [relaxed](RequestContext::relax). What is
    /// asked in the handler inherits it; what is asked once the response has begun does not.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        (!self.exchange.is_relaxed()).then(|| self.exchange.time_limit())
    }

    /// Lifts the limits of the request and of its response: how long the handler may take, how long the response may
    /// be silent, and how much the client has to take. For event streams and long polls. What is asked after this
    /// has no limit of the request's. A shutdown still ends it within [`Limits::shutdown`](super::Limits::shutdown).
    pub fn relax(&self) {
        self.exchange.relax();
    }

    fn upgrade<F>(
        &self,
        on_upgrade: OnUpgrade,
        then: impl FnOnce(Upgraded, CancellationToken) -> F + Send + 'static,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        let connection = &self.exchange.connection;
        if connection.is_http2() {
            let its = Arc::clone(connection);
            // With nothing but this, the connection is not idle.
            let busy = connection.keep_busy();
            let then = async move {
                let _busy = busy;
                match on_upgrade.await {
                    Ok(io) => {
                        let work = then(io, its.token.clone());
                        upgraded(its, work).await;
                    }
                    Err(error) => tracing::debug!(%error, "an upgrade did not come about"),
                }
            };
            // If the connection is ending, so is the upgrade.
            drop(connection.scope.task(TaskSpec::new(then).contain()));
        } else {
            let then = Box::new(|io, token| Box::pin(then(io, token)) as _);
            connection.set_upgrade((on_upgrade, then));
        }
    }
}

impl fmt::Debug for RequestContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestContext")
            .field("peer", &self.peer())
            .finish_non_exhaustive()
    }
}

/// Runs something on a connection once the response has upgraded it, as a child of the connection. It is given a token
/// that fires at a shutdown, and has [`Limits::shutdown`](super::Limits::shutdown) to end then.
///
/// The response has to be the one that upgrades: `101 Switching Protocols`, or with HTTP/2 a success in answer to `CONNECT`,
/// which upgrades its stream alone. `false` if the request asks for no upgrade, or is not one that this server has given to
/// its service.
pub fn upgrade<B, F>(
    request: &mut Request<B>,
    then: impl FnOnce(Upgraded, CancellationToken) -> F + Send + 'static,
) -> bool
where
    F: Future<Output = ()> + Send + 'static,
{
    let Some(context) = request.extensions().get::<RequestContext>().cloned() else {
        return false;
    };
    let Some(on_upgrade) = request.extensions_mut().remove::<OnUpgrade>() else {
        return false;
    };
    context.upgrade(on_upgrade, then);
    true
}
