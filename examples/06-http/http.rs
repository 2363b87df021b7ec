//! The server: an axum router. Its connections are nodes beneath it, and its requests beneath those.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{Response, StatusCode};
use axum::routing::get;
use tenure::prelude::*;
use tenure_actors::http::{serve, unanswered};
use tokio::net::TcpListener;

use crate::store::StoreMsg;

/// How long a request may take. Its ask to the store inherits what is left of that.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);

pub(crate) struct Http {
    pub(crate) port: u16,
}

impl Actor for Http {
    type Msg = Infallible;

    async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        // If the port is in use, the start fails, and with it the service.
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port)).await?;
        println!("listening on http://{}", listener.local_addr()?);
        // The store was started before this actor, beside it.
        let store = ctx.lookup("store")?;
        let app = routes(store, ctx.spawner());
        let server = serve(listener, app).limits(|limits| limits.request = REQUEST_TIMEOUT);
        ctx.spawn(server.spec().name("server"))?;
        Ok(())
    }

    async fn handle(&mut self, msg: Infallible, _ctx: &mut Context<Self>) -> tenure::Result {
        match msg {}
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

/// 503 if the store has stopped or is full, 504 if the time is up, 500 if the store has failed.
fn vain(error: AskError) -> Response<String> {
    unanswered(&error)
}

async fn note(
    State(app): State<App>,
    Path(name): Path<String>,
) -> Result<Result<String, StatusCode>, Response<String>> {
    let found = app.store.ask(|reply| StoreMsg::Get(name, reply)).await;
    Ok(found.map_err(vain)?.ok_or(StatusCode::NOT_FOUND))
}

async fn set_note(
    State(app): State<App>,
    Path(name): Path<String>,
    text: String,
) -> Result<StatusCode, Response<String>> {
    let put = app.store.ask(|reply| StoreMsg::Put(name, text, reply));
    put.await.map(|()| StatusCode::NO_CONTENT).map_err(vain)
}

/// The server drops this future when the client goes away, and with it the ask.
async fn report(State(app): State<App>) -> Result<String, Response<String>> {
    app.store.ask(StoreMsg::Report).await.map_err(vain)
}

/// Everything that is alive, as a dump of all goroutines would show it.
async fn tree(State(app): State<App>) -> String {
    let mut root = app.spawner.node();
    while let Some(owner) = root.owner() {
        root = owner;
    }
    root.snapshot().to_string()
}
