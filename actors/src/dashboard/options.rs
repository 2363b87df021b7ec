use std::fmt;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tenure::observe::SnapshotOptions;
use tenure::{ChildSpec, Context, NodeRef, Result, Start, StopOrder};

use super::actor::Dashboard;
use super::error::DashboardError;
use super::feed::Feed;
use super::letters::LetterLog;
use super::routes::{self, Site};
use super::server::Server;

/// What a [`Dashboard`] is started from: what it shows, where, and how much of it.
///
/// It is the dashboard's recipe; [`spec`](DashboardOptions::spec) gives a [`ChildSpec`] of it. It can be started again, as
/// a restart does.
///
/// ```
/// # use std::time::Duration;
/// use tenure_actors::dashboard::{DashboardOptions, LetterLog};
///
/// let letters = LetterLog::new();
/// let builder = tenure::System::builder().on_dead_letter(letters.hook());
/// let dashboard = DashboardOptions::new()
///     .bind(([127, 0, 0, 1], 8080))
///     .interval(Duration::from_secs(2))
///     .letters(&letters);
/// # drop((builder, dashboard));
/// ```
#[derive(Clone)]
#[must_use = "options do nothing until they are started"]
pub struct DashboardOptions {
    pub(super) address: SocketAddr,
    pub(super) root: Option<NodeRef>,
    pub(super) interval: Duration,
    pub(super) nodes: usize,
    pub(super) rows: usize,
    pub(super) clients: usize,
    pub(super) letters: LetterLog,
    /// Where its router looks, if that is mounted elsewhere.
    site: Option<Site>,
}

impl DashboardOptions {
    /// Where it serves if nothing else is said.
    pub const ADDRESS: ([u8; 4], u16) = ([127, 0, 0, 1], 9380);

    /// A dashboard of the tree in which it is started, at `http://127.0.0.1:9380`.
    pub fn new() -> Self {
        Self {
            address: Self::ADDRESS.into(),
            root: None,
            interval: Duration::from_secs(1),
            nodes: SnapshotOptions::MOST_NODES,
            rows: 5_000,
            clients: 256,
            letters: LetterLog::new(),
            site: None,
        }
    }

    /// Where it serves. A port of 0 is one that is free, which [`Address`](super::DashboardMsg::Address) tells. An
    /// address in use fails the start.
    ///
    /// It knows no login: on an address that others can connect to, everybody there sees it.
    pub fn bind(mut self, address: impl Into<SocketAddr>) -> Self {
        self.address = address.into();
        self
    }

    /// Shows this node and all beneath it, which may be another system; else the root of the tree in which it is.
    pub fn of(mut self, root: NodeRef) -> Self {
        self.root = Some(root);
        self
    }

    /// How long there is from one look to the next, at least; by default a second. No less than 50 ms.
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval.max(Duration::from_millis(50));
        self
    }

    /// How many nodes a look takes in at most, those nearest to the root first; by default
    /// [100,000](SnapshotOptions::MOST_NODES). 0 is taken for 1.
    pub fn nodes(mut self, most: usize) -> Self {
        self.nodes = most.max(1);
        self
    }

    /// How many of those the page has a row for at most; by default 5,000. Those that somebody should look at come first, with all above
    /// them, then those nearest to the root. Groups and numbers are of all.
    pub fn rows(mut self, most: usize) -> Self {
        self.rows = most;
        self
    }

    /// How many may be connected at once, and how many pages be open; by default 256. More are told to come again. 0 is taken for 1.
    pub fn clients(mut self, most: usize) -> Self {
        self.clients = most.max(1);
        self
    }

    /// Shows what this log has counted.
    pub fn letters(mut self, letters: &LetterLog) -> Self {
        self.letters = letters.clone();
        self
    }

    /// A dashboard that does not listen, and the router through which it is seen: to be nested in the program's own server.
    /// The router answers `503` while the actor does not run. What it serves ends with the actor.
    ///
    /// ```
    /// use axum::Router;
    /// use tenure::prelude::*;
    /// use tenure_actors::dashboard::DashboardOptions;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), RunError> {
    /// tenure::scope(async |scope| {
    ///     let (dashboard, router) = DashboardOptions::new().mounted();
    ///     scope.spawn(dashboard.spec())?;
    ///     let app: Router = Router::new().nest("/debug/tree", router);
    ///     # drop(app);
    ///     Ok(())
    /// })
    /// .await
    /// # }
    /// ```
    pub fn mounted(mut self) -> (Self, Router) {
        let site = Site::new(self.clients);
        self.site = Some(site.clone());
        (self, routes::router(site))
    }

    /// The dashboard as a child with the name `dashboard`.
    pub fn spec(self) -> ChildSpec<Self> {
        ChildSpec::new(self)
            .name("dashboard")
            .stop_order(StopOrder::Concurrent)
    }
}

impl fmt::Debug for DashboardOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DashboardOptions")
            .field("address", &self.address)
            .field("root", &self.root)
            .field("interval", &self.interval)
            .field("is_mounted", &self.site.is_some())
            .finish_non_exhaustive()
    }
}

impl Default for DashboardOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// It has started once it can be connected to.
impl Start for DashboardOptions {
    type Actor = Dashboard;

    async fn start(self, ctx: &mut Context<Dashboard>) -> Result<Dashboard> {
        let root = self.root.clone().unwrap_or_else(|| root_above(ctx.node()));
        let feed = Arc::new(Feed::new(&self, root, ctx.spawner()));
        let mut address = None;
        let mut server = None;
        let site = match self.site.clone() {
            Some(site) => site,
            None => {
                let site = Site::new(self.clients);
                let failed = |source| DashboardError::Bind {
                    address: self.address,
                    source,
                };
                let listener = TcpListener::bind(self.address).map_err(failed)?;
                listener.set_nonblocking(true).map_err(failed)?;
                let bound = listener.local_addr().map_err(failed)?;
                tracing::info!("the dashboard is at http://{bound}");
                address = Some(bound);
                let serves = Server {
                    router: routes::router(site.clone()),
                    clients: self.clients,
                    is_local: bound.ip().is_loopback(),
                };
                server = Some((listener, serves));
                site
            }
        };
        site.open(&feed, server.is_some());
        let dashboard = Dashboard { address, feed };
        dashboard.run(ctx, self.interval, server)?;
        Ok(dashboard)
    }
}

fn root_above(mut node: NodeRef) -> NodeRef {
    while let Some(owner) = node.owner() {
        node = owner;
    }
    node
}
