//! Jobs are looked at and cancelled, and thumbnails fetched.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use super::refused::Refused;
use super::{App, AppState};
use crate::job::{Job, State as JobState};
use crate::jobs::JobsMsg;
use crate::store::StoreMsg;

pub(super) async fn list(State(app): AppState) -> Result<Json<Vec<Job>>, Refused> {
    Ok(Json(app.jobs.ask(JobsMsg::Watch).await?.jobs))
}

pub(super) async fn one(
    State(app): AppState,
    Path(id): Path<String>,
) -> Result<Json<Job>, Refused> {
    Ok(Json(find(&app, &id).await?))
}

/// Answers once nothing of the work is left. Cancelling a cancelled job changes nothing.
pub(super) async fn cancel(
    State(app): AppState,
    Path(id): Path<String>,
) -> Result<Json<Job>, Refused> {
    let number = find(&app, &id).await?.id;
    let cancelled = app.jobs.ask(|reply| JobsMsg::Cancel(number, reply)).await?;
    // The service may have ended before the job.
    let job = cancelled.ok_or(Refused::Left)?;
    match job.state {
        JobState::Cancelled { .. } => Ok(Json(job)),
        _ => Err(Refused::Ended),
    }
}

pub(super) async fn thumbnail(
    State(app): AppState,
    Path((id, size)): Path<(String, String)>,
) -> Result<Response, Refused> {
    let job = find(&app, &id).await?;
    match &job.state {
        JobState::Done => {}
        JobState::Cancelled { .. } => return Err(Refused::Cancelled),
        JobState::Failed { why } => return Err(Refused::Failed(why.clone())),
        JobState::Queued | JobState::Working { .. } => return Err(Refused::NotDone),
    }
    let made = job.thumbnails.iter().find(|it| it.size.to_string() == size);
    let made = made.ok_or(Refused::NoThumbnail)?;
    let fetch = app
        .store
        .ask(|reply| StoreMsg::Thumbnail(job.id, made.size, reply));
    let bytes = fetch.await??.ok_or(Refused::NoThumbnail)?;
    Ok(([(CONTENT_TYPE, made.media_type.clone())], bytes).into_response())
}

pub(super) async fn find(app: &App, id: &str) -> Result<Job, Refused> {
    let unknown = || Refused::NoJob(id.chars().take(20).collect());
    let number = id.parse().map_err(|_| unknown())?;
    let found = app.jobs.ask(|reply| JobsMsg::Get(number, reply)).await?;
    found.ok_or_else(unknown)
}
