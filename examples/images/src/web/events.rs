//! Changes as server-sent events.
//!
//! A viewer is first sent the present state, and then the changes: `jobs` has all jobs, `job` one of them. A viewer
//! that is too slow is cut off, and starts again when it reconnects, as browsers do. `closing` is the last event of a
//! service that ends.

use std::convert::Infallible;
use std::pin::pin;
use std::time::Duration;

use axum::extract::{Extension, Path, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::Serialize;
use tenure_actors::http::RequestContext;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::refused::Refused;
use super::{App, AppState, jobs};
use crate::jobs::{JobsMsg, Watching};

pub(super) async fn of_all(
    State(app): AppState,
    Extension(request): Extension<RequestContext>,
) -> Result<Response, Refused> {
    let watching = app.jobs.ask(JobsMsg::Watch).await?;
    request.relax();
    let first = event("jobs", &watching.jobs);
    Ok(respond(Events::new(watching, first, None, &app)))
}

pub(super) async fn of_one(
    State(app): AppState,
    Extension(request): Extension<RequestContext>,
    Path(id): Path<String>,
) -> Result<Response, Refused> {
    let id = jobs::find(&app, &id).await?.id;
    request.relax();
    until_end(&app, id).await
}

/// The events of one job, until it has ended.
pub(super) async fn until_end(app: &App, id: u64) -> Result<Response, Refused> {
    let watching = app.jobs.ask(JobsMsg::Watch).await?;
    let job = watching.jobs.iter().find(|job| job.id == id);
    let job = job.ok_or_else(|| Refused::NoJob(id.to_string()))?;
    let (first, has_ended) = (event("job", job), job.state.is_end());
    let with_client = job.with_client;
    let mut events = Events::new(watching, first, Some(id), app);
    events.is_over = has_ended;
    if with_client {
        events.last_words = app.limits.finish;
    }
    Ok(respond(events))
}

struct Events {
    first: Option<Event>,
    watching: Watching,
    /// The only job of interest, if there is one.
    only: Option<u64>,
    closing: CancellationToken,
    /// How long the events go on once the service is to end, so that a job that ends with them has its time.
    last_words: Duration,
    is_over: bool,
}

impl Events {
    fn new(mut watching: Watching, first: Event, only: Option<u64>, app: &App) -> Self {
        watching.jobs.clear();
        Self {
            first: Some(first),
            watching,
            only,
            closing: app.closing.clone(),
            last_words: Duration::ZERO,
            is_over: false,
        }
    }

    async fn next(&mut self) -> Option<Event> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        let (closing, last_words) = (self.closing.clone(), self.last_words);
        let mut closed = pin!(async move {
            closing.cancelled().await;
            sleep(last_words).await;
        });
        while !self.is_over {
            let changed = tokio::select! {
                biased;
                changed = self.watching.changes.recv() => changed,
                () = &mut closed => {
                    self.is_over = true;
                    return Some(Event::default().event("closing").data("{}"));
                }
            };
            match changed {
                Ok(job) if self.only.is_none_or(|only| only == job.id) => {
                    self.is_over = self.only.is_some() && job.state.is_end();
                    return Some(event("job", &job));
                }
                Ok(_) => {}
                Err(RecvError::Lagged(_) | RecvError::Closed) => self.is_over = true,
            }
        }
        None
    }
}

fn event(name: &str, data: &impl Serialize) -> Event {
    let event = Event::default().event(name).json_data(data);
    event.unwrap_or_else(|error| {
        tracing::error!(%error, "an event cannot be written as JSON");
        Event::default().comment("an event was lost")
    })
}

fn respond(events: Events) -> Response {
    let stream = stream::unfold(events, async |mut events| {
        let event = events.next().await?;
        Some((Ok::<_, Infallible>(event), events))
    });
    Sse::new(stream)
        .keep_alive(KeepAlive::default())
        .into_response()
}
