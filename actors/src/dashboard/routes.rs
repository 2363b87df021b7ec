//! The addresses that the dashboard serves.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Extension, OriginalUri, Path, Query, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use futures_util::stream;
use serde::{Deserialize, Serialize};
use tenure::observe::SnapshotOptions;
use tenure::{CancellationToken, NodeId, NodeRef};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::feed::{End, Feed};

const PAGE: &str = include_str!("page/index.html");
const STYLE: &str = include_str!("page/page.css");
const SCRIPT: &str = include_str!("page/page.js");
const ICON: &str = include_str!("page/icon.svg");

/// The page loads nothing from outside, and makes no elements from text.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/// How many requests may look at the tree at once, if the dashboard is mounted.
const LOOKS: usize = 2;

/// Ends the connection of a request.
#[derive(Clone)]
pub(super) struct Hangup(pub(super) CancellationToken);

/// The state of a router: the feed of the dashboard, while one runs.
#[derive(Clone)]
pub(super) struct Site {
    open: Arc<Mutex<Option<Open>>>,
    viewers: Arc<Semaphore>,
    looks: Arc<Semaphore>,
}

/// A feed, and whether it is served on the dashboard's own thread.
type Open = (Arc<Feed>, bool);

impl Site {
    pub(super) fn new(viewers: usize) -> Self {
        Self {
            open: Arc::default(),
            viewers: Arc::new(Semaphore::new(viewers)),
            looks: Arc::new(Semaphore::new(LOOKS)),
        }
    }

    pub(super) fn open(&self, feed: &Arc<Feed>, has_thread: bool) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let before = open.replace((Arc::clone(feed), has_thread));
        drop(open);
        // It may be the last of its feed, whose drop wakes viewers.
        drop(before);
    }

    fn feed(&self) -> Result<Open, Refused> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.clone().ok_or(Refused::NotRunning)
    }

    /// Looks at the tree, on a thread that may be blocked.
    async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&NodeRef) -> T + Send + 'static,
    ) -> Result<T, Refused> {
        let (feed, has_thread) = self.feed()?;
        if has_thread {
            return Ok(look(feed.root()));
        }
        let turn = self
            .looks
            .acquire()
            .await
            .map_err(|_| Refused::NotRunning)?;
        let root = feed.root().clone();
        let job = feed
            .spawner()
            .task(tenure::TaskSpec::blocking(move |_| tenure::Ok(look(&root))).contain());
        let looked = job.map_err(|_| Refused::NotRunning)?.await;
        drop(turn);
        looked.map_err(|_| Refused::NotRunning)
    }
}

/// Why there is no answer.
enum Refused {
    NotRunning,
    TooMany,
    NoNode(String),
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        #[derive(Serialize)]
        struct Why {
            error: String,
        }
        let (status, error) = match self {
            Self::NotRunning => {
                let why = "the dashboard is not running".to_owned();
                (StatusCode::SERVICE_UNAVAILABLE, why)
            }
            Self::TooMany => {
                let why = "too many viewers: try it later".to_owned();
                (StatusCode::SERVICE_UNAVAILABLE, why)
            }
            Self::NoNode(id) => {
                let why = format!("no node {id} is alive: it has ended, or never was");
                (StatusCode::NOT_FOUND, why)
            }
        };
        let mut response = json(&Why { error });
        *response.status_mut() = status;
        response
    }
}

pub(super) fn router(site: Site) -> Router {
    let router = Router::new()
        .route("/", get(page))
        .route("/index.html", get(page))
        .route("/page.css", get(async || text("text/css", STYLE)))
        .route("/page.js", get(async || text("text/javascript", SCRIPT)))
        .route("/icon.svg", get(async || text("image/svg+xml", ICON)))
        .route("/events", get(events))
        .route("/tree.json", get(tree_json))
        .route("/tree.txt", get(tree_text))
        .route("/groups.json", get(groups_json))
        .route("/groups.txt", get(groups_text))
        .route("/ends.json", get(ends_json))
        .route("/node/{id}", get(node));
    #[cfg(feature = "metrics")]
    let router = router.route("/metrics", get(metrics));
    router
        .layer(middleware::map_response(protect))
        .with_state(site)
}

