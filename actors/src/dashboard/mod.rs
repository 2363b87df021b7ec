//! A page that shows what is alive, who owns it, and why it does not end.
//!
//! [`DashboardOptions`] is the recipe of an actor that looks at the tree once a second and serves what it has seen:
//! on loopback, or as an axum [`Router`](axum::Router) in the program's own server
//! ([`mounted`](DashboardOptions::mounted)), behind its own login. It can only be looked at.
//!
//! ```
//! use tenure::prelude::*;
//! use tenure_actors::dashboard::{DashboardMsg, DashboardOptions};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), RunError> {
//! tenure::scope(async |scope| {
//!     // First, since what starts first stops last: so that it shows how all others end.
//!     let dashboard = DashboardOptions::new().bind(([127, 0, 0, 1], 0));
//!     let dashboard = scope.start(dashboard.spec()).await?;
//!     let address = dashboard.ask(DashboardMsg::Address).await?;
//!     println!("http://{}", address.expect("it serves by itself"));
//!     Ok(())
//! })
//! .await
//! # }
//! ```
//!
//! # What it shows
//!
//! | view | what is in it |
//! |---|---|
//! | Tree | each node: its verdict, what it waits for, its queue, how many messages it begins in a second, which it handles; what is beneath it, counted |
//! | Stopping | during an end: who was told by whom, the deepest blocker, the time that is left, and what happens then |
//! | Waits | who waits for whom, and for how long; cycles |
//! | Groups | nodes counted by type and place of spawn, and how that has grown in five minutes: the view in which a leak shows |
//! | Ends | the last ends: how each came, the tree of its causes if it failed, and how it was before; dead letters by label, with a [`LetterLog`] |
//! | Time | nodes, messages a second, queued messages, restarts, dead letters and tokio's tasks over ten minutes |
//!
//! A row is a link to all that is known of its node. Its colours stand beside words and shapes.
//! What the dashboard itself has beneath it is not shown.
//!
//! | address | what it is |
//! |---|---|
//! | `/` | the page |
//! | `/tree.json`, `/tree.txt` | a [`Snapshot`](tenure::Snapshot), taken when it is asked for; with `?under=`, `?type=`, `?depth=` and `?nodes=` of a part |
//! | `/groups.json`, `/groups.txt` | its groups |
//! | `/ends.json` | the last hundred [ends](tenure::observe::Ended) that went wrong, and the last hundred others |
//! | `/node/7` | one node, `404` if it is gone |
//! | `/events` | what the page listens to: the whole, then the differences |
//! | `/metrics` | with the feature `metrics`: [`metrics`](crate::metrics) |
//!
//! # What it costs, and what it leaves alone
//!
//! Looking and serving have a thread of their own, with a runtime of its own: a blocking job that the dashboard owns. So
//! the page shows what is stuck, also where that keeps the program's runtime from its timers and sockets. (What is
//! mounted is served by the program's runtime, and tells of that only afterwards.) A look is a snapshot, of at most
//! [`nodes`](DashboardOptions::nodes) nodes, and takes at most a twentieth of one processor's time: where a look takes
//! long, they are further apart. Each is made into one text, which all viewers share. A viewer is sent what has changed.
//! One that does not take it is dropped, and nobody waits for it.
//!
//! The dashboard holds references to the tree, which change nothing for it. When it is told to end it tells its
//! viewers, and its connections have a second.
//!
//! # Who can see it
//!
//! Whoever can connect to its address: on loopback every user of the machine, who sees paths, types, labels, places in
//! the code, and texts of failures, but no messages. It takes no other method than `GET`. On loopback it refuses requests for other
//! hosts' names, so that no page on the internet can have a browser fetch it. Elsewhere mount it behind a login.

mod actor;
mod ends;
mod error;
mod feed;
mod history;
mod letters;
mod options;
mod routes;
mod rows;
mod server;
mod view;

pub use actor::{Dashboard, DashboardMsg};
pub use error::DashboardError;
pub use letters::LetterLog;
pub use options::DashboardOptions;
