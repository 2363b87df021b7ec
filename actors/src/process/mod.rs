//! A child process as a node: owned, listed, stopped and joined like any other.
//!
//! A [`Process`] is an actor that has one process, started in a process group of its own. Its input is written by
//! messages. Its output is told to a [`Recipient`](tenure::Recipient) as [`Output`]; a recipient without room slows the
//! process down. A stop waits for no room: what the recipient has none for is lost.
//!
//! | event | result |
//! |---|---|
//! | the process ends with success | the actor stops |
//! | it ends otherwise | the actor fails with [`ProcessError::Exited`]; a restart policy may restart it |
//! | the actor is stopped | `SIGTERM` to the group; after the [grace](ProcessOptions::grace) `SIGKILL`; it is waited for |
//! | it is drained | queued input is written, then as a stop; a program that [ends with its input](ProcessOptions::ends_with_input) first gets the end of its input |
//! | it is killed | `SIGKILL` to the group; it is waited for |
//!
//! When the process has ended, the rest of its group is killed, so that nothing it has started lives on. Its output is
//! read to the end, and it is reaped: no zombie is left. (A process that cannot be killed because it hangs in the
//! kernel is left to tokio, which reaps it later. A process that leaves its group, as a daemon does, is out of reach
//! and not waited for: an output that it holds open is read for one more second.)
//!
//! ```
//! use tenure::prelude::*;
//! use tenure_actors::process::{Output, ProcessMsg, ProcessOptions};
//! # use std::process::Command;
//!
//! struct Lines(Vec<String>);
//!
//! impl Actor for Lines {
//!     type Msg = Output;
//!     async fn handle(&mut self, output: Output, _: &mut Context<Self>) -> tenure::Result {
//!         if let Output::Stdout(line) = output {
//!             self.0.push(String::from_utf8_lossy(&line).into_owned());
//!         }
//!         Ok(())
//!     }
//!     async fn on_stop(&mut self, _: &mut Context<Self>) -> tenure::Result {
//!         assert_eq!(self.0, ["one", "two"]);
//!         Ok(())
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), RunError> {
//! tenure::scope(async |scope| {
//!     let lines = scope.spawn(Lines(Vec::new()))?;
//!     let sort = ProcessOptions::new(Command::new("sort")).output(lines.recipient());
//!     let sort = scope.start(sort.ends_with_input().spec()).await?;
//!     sort.ask(|reply| ProcessMsg::Write(b"two\none\n".to_vec(), reply)).await??;
//!     sort.drain().await?;
//!     Ok(())
//! })
//! .await
//! # }
//! ```

mod actor;
mod error;
mod group;
mod options;
mod output;

pub use actor::{Process, ProcessMsg};
pub use error::ProcessError;
pub use options::ProcessOptions;
pub use output::{Framing, Output};