/// Sets the security headers of each response.
async fn protect(mut response: Response) -> Response {
    const PROTECTION: [(HeaderName, &str); 5] = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
    ];
    for (name, value) in PROTECTION {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

/// The page's links are relative, so its address has to end in a slash or a file name.
async fn page(OriginalUri(uri): OriginalUri) -> Response {
    let path = uri.path();
    if path.ends_with('/') || path.ends_with("/index.html") {
        return text("text/html", PAGE);
    }
    Redirect::to(&format!("{path}/index.html")).into_response()
}

fn text(kind: &str, text: impl Into<Body>) -> Response {
    let kind = format!("{kind}; charset=utf-8");
    ([(header::CONTENT_TYPE, kind)], text.into()).into_response()
}

fn json(value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(bytes) => ([(header::CONTENT_TYPE, "application/json")], bytes).into_response(),
        Err(error) => {
            tracing::error!(%error, "an answer cannot be written as JSON");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// The query that selects a part of the tree.
#[derive(Deserialize)]
struct Part {
    under: Option<String>,
    #[serde(rename = "type")]
    type_name: Option<String>,
    depth: Option<usize>,
    nodes: Option<usize>,
}

impl Part {
    fn options(self) -> SnapshotOptions {
        let most = SnapshotOptions::MOST_NODES;
        let mut options = SnapshotOptions::new().nodes(self.nodes.unwrap_or(most).min(most));
        if let Some(depth) = self.depth {
            options = options.depth(depth);
        }
        if let Some(path) = self.under {
            options = options.under(path);
        }
        if let Some(part) = self.type_name {
            options = options.type_name(part);
        }
        options
    }
}

async fn tree_json(
    State(site): State<Site>,
    Query(part): Query<Part>,
) -> Result<Response, Refused> {
    let options = part.options();
    site.look(move |root| json(&root.snapshot_with(&options)))
        .await
}

async fn tree_text(
    State(site): State<Site>,
    Query(part): Query<Part>,
) -> Result<Response, Refused> {
    let options = part.options();
    let look = move |root: &NodeRef| root.snapshot_with(&options).to_string();
    Ok(text("text/plain", site.look(look).await?))
}

async fn groups_json(
    State(site): State<Site>,
    Query(part): Query<Part>,
) -> Result<Response, Refused> {
    let options = part.options();
    site.look(move |root| json(&root.snapshot_with(&options).groups()))
        .await
}

async fn groups_text(
    State(site): State<Site>,
    Query(part): Query<Part>,
) -> Result<Response, Refused> {
    let options = part.options();
    let look = move |root: &NodeRef| root.snapshot_with(&options).groups().to_string();
    Ok(text("text/plain", site.look(look).await?))
}

async fn ends_json(State(site): State<Site>) -> Result<Response, Refused> {
    let (feed, _) = site.feed()?;
    site.look(move |_| json(&feed.last_ends())).await
}

async fn node(State(site): State<Site>, Path(id): Path<String>) -> Result<Response, Refused> {
    // The id of a node is read from its number as JSON.
    let Ok(wanted) = serde_json::from_str::<NodeId>(&id) else {
        return Err(Refused::NoNode(id.chars().take(40).collect()));
    };
    let look = move |root: &NodeRef| {
        let snapshot = root.snapshot();
        snapshot.node(wanted).map(json)
    };
    site.look(look).await?.ok_or(Refused::NoNode(id))
}

#[cfg(feature = "metrics")]
async fn metrics(State(site): State<Site>) -> Result<Response, Refused> {
    use prometheus_client::encoding::prometheus_text::{CONTENT_TYPE, encode};

    let (feed, _) = site.feed()?;
    let look = move |_: &NodeRef| {
        let mut text = String::new();
        encode(&mut text, feed.registry()).map(|()| text)
    };
    Ok(match site.look(look).await? {
        Ok(text) => ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "the metrics cannot be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    })
}

/// The stream of events of one viewer.
struct Events {
    whole: Option<Bytes>,
    changes: mpsc::Receiver<Bytes>,
    feed: Arc<Feed>,
    is_over: bool,
    _place: OwnedSemaphorePermit,
}

async fn events(
    State(site): State<Site>,
    hangup: Option<Extension<Hangup>>,
) -> Result<Response, Refused> {
    let (feed, _) = site.feed()?;
    let place = Arc::clone(&site.viewers).try_acquire_owned();
    let place = place.map_err(|_| Refused::TooMany)?;
    let (whole, changes) = feed.join(hangup.map(|Extension(hangup)| hangup.0));
    let events = Events {
        whole,
        changes,
        feed,
        is_over: false,
        _place: place,
    };
    let body = Body::from_stream(stream::unfold(events, async |mut events| {
        let event = events.next().await?;
        Some((Ok::<_, Infallible>(event), events))
    }));
    Ok(([(header::CONTENT_TYPE, "text/event-stream")], body).into_response())
}

impl Events {
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(whole) = self.whole.take() {
            return Some(whole);
        }
        if self.is_over {
            return None;
        }
        if let Some(change) = self.changes.recv().await {
            return Some(change);
        }
        self.is_over = true;
        // A viewer that has lagged behind is dropped, and is not told of an end.
        let why = match self.feed.ended()? {
            End::System => "system",
            End::Dashboard => "dashboard",
        };
        Some(Bytes::from(format!(
            "event: end\ndata: {{\"why\":\"{why}\"}}\n\n"
        )))
    }
}
