//! The shop's server: as in `06-http`, but that its clients have a second to end.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tenure::prelude::*;
use tenure::{CancellationToken, TaskSpec};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
const LAST_REQUEST: Duration = Duration::from_secs(1);

pub(crate) struct Server<R> {
    port: u16,
    routes: R,
}

impl<R: Fn(Spawner) -> Router + Send + 'static> Server<R> {
    pub(crate) fn new(port: u16, routes: R) -> Self {
        Self { port, routes }
    }
}

impl<R: Fn(Spawner) -> Router + Send + 'static> Actor for Server<R> {
    type Msg = Infallible;

    async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port)).await?;
        println!("the shop is at http://{}", listener.local_addr()?);
        let app = (self.routes)(ctx.spawner());
        let connections = ctx.spawner();
        let token = ctx.token();
        ctx.task(async move {
            while let Some(accepted) = token.run_until_cancelled(listener.accept()).await {
                let (stream, _) = accepted?;
                let app = app.clone();
                let connection = TaskSpec::with_token(|token| serve(stream, app, token));
                connections.task(connection.contain())?;
            }
            tenure::Ok(())
        })?;
        Ok(())
    }

    async fn handle(&mut self, msg: Infallible, _ctx: &mut Context<Self>) -> tenure::Result {
        match msg {}
    }
}

async fn serve(stream: TcpStream, app: Router, token: CancellationToken) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(app));
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => Ok(ended),
        () = token.cancelled() => {
            connection.as_mut().graceful_shutdown();
            timeout(LAST_REQUEST, connection).await
        }
    };
    if let Ok(Err(error)) = ended {
        tracing::debug!(%error, "a connection broke off");
    }
}
