//! The listener and its connections: each is a task that the actor owns.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tenure::prelude::*;
use tenure::{CancellationToken, TaskSpec};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::store::StoreMsg;

/// How long a client may take to send a request's head, also on a connection that is kept open.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the store may take for a request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a connection may last once it is to end. A client that has stopped reading, or never sends the
/// rest of its request, is broken off then.
const LAST_REQUEST: Duration = Duration::from_secs(18);
/// The grace of a connection. No connection takes so long: one that is cut short at its grace would make the
/// whole shutdown a failure, and that is not for a client to decide. It ends within the 25 s that a system has
/// for its shutdown by default.
const CONNECTION_GRACE: Duration = Duration::from_secs(20);

pub(crate) struct Http {
    pub(crate) port: u16,
}

impl Actor for Http {
    type Msg = Infallible;

    async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        // A port that is in use fails the start, and with it the service.
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port)).await?;
        println!("listening on http://{}", listener.local_addr()?);
        // It has started before this actor, beside it.
        let store = ctx.lookup("store")?;
        let app = routes(store, ctx.spawner());
        let connections = ctx.spawner();
        // Of the actor: it fires in a drain before the tasks are waited for, so that this loop ends.
        let token = ctx.token();
        ctx.task(async move {
            while let Some(accepted) = token.run_until_cancelled(listener.accept()).await {
                let (stream, _) = accepted?;
                let app = app.clone();
                let connection = TaskSpec::with_token(|token| serve(stream, app, token));
                // A panic in a request's handler ends its connection, and not the service.
                connections.task(connection.grace(CONNECTION_GRACE).contain())?;
            }
            tenure::Ok(())
        })?;
        Ok(())
    }

    async fn handle(&mut self, msg: Infallible, _ctx: &mut Context<Self>) -> tenure::Result {
        match msg {}
    }
}

/// Serves one connection until its client or its owner ends it.
async fn serve(stream: TcpStream, app: Router, token: CancellationToken) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(app));
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = token.cancelled() => {
            // Answers what is in flight, and takes no further request.
            connection.as_mut().graceful_shutdown();
            let Ok(ended) = timeout(LAST_REQUEST, connection).await else {
                tracing::warn!("a client does not let its last request end: it is broken off");
                return;
            };
            ended
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke off");
    }
}

#[derive(Clone)]
struct App {
    store: ActorRef<StoreMsg>,
    spawner: Spawner,
}

fn routes(store: ActorRef<StoreMsg>, spawner: Spawner) -> Router {
    Router::new()
        .route(
            "/",
            get("PUT and GET /notes/{name}, GET /report, GET /tree\n"),
        )
        .route("/notes/{name}", get(note).put(set_note))
        .route("/report", get(report))
        .route("/tree", get(tree))
        .with_state(App { store, spawner })
}

async fn note(State(app): State<App>, Path(name): Path<String>) -> Result<String, StatusCode> {
    let found = app
        .store
        .ask(|reply| StoreMsg::Get(name, reply))
        .timeout(REQUEST_TIMEOUT)
        .await;
    found.map_err(status)?.ok_or(StatusCode::NOT_FOUND)
}

async fn set_note(
    State(app): State<App>,
    Path(name): Path<String>,
    text: String,
) -> Result<StatusCode, StatusCode> {
    let put = app
        .store
        .ask(|reply| StoreMsg::Put(name, text, reply))
        .timeout(REQUEST_TIMEOUT);
    put.await.map(|()| StatusCode::NO_CONTENT).map_err(status)
}

/// Dropped by the server when the client goes away, and the ask with it.
async fn report(State(app): State<App>) -> Result<String, StatusCode> {
    app.store
        .ask(StoreMsg::Report)
        .timeout(REQUEST_TIMEOUT)
        .await
        .map_err(status)
}

/// What is alive: the counterpart of a dump of all goroutines.
async fn tree(State(app): State<App>) -> String {
    let mut root = app.spawner.node();
    while let Some(owner) = root.owner() {
        root = owner;
    }
    root.snapshot().to_string()
}

fn status(error: AskError) -> StatusCode {
    match error {
        AskError::TimedOut { .. } => StatusCode::GATEWAY_TIMEOUT,
        AskError::Stopped | AskError::Full => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
