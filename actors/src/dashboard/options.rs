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
/// It is the dashboard's recipe; [`spec`](DashboardOptions::spec) gives a [`ChildSpec`] of it. It is `Clone`, so that a
/// dashboard can be restarted.
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
    /// The state of the router, if the dashboard is mounted in another server.
    site: Option<Site>,
}

impl DashboardOptions {
    /// The default address.
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

    /// The address at which it serves. Port 0 picks a free port; [`Address`](super::DashboardMsg::Address) replies with
    /// it. An address in use fails the start.
    ///
    /// It has no login: everybody who can connect to the address sees it.
    pub fn bind(mut self, address: impl Into<SocketAddr>) -> Self {
        self.address = address.into();
        self
    }

    /// Shows this node and all beneath it, which may be in another system. By default it shows the whole tree in which
    /// it is started.
    pub fn of(mut self, root: NodeRef) -> Self {
        self.root = Some(root);
        self
    }

    /// The least time between two looks; by default a second, and never less than 50 ms.
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval.max(Duration::from_millis(50));
        self
    }

    /// How many nodes a look has at most, those nearest to the root first; by default
    /// [100,000](SnapshotOptions::MOST_NODES). 0 is taken for 1.
    pub fn nodes(mut self, most: usize) -> Self {
        self.nodes = most.max(1);
        self
    }

    /// How many of those nodes have a row on the page at most; by default 5,000. Nodes in trouble, or that hold up a
    /// stop, come first, with all above them, then those nearest to the root. Groups and numbers count all nodes.
    pub fn rows(mut self, most: usize) -> Self {
        self.rows = most;
        self
    }

    /// How many connections and how many open pages there may be at once; by default 256. Further ones get a `503`. 0
    /// is taken for 1.
    pub fn clients(mut self, most: usize) -> Self {
        self.clients = most.max(1);
        self
    }

    /// Shows what this log has counted.
    pub fn letters(mut self, letters: &LetterLog) -> Self {
        self.letters = letters.clone();
        self
    }

    /// A dashboard that does not listen, and its router, to be nested in the program's own server. The router answers
    /// `503` while the actor does not run. Its streams end with the actor.
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

/// The start returns once clients can connect.
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
