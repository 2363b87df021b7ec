//! Why a request is refused: the status, the log line, and the counter.

use std::net::IpAddr;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::header::{HOST, RETRY_AFTER};
use axum::http::uri::Authority;
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tenure::AskError;

use super::{App, AppState};
use crate::jobs::Refusal;
use crate::picture::Unfit;
use crate::store::StoreError;

#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    #[error(transparent)]
    Unfit(#[from] Unfit),
    #[error("the body cannot be read: {0}")]
    Body(String),
    #[error("a form without a file")]
    NoFile,
    #[error("{0}")]
    Query(String),
    #[error("too many images are being received")]
    TooManyUploads,
    #[error(transparent)]
    Refusal(#[from] Refusal),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("nobody has answered: {0}")]
    Unanswered(#[from] AskError),
    #[error("there is no job {0}")]
    NoJob(String),
    #[error("there is no such page")]
    NoPage,
    #[error("there is no thumbnail of this size")]
    NoThumbnail,
    #[error("the job is not done yet")]
    NotDone,
    #[error("the job has ended, and cannot be cancelled")]
    Ended,
    #[error("the job was cancelled")]
    Cancelled,
    #[error("the job has failed: {0}")]
    Failed(String),
    #[error("the service ends, and the job is left for its next start")]
    Left,
    #[error("a page of another site may not ask for this")]
    FromElsewhere,
    #[error("this service is not known by that name")]
    OtherHost,
}

/// Attached to a response for `count`.
#[derive(Clone)]
struct Reason {
    word: &'static str,
    text: String,
}

impl Refused {
    /// The status, and the name of the counter.
    fn kind(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Unfit(Unfit::Unknown) => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_an_image"),
            Self::Unfit(Unfit::Broken(_)) => (StatusCode::UNPROCESSABLE_ENTITY, "broken_image"),
            Self::Unfit(Unfit::TooManyPixels { .. }) => {
                (StatusCode::PAYLOAD_TOO_LARGE, "too_many_pixels")
            }
            Self::Body(_) => (StatusCode::BAD_REQUEST, "bad_body"),
            Self::NoFile => (StatusCode::BAD_REQUEST, "no_file"),
            Self::Query(_) => (StatusCode::BAD_REQUEST, "bad_query"),
            Self::TooManyUploads => (StatusCode::SERVICE_UNAVAILABLE, "too_many_uploads"),
            Self::Refusal(Refusal::TooMany) => (StatusCode::SERVICE_UNAVAILABLE, "too_many_jobs"),
            Self::Refusal(Refusal::TooManyOfClient) => {
                (StatusCode::TOO_MANY_REQUESTS, "too_many_jobs_of_client")
            }
            Self::Refusal(Refusal::Store(error)) | Self::Store(error) => match error {
                StoreError::Full => (StatusCode::SERVICE_UNAVAILABLE, "store_full"),
                StoreError::Failed(_) => (StatusCode::SERVICE_UNAVAILABLE, "store_failed"),
            },
            Self::Refusal(Refusal::Unanswered(error)) | Self::Unanswered(error) => (
                tenure_actors::http::unanswered(error).status(),
                "unanswered",
            ),
            Self::NoJob(_) => (StatusCode::NOT_FOUND, "no_job"),
            Self::NoPage => (StatusCode::NOT_FOUND, "no_page"),
            Self::NoThumbnail => (StatusCode::NOT_FOUND, "no_thumbnail"),
            Self::NotDone => (StatusCode::CONFLICT, "not_done"),
            Self::Ended => (StatusCode::CONFLICT, "ended"),
            Self::Cancelled => (StatusCode::GONE, "cancelled"),
            Self::Failed(_) => (StatusCode::GONE, "failed"),
            Self::Left => (StatusCode::SERVICE_UNAVAILABLE, "left"),
            Self::FromElsewhere => (StatusCode::FORBIDDEN, "from_elsewhere"),
            Self::OtherHost => (StatusCode::MISDIRECTED_REQUEST, "other_host"),
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let (status, word) = self.kind();
        let text = self.to_string();
        let mut response = (status, Json(json!({ "error": text }))).into_response();
        let is_temporary = [
            StatusCode::TOO_MANY_REQUESTS,
            StatusCode::SERVICE_UNAVAILABLE,
        ];
        if is_temporary.contains(&status) || matches!(self, Self::NotDone) {
            let second = HeaderValue::from_static("1");
            response.headers_mut().insert(RETRY_AFTER, second);
        }
        response.extensions_mut().insert(Reason { word, text });
        response
    }
}

/// Counts and logs refused requests. If the trouble is the service's own, the log line is a warning.
pub(super) async fn count(State(app): State<App>, response: Response) -> Response {
    if let Some(Reason { word, text }) = response.extensions().get() {
        app.counters.add(word);
        if response.status().is_server_error() {
            tracing::warn!(reason = word, "refused: {text}");
        } else {
            tracing::info!(reason = word, "refused: {text}");
        }
    }
    response
}

/// Refuses a request from a page of another site: it could have a browser post here, although it could not read the
/// answer.
pub(super) async fn from_elsewhere(request: Request, next: Next) -> Response {
    let site = request.headers().get("sec-fetch-site");
    let is_elsewhere = site.is_some_and(|site| site == "cross-site" || site == "same-site");
    let is_change = !request.method().is_safe();
    match is_elsewhere && is_change {
        true => Refused::FromElsewhere.into_response(),
        false => next.run(request).await,
    }
}

/// Refuses a request for another host. A page of another site may have its own host name lead to this machine, so that
/// a browser takes both for the same site. But the request still has that name.
pub(super) async fn other_host(State(app): State<App>, request: Request, next: Next) -> Response {
    let host = request.headers().get(HOST);
    let authority = match host {
        Some(host) => Authority::try_from(host.as_bytes()).ok(),
        // In HTTP/2 the host is a part of the target.
        None => request.uri().authority().cloned(),
    };
    let is_known = authority.is_none_or(|authority| is_known(authority.host(), &app.names));
    match is_known {
        true => next.run(request).await,
        false => Refused::OtherHost.into_response(),
    }
}

/// An address cannot be made to lead elsewhere, so any address is accepted.
fn is_known(host: &str, names: &[String]) -> bool {
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let is_address = bare.unwrap_or(host).parse::<IpAddr>().is_ok();
    let host = host.to_ascii_lowercase();
    let is_local = host == "localhost" || host.ends_with(".localhost");
    is_address || is_local || names.iter().any(|name| name.eq_ignore_ascii_case(&host))
}

pub(super) async fn no_such_page(State(_): AppState) -> Refused {
    Refused::NoPage
}
