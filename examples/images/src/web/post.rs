//! The request that posts an image.

use axum::Json;
use axum::body::{Bytes, to_bytes};
use axum::extract::{Extension, FromRequest, Multipart, Query, Request, State};
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tenure_actors::http::RequestContext;

use super::refused::Refused;
use super::{App, AppState, events};
use crate::job::Job;
use crate::jobs::{JobsMsg, Submission};
use crate::picture;
use crate::store::NewJob;

/// The most characters of a name.
const LONGEST_NAME: usize = 200;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    name: Option<String>,
    with: Option<With>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum With {
    /// The job ends when its client goes.
    Client,
}

/// Answers 202 once the job is stored. If the job is to end with the client, the answer consists of the job's events,
/// and the job ends with them.
pub(super) async fn post(
    State(app): AppState,
    Extension(context): Extension<RequestContext>,
    request: Request,
) -> Result<Response, Refused> {
    let Query(params) = Query::<Params>::try_from_uri(request.uri())
        .map_err(|error| Refused::Query(error.body_text()))?;
    let with_client = params.with.is_some();
    // This comes before any byte of the image is in memory.
    let upload = app.uploads.try_acquire();
    let upload = upload.map_err(|_| Refused::TooManyUploads)?;
    let (name, image) = read(request, &app).await?;
    let look = picture::look(&image, app.limits.pixels)?;

    let name = params.name.or(name).unwrap_or_default();
    let job = NewJob {
        name: name.chars().take(LONGEST_NAME).collect(),
        format: look.format.extensions_str()[0].to_owned(),
        width: look.width,
        height: look.height,
        with_client,
        image,
    };
    if with_client {
        // The response lasts as long as the job.
        context.relax();
    }
    let submission = Submission {
        job,
        client: context.peer().map(|peer| peer.ip()),
        request: with_client.then(|| context.spawner().clone()),
    };
    let submit = app.jobs.ask(|reply| JobsMsg::Submit(submission, reply));
    let job = submit.await??;
    drop(upload);
    let location = location(&job);
    let accepted = match with_client {
        true => events::until_end(&app, job.id).await?,
        false => Json(job).into_response(),
    };
    Ok((StatusCode::ACCEPTED, [(LOCATION, location)], accepted).into_response())
}

fn location(job: &Job) -> HeaderValue {
    let location = HeaderValue::try_from(format!("/jobs/{}", job.id));
    // A number has only characters that a header may have.
    location.unwrap_or_else(|_| HeaderValue::from_static("/jobs"))
}

/// The image, and its name if it is a file of a form. The server itself refuses what is too large.
async fn read(request: Request, app: &App) -> Result<(Option<String>, Bytes), Refused> {
    let kind = request.headers().get(CONTENT_TYPE);
    let is_form = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"multipart/form-data"));
    if !is_form {
        let most = usize::try_from(app.limits.body_bytes).unwrap_or(usize::MAX);
        let image = to_bytes(request.into_body(), most).await;
        return Ok((
            None,
            image.map_err(|error| Refused::Body(error.to_string()))?,
        ));
    }
    let form = Multipart::from_request(request, app).await;
    let mut form = form.map_err(|error| Refused::Body(error.body_text()))?;
    let bad = |error: axum::extract::multipart::MultipartError| Refused::Body(error.body_text());
    while let Some(field) = form.next_field().await.map_err(bad)? {
        if let Some(name) = field.file_name().map(str::to_owned) {
            return Ok((Some(name), field.bytes().await.map_err(bad)?));
        }
    }
    Err(Refused::NoFile)
}
