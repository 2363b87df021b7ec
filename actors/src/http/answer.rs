use http::{HeaderValue, Response, StatusCode, header};
use tenure::AskError;

/// The response to a request whose ask was in vain: 503 with `Retry-After` if the target had stopped, was full, or dropped
/// the message before it was started; 504 if the time was up; 500 if it failed or did not reply.
///
/// ```
/// use axum::extract::State;
/// use http::Response;
/// use tenure::prelude::*;
/// use tenure_actors::http::unanswered;
///
/// async fn count(State(counter): State<ActorRef<ReplyTo<u64>>>) -> Result<String, Response<String>> {
///     let count = counter.ask(|reply| reply).await.map_err(|error| unanswered(&error))?;
///     Ok(count.to_string())
/// }
/// ```
#[must_use]
pub fn unanswered(error: &AskError) -> Response<String> {
    let status = match error {
        AskError::Stopped | AskError::Full | AskError::Dropped => StatusCode::SERVICE_UNAVAILABLE,
        AskError::TimedOut { .. } => StatusCode::GATEWAY_TIMEOUT,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let mut response = Response::new(format!("{error}\n"));
    *response.status_mut() = status;
    if status == StatusCode::SERVICE_UNAVAILABLE {
        let second = HeaderValue::from_static("1");
        response.headers_mut().insert(header::RETRY_AFTER, second);
    }
    response
}
