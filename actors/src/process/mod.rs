//! A child process as a node: it is owned, listed, stopped and joined as all else.
//!
//! A [`Process`] is an actor that has one process, started in a process group of its own. What is written to it are
//! messages; what it writes is told to a [`Recipient`](tenure::Recipient) as [`Output`], which slows it down when it has no room.
//!
//! | what happens | what becomes of it |
//! |---|---|
//! | the process ends with success | the actor ends, in good order |
//! | it ends otherwise | the actor fails with [`ProcessError::Exited`], which a restart policy may settle |
//! | the actor is stopped | `SIGTERM` to the group; after the [grace](ProcessOptions::grace) `SIGKILL`; it is waited for |
//! | it is drained | what was written is passed on, then as a stop; or the end of its input, for a program that [ends with that](ProcessOptions::ends_with_input) |
//! | it is killed | `SIGKILL` to the group; it is waited for |
//!
//! Whenever the process has ended, what is left of its group is killed, so that nothing it has started lives on, and its output is
//! read to the end. It is reaped: no zombie is left. (A process that cannot be killed, as it hangs in the kernel, is left to
//! tokio, which reaps it later. A process that leaves its group, as a daemon does, is out of reach, and is not waited for: an
//! output that it holds open is read for a second more.)
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
