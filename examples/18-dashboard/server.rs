//! Requests that make the troubles of the shop worse.

use std::convert::Infallible;
use std::net::Ipv4Addr;

use axum::Router;
use tenure::prelude::*;
use tenure_actors::http::serve;
use tokio::net::TcpListener;

pub(crate) struct Server {
    pub(crate) port: u16,
    pub(crate) routes: fn(Spawner) -> Router,
}

impl Actor for Server {
    type Msg = Infallible;

    async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port)).await?;
        println!("the shop is at http://{}", listener.local_addr()?);
        let server = serve(listener, (self.routes)(ctx.spawner()));
        ctx.spawn(server.spec().name("server"))?;
        Ok(())
    }

    async fn handle(&mut self, msg: Infallible, _ctx: &mut Context<Self>) -> tenure::Result {
        match msg {}
    }
}
