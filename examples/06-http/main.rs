//! An HTTP service whose state lives in actors.
//!
//! The tree: `/root` owns `/root/store`, which holds the notes, and `/root/http`, which owns the
//! listener and a task for each connection. On SIGTERM the tree drains from the youngest on: the
//! listener closes, requests in flight are answered, idle connections end, and only then does the
//! store stop. A request may take longer than the default grace of a task, so connections have one of
//! their own; and each ends within it whatever its client does, so that none can make a shutdown fail.
//! A client that goes away takes its request with it, down to the work in the store.

mod http;
mod store;

use tenure::prelude::*;

struct Service {
    port: u16,
}

enum Nothing {}

impl Actor for Service {
    type Msg = Nothing;

    async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        let store = ctx
            .start(ChildSpec::new(store::Store::default()).name("store"))
            .await?;
        let http = http::Http {
            port: self.port,
            store,
        };
        ctx.start(ChildSpec::new(http).name("http")).await?;
        Ok(())
    }

    async fn handle(&mut self, msg: Nothing, _ctx: &mut Context<Self>) -> tenure::Result {
        match msg {}
    }
}

fn main() -> tenure::Result {
    tracing_subscriber::fmt().with_target(false).init();
    let port = std::env::var("PORT").map_or(Ok(3000), |port| port.parse())?;
    System::builder()
        .name("notes")
        .on_signals()
        .block_on(Service { port })?;
    println!("everything is joined");
    Ok(())
}
