//! A chat over TCP, in which nobody waits for a slow reader.
//!
//! The tree: `/root` owns `/root/room`, which knows who is there, and `/root/server`, which owns the
//! listener and an actor for each connection. A connection's mailbox is what it has still to be sent:
//!
//! - The room never waits. A session whose mailbox is full is killed, and the others are told why.
//! - A session whose client takes nothing for a while fails by itself. That is its own affair
//!   (`contain`), and the room sees it end (`watch`), with the reason.
//! - On SIGTERM the server drains first: each session sends what it had been told, and a goodbye. The
//!   room, which is older, is there until the last of them has ended.
//!
//! ```sh
//! cargo run --example 09-chat
//! nc 127.0.0.1 4000     # in several terminals
//! ```

mod room;
mod server;
mod session;

use tenure::prelude::*;

fn main() -> tenure::Result {
    tracing_subscriber::fmt().with_target(false).init();
    let port = std::env::var("PORT").map_or(Ok(4000), |port| port.parse())?;
    let chat = Group::new()
        .with(ChildSpec::new(room::Room::default()).name("room"))
        .with(
            // The sessions do not depend on each other, so a session that is slow to end does not hold up the others.
            ChildSpec::new(server::Listen { port })
                .name("server")
                .stop_order(StopOrder::Concurrent),
        );
    System::builder().name("chat").on_signals().block_on(chat)?;
    println!("everything is joined");
    Ok(())
}
