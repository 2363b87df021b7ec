//! What clients can ask for.
//!
//! | request | answer |
//! |---|---|
//! | `GET /` | the page |
//! | `POST /jobs` | 202 with the job, once it is stored; the body is the image, or a form with a file; `?name=` names it |
//! | `POST /jobs?with=client` | 202 and the job's events; the job ends with this response |
//! | `GET /jobs`, `GET /jobs/7` | all jobs, or one |
//! | `GET /jobs/7/512` | a thumbnail, by its size |
//! | `DELETE /jobs/7` | cancels the job, and answers when nothing of its work is left |
//! | `GET /events`, `GET /jobs/7/events` | what changes, as server-sent events |
//! | `GET /stats` | what was counted |
//! | `GET /tree` | the dashboard |

mod counters;
mod events;
mod jobs;
mod page;
mod post;
mod refused;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::{self, map_response_with_state};
use axum::response::Response;
use axum::routing::get;
use tenure::ActorRef;
use tenure_actors::http::HttpStats;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::jobs::JobsMsg;
use crate::settings::Limits;
use crate::store::StoreMsg;
use counters::Counters;

/// What all request handlers share.
#[derive(Clone)]
pub(crate) struct App {
    jobs: ActorRef<JobsMsg>,
    store: ActorRef<StoreMsg>,
    limits: Limits,
    names: Arc<[String]>,
    /// A permit for each image that may be received at a time.
    uploads: Arc<Semaphore>,
    /// Fires when the service is to end.
    closing: CancellationToken,
    counters: Arc<Counters>,
    http: Arc<HttpStats>,
}

impl App {
    pub(crate) fn new(
        jobs: ActorRef<JobsMsg>,
        store: ActorRef<StoreMsg>,
        limits: Limits,
        names: Vec<String>,
        closing: CancellationToken,
    ) -> Self {
        Self {
            jobs,
            store,
            limits,
            names: names.into(),
            uploads: Arc::new(Semaphore::new(limits.uploads)),
            closing,
            counters: Arc::default(),
            http: Arc::default(),
        }
    }

    /// The counters of the HTTP server.
    pub(crate) fn http(&self) -> &Arc<HttpStats> {
        &self.http
    }
}

/// The routes of the service and of its dashboard, which has protection of its own.
pub(crate) fn routes(app: &App, tree: Router) -> Router {
    Router::new()
        .route("/", get(page::page))
        .route("/page.css", get(page::style))
        .route("/page.js", get(page::script))
        .route("/icon.svg", get(page::icon))
        .route("/jobs", get(jobs::list).post(post::post))
        .route("/jobs/{id}", get(jobs::one).delete(jobs::cancel))
        .route("/jobs/{id}/events", get(events::of_one))
        .route("/jobs/{id}/{size}", get(jobs::thumbnail))
        .route("/events", get(events::of_all))
        .route("/stats", get(counters::stats))
        .fallback(refused::no_such_page)
        // The limit of the server itself holds.
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::from_fn(refused::from_elsewhere))
        .layer(middleware::map_response(protect))
        .with_state(app.clone())
        .nest("/tree", tree)
        .layer(middleware::from_fn_with_state(
            app.clone(),
            refused::other_host,
        ))
        .layer(map_response_with_state(app.clone(), refused::count))
}

/// The page loads nothing from elsewhere, and runs no code from text.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types 'none'";

/// The headers of each answer.
async fn protect(mut response: Response) -> Response {
    const PROTECTION: [(HeaderName, &str); 5] = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-store"),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
    ];
    for (name, value) in PROTECTION {
        let value = HeaderValue::from_static(value);
        response.headers_mut().insert(name, value);
    }
    response
}

/// What extractors need.
type AppState = State<App>;
