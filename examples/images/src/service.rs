use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tenure::prelude::*;
use tenure_actors::dashboard::DashboardOptions;
use tenure_actors::http::serve;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::jobs::{JobsOptions, Shrink, Work, workers};
use crate::picture;
use crate::settings::Settings;
use crate::store::StoreOptions;
use crate::web::{self, App};

/// The service, which owns all its parts.
///
/// The part that starts first stops last: the server before the jobs, and the store after all that write to it.
pub struct Service {
    settings: Settings,
    store: StoreOptions,
    /// Makes the thumbnails.
    shrink: Arc<Shrink>,
    /// The workers, if they are not the service's own.
    workers: Option<ActorRef<Work>>,
    /// Fires when no more jobs may begin.
    closing: CancellationToken,
    address: Option<SocketAddr>,
}

/// What a [`Service`] can be asked.
#[derive(Debug)]
pub enum ServiceMsg {
    /// Replies with the address at which it listens.
    Address(ReplyTo<Option<SocketAddr>>),
}

/// The address cannot be listened to, for example because it is in use.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen to {address}: {source}")]
pub struct ListenError {
    /// That address.
    pub address: SocketAddr,
    source: io::Error,
}

impl Service {
    /// A service with its store in the folder that the settings name.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let store = StoreOptions::in_folder(settings.data.clone(), settings.limits);
        Self::with_store(settings, store)
    }

    /// A service with another store.
    #[must_use]
    pub fn with_store(settings: Settings, store: StoreOptions) -> Self {
        Self {
            settings,
            store,
            shrink: Arc::new(picture::thumbnails),
            workers: None,
            closing: CancellationToken::new(),
            address: None,
        }
    }

    /// Has its workers call this for each image: in a test, something that fails or panics.
    #[must_use]
    pub fn with_shrink(mut self, shrink: Arc<Shrink>) -> Self {
        self.shrink = shrink;
        self
    }

    /// Has others do the work: in a test, a [`Probe`](tenure::testing::Probe).
    #[must_use]
    pub fn with_workers(mut self, workers: ActorRef<Work>) -> Self {
        self.workers = Some(workers);
        self
    }

    async fn listen(&mut self) -> Result<TcpListener, ListenError> {
        let address = self.settings.address;
        let failed = |source| ListenError { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        self.address = Some(listener.local_addr().map_err(failed)?);
        Ok(listener)
    }
}

impl Actor for Service {
    type Msg = ServiceMsg;

    async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        // This comes first, so that a second service on the same port does not touch the data of the first.
        let listener = self.listen().await?;
        let limits = self.settings.limits;

        let store = ChildSpec::new(self.store.clone()).restart(Restart::OnFailure);
        let store = ctx.start(store.name("store")).await?;
        let (dashboard, tree) = DashboardOptions::new().mounted();
        ctx.start(dashboard.spec()).await?;
        let workers = match self.workers.clone() {
            Some(workers) => workers,
            None => {
                let shrink = Arc::clone(&self.shrink);
                ctx.start(workers(&store, &limits, shrink)).await?
            }
        };
        let jobs = JobsOptions {
            store: store.clone(),
            workers,
            limits,
            closing: self.closing.clone(),
        };
        let jobs = ChildSpec::new(jobs).restart(Restart::OnFailure);
        let jobs = ctx.start(jobs.name("jobs")).await?;

        let names = self.settings.names.clone();
        let app = App::new(jobs, store, limits, names, self.closing.clone());
        let server = serve(listener, web::routes(&app, tree))
            .limits(|http| {
                http.body_bytes = limits.body_bytes;
                // While an image is being received, it takes one of few places.
                http.read = limits.receive;
            })
            .stats(app.http());
        ctx.start(server.spec().name("http")).await?;
        if let Some(address) = self.address {
            println!("listening on http://{address}");
        }
        Ok(())
    }

    async fn handle(&mut self, msg: ServiceMsg, _: &mut Context<Self>) -> tenure::Result {
        let ServiceMsg::Address(reply) = msg;
        reply.send(self.address);
        Ok(())
    }

    /// From now on, jobs that wait are left for the next start, and viewers are told to go.
    async fn on_drain(&mut self, _: &mut Context<Self>) -> tenure::Result {
        self.closing.cancel();
        Ok(())
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
