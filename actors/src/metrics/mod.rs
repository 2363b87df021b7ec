//! The tree as metrics, for Prometheus or anything else that reads its formats.
//!
//! [`TreeMetrics`] is a collector of [`prometheus_client`], to be registered beside a program's own metrics. It looks
//! at the tree when it is scraped, so it costs the tree nothing between scrapes: a scrape costs what a
//! [snapshot](tenure::NodeRef::snapshot) costs. The tree itself counts the histograms, if
//! [timings](tenure::Builder::timings) are on.
//!
//! ```
//! use prometheus_client::encoding::prometheus_text;
//! use prometheus_client::registry::Registry;
//! use tenure::prelude::*;
//! use tenure_actors::metrics::TreeMetrics;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let system = System::start()?;
//! let mut registry = Registry::default();
//! registry.register_collector(Box::new(TreeMetrics::new(system.node())));
//! system.task(std::future::pending::<()>())?;
//!
//! let mut text = String::new();
//! prometheus_text::encode(&mut text, &registry)?;
//! assert!(text.contains("tenure_nodes{kind=\"task\",phase="));
//! # system.stop().await?;
//! # Ok(())
//! # }
//! ```
//!
//! The project's `docs/grafana.json` is a Grafana dashboard of them.
//!
//! # The metrics
//!
//! | name | kind | labels | what it is |
//! |---|---|---|---|
//! | `tenure_nodes` | gauge | `kind`, `phase` | live nodes |
//! | `tenure_verdicts` | gauge | `verdict` | live nodes by [verdict](tenure::observe::Verdict); every verdict is there, also with 0 |
//! | `tenure_holding_up_stop` | gauge | | nodes whose end a stop waits for |
//! | `tenure_type_nodes` | gauge | `type` | live nodes |
//! | `tenure_mailbox_queued` | gauge | `type` | messages that wait in all mailboxes of that type |
//! | `tenure_mailbox_queued_max` | gauge | `type` | messages that wait in the fullest of them |
//! | `tenure_mailbox_senders_waiting` | gauge | `type` | senders that wait for room |
//! | `tenure_handling_seconds_max` | gauge | `type` | how long the longest running handler has run: exact with [timings](tenure::Builder::timings), otherwise since somebody first looked |
//! | `tenure_mailbox_oldest_seconds_max` | gauge | `type` | how long the oldest message in them has waited: with timings, otherwise 0 |
//! | `tenure_restarts_in_window` | gauge | `type` | restarts within the windows of their limits |
//! | `tenure_messages_handled_total` | counter | `type` | messages that were begun, as far as a scrape has seen it: those between the last scrape and the end of an actor are missing |
//! | `tenure_mailbox_seconds` | histogram | `type` | how long messages have waited in a mailbox: with timings |
//! | `tenure_handler_seconds` | histogram | `type` | how long handlers have taken: with timings |
//! | `tenure_failures_total` | counter | `type` | nodes that failed or panicked by themselves, also if they were restarted or the failure was contained |
//! | `tenure_restarts_total` | counter | `type` | nodes that were restarted |
//! | `tenure_cut_short_total` | counter | `type` | nodes that were killed because their time to end was up |
//! | `tenure_unjoined_total` | counter | `type` | waits for an end that were given up because a node does not yield; the type is that of the deepest such node |
//! | `tenure_dead_letters_total` | counter | | messages that were accepted and are never handled |
//! | `tenure_foreign_tasks` | gauge | | tasks of the runtime that are not nodes, if [asked for](TreeMetrics::foreign_tasks) |
//! | `tenure_left_out_nodes` | gauge | | nodes that were too many for the look |
//! | `tenure_look_seconds` | gauge | | how long the look has taken |
//!
//! Labels are names of types, kinds and verdicts, never numbers or paths. If there are more than [`MOST_TYPES`] types,
//! the rarest share the label `other`. So there are never more than about 1,100 series, however many actors there are,
//! and 4,500 more with timings. Timings are switched on for a whole system; each message then costs some reads of the
//! clock.
//!
//! # Of an HTTP server
//!
//! With the feature `http` there is a second collector, `HttpMetrics`, of the counters of servers. The label `server`
//! is the name that each server is given.
//!
//! | name | kind | labels | what it is |
//! |---|---|---|---|
//! | `tenure_http_connections_open` | gauge | `server` | connections that are open, upgraded ones among them |
//! | `tenure_http_requests_in_flight` | gauge | `server` | requests that are being served |
//! | `tenure_http_connections_accepted_total` | counter | `server` | connections that were accepted |
//! | `tenure_http_connections_upgraded_total` | counter | `server` | connections that were upgraded |
//! | `tenure_http_requests_total` | counter | `server` | requests whose head was understood |
//! | `tenure_http_troubles_total` | counter | `server`, `kind` | what went wrong, by its name in `HttpStats` |

mod collector;
#[cfg(feature = "http")]
mod http;
mod tally;

pub use collector::{MOST_TYPES, TreeMetrics};
#[cfg(feature = "http")]
pub use http::HttpMetrics;
