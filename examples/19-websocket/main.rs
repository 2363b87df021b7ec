//! A chat over WebSockets, with a page for it.
//!
//! The tree: `/root` owns `/root/room`, which knows who is there, and `/root/server`, which owns each connection. What talks to
//! a client is a child of that client's connection: it ends when the client goes, and in a shutdown, which tells
//! the client so (1001). Nobody waits for a slow client: the room drops it.
//!
//! ```sh
//! cargo run --example 19-websocket    # then open http://127.0.0.1:3000 twice
//! ```

mod room;
mod server;

use tenure::prelude::*;

fn main() -> tenure::Result {
    tracing_subscriber::fmt().with_target(false).init();
    let port = std::env::var("PORT").map_or(Ok(3000), |port| port.parse())?;
    let chat = Group::new()
        .with(ChildSpec::new(room::Room::default()).name("room"))
        .with(ChildSpec::new(server::Listen { port }).name("server"));
    System::builder().name("chat").on_signals().block_on(chat)?;
    println!("everything is joined");
    Ok(())
}
