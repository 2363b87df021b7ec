//! A page that shows what is alive, who owns it, and why it does not end.
//!
//! [`DashboardOptions`] is the recipe of an actor that looks at the tree once a second and serves what it sees: on
//! loopback, or as an axum [`Router`](axum::Router) in the program's own server
//! ([`mounted`](DashboardOptions::mounted)), behind the login of that. The page is read-only.
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
//! | Tree | each node: its verdict, what it waits for, its queue, how many messages it begins per second, which message it handles, and how many nodes are beneath it |
//! | Stopping | during an end: who was told by whom, the deepest blocker, the time that is left, and what happens after it |
//! | Waits | who waits for whom, and for how long; cycles |
//! | Groups | nodes counted by type and place of spawn, and their growth in five minutes: the view that shows a leak |
//! | Ends | the last ends: how each ended, the tree of causes if it failed, and its state before; dead letters by label, with a [`LetterLog`] |
//! | Time | nodes, messages a second, queued messages, restarts, dead letters and tokio's tasks over ten minutes |
//!
//! A row links to all that is known of its node. Colours always come with words and shapes. The nodes beneath the
//! dashboard itself are not shown.
//!
//! | address | what it is |
//! |---|---|
//! | `/` | the page |
//! | `/tree.json`, `/tree.txt` | a [`Snapshot`](tenure::Snapshot), taken on request; `?under=`, `?type=`, `?depth=` and `?nodes=` select a part |
//! | `/groups.json`, `/groups.txt` | the groups of such a snapshot |
//! | `/ends.json` | the last hundred [ends](tenure::observe::Ended) that went wrong, and the last hundred others |
//! | `/node/7` | one node; `404` if it is not alive |
//! | `/events` | the events for the page: the whole view, then the changes |
//! | `/metrics` | with the feature `metrics`: [`metrics`](crate::metrics) |
//!
//! # What it costs, and what it leaves alone
//!
//! The dashboard looks and serves on a thread with a runtime of its own: a blocking job that it owns. So the page works
//! also when stuck code holds up the timers and sockets of the program's runtime. (A mounted dashboard is served by the
//! program's runtime, and shows that only afterwards.) A look is a snapshot of at most
//! [`nodes`](DashboardOptions::nodes) nodes. Looks take at most a twentieth of one processor's time: if they take long,
//! there are longer pauses between them. Each is made into one text, which all viewers share. A viewer is sent the
//! changes. One that does not take them is dropped; nobody waits for it.
//!
//! The dashboard's references to the tree keep nothing alive. When it is told to end, it tells its viewers, and its
//! connections have a second to end.
//!
//! A paused clock stands still for as long as a blocking job runs. So a test on one leaves the dashboard out, or looks at
//! its snapshots instead.
//!
//! # Who can see it
//!
//! Everybody who can connect to its address: on loopback, every user of the machine. They see paths, types, labels,
//! places in the code, and texts of failures, but no messages. The only method is `GET`. On loopback it refuses
//! requests for the names of other hosts, so that no page on the internet can make a browser fetch it. Elsewhere mount
//! it behind a login.

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
