//! A connection serves one request.

use std::time::Duration;

use tenure::CancellationToken;
use tenure::prelude::*;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::time::timeout;

use crate::jobs::{JobsMsg, State};
use crate::request::{self, Request};

/// How long a client may take to send its request.
const READ_LIMIT: Duration = Duration::from_secs(5);
/// How long the answer may take to be made.
const ASK_LIMIT: Duration = Duration::from_secs(5);
/// How long the client may take to read the answer.
const WRITE_LIMIT: Duration = Duration::from_secs(2);
/// Serves one request. If the service is to end before the request was read, there is no answer.
pub(crate) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    jobs: ActorRef<JobsMsg>,
    token: CancellationToken,
) {
    let mut stream = BufReader::new(stream);
    let request = timeout(READ_LIMIT, request::read(&mut stream));
    let (status, text) = match token.run_until_cancelled(request).await {
        Some(Ok(Ok(request))) => answer(&request, &jobs).await.unwrap_or_else(unanswered),
        Some(Ok(Err(error))) => ("400 Bad Request", error.to_string()),
        Some(Err(late)) => ("408 Request Timeout", late.to_string()),
        None => return,
    };
    let length = text.len() + 1;
    let answer = format!(
        "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{text}\n"
    );
    match timeout(WRITE_LIMIT, stream.write_all(answer.as_bytes())).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a client has gone"),
        Err(_) => tracing::debug!("a client does not read"),
    }
}

type Answer = (&'static str, String);

async fn answer(request: &Request, jobs: &ActorRef<JobsMsg>) -> Result<Answer, AskError> {
    let Request { method, path, body } = request;
    let id = path.strip_prefix("/jobs/").and_then(|id| id.parse().ok());
    Ok(match (method.as_str(), path.as_str(), id) {
        ("POST", "/jobs", _) => match body.parse() {
            Ok(work) => {
                let submit = jobs.try_ask(|reply| JobsMsg::Submit(work, reply));
                match submit.timeout(ASK_LIMIT).await? {
                    Some(id) => ("202 Accepted", id.to_string()),
                    None => ("503 Service Unavailable", "too many jobs".into()),
                }
            }
            Err(usage) => ("400 Bad Request", String::from(usage)),
        },
        ("GET", _, Some(id)) => {
            let get = jobs.ask(|reply| JobsMsg::Get(id, reply));
            found(get.timeout(ASK_LIMIT).await?)
        }
        ("DELETE", _, Some(id)) => {
            let cancel = jobs.ask(|reply| JobsMsg::Cancel(id, reply));
            found(cancel.timeout(ASK_LIMIT).await?)
        }
        ("GET", "/tree", _) => {
            let root = jobs.node().find("/");
            let tree = root.map(|root| root.snapshot().to_string());
            ("200 OK", tree.unwrap_or_default())
        }
        _ => (
            "404 Not Found",
            "POST /jobs; GET and DELETE /jobs/ID; GET /tree".into(),
        ),
    })
}

fn found(state: Option<State>) -> Answer {
    match state {
        Some(state) => ("200 OK", state.to_string()),
        None => ("404 Not Found", "no such job".into()),
    }
}

fn unanswered(error: AskError) -> Answer {
    let status = match error {
        AskError::TimedOut { .. } => "504 Gateway Timeout",
        AskError::Full | AskError::Stopped => "503 Service Unavailable",
        _ => "500 Internal Server Error",
    };
    (status, error.to_string())
}
