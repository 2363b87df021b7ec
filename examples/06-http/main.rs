//! An HTTP service whose state lives in actors.
//!
//! The tree: `/root`, a group, owns `/root/store`, which holds the notes, and `/root/http`, whose `server` owns a
//! node for each connection and request. On SIGTERM the tree drains from the youngest on: the listener closes,
//! requests in flight are answered, idle connections end, and only then does the store stop. A client that goes
//! away takes its request with it, down to the work in the store; a slow one cannot make a shutdown fail.

mod http;
mod store;

use tenure::prelude::*;

fn main() -> tenure::Result {
    tracing_subscriber::fmt().with_target(false).init();
    let port = std::env::var("PORT").map_or(Ok(3000), |port| port.parse())?;
    let service = Group::new()
        .with(ChildSpec::new(store::Store::default()).name("store"))
        .with(ChildSpec::new(http::Http { port }).name("http"));
    System::builder()
        .name("notes")
        .on_signals()
        .block_on(service)?;
    println!("everything is joined");
    Ok(())
}
