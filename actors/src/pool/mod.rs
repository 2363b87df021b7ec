//! A pool of workers: each message goes to one of them.
//!
//! The pool owns its workers, so it ends only when they have ended. Its mailbox is the one queue in front of them
//! ([`PoolOptions::queue`]): a worker is handed a message only when it has room, which by default is when it is free.
//! If no worker is free, messages wait in the queue. The queue is bounded: when it is full, senders wait, or it drops
//! messages by its policy.
//!
//! | what | how |
//! |---|---|
//! | number of workers | [`PoolOptions::fixed`], or [`PoolOptions::elastic`]: more while messages wait, fewer while it is idle |
//! | choice of the worker | [`Dispatch`], or [`PoolOptions::by_key`]: the same key to the same worker, in order |
//! | order | [`PoolOptions::priority`]: high before normal, and no message waits for ever |
//! | queueing and dropping | [`PoolOptions::queue`]: a [`Mailbox`](tenure::Mailbox) |
//! | work on the processor | [`Blocking`]: each message on a thread that may block |
//!
//! A message keeps its caller ([`Context::forward`](tenure::Context::forward)). The worker knows the deadline of an ask
//! and sees when it is given up, and a caller learns when the worker fails or is killed. An ask that is given up is
//! over at once, perhaps before the worker has ended the work. The messages that a lost worker had in hand are not
//! handed out again, since they may have been done in part. Their callers learn why, and may ask again if that is safe
//! ([`Retry`](crate::retry::Retry)). Messages that wait are not lost with a worker.
//!
//! A worker that fails fails the pool, unless its spec restarts it or contains the failure. A worker that somebody else
//! ends is replaced at once. A worker that ends by itself, or with a contained failure, is replaced as soon as it is
//! needed. Each replacement is logged as a warning.
//!
//! A drain hands out all accepted messages, and joins the workers. The pool's own [grace](tenure::ChildSpec::grace) has
//! to be long enough for the time in which it waits for free workers. A pool whose grace runs out is cut short, and the
//! messages that it has not handed out become dead letters. A stop discards the messages that wait.
//!
//! A worker that tells or asks its own pool may wait for itself. With one worker that is a cycle: it is named (rule 16
//! of the lifecycle), and fails the worker or the pool, whichever completes it. With several workers it is not a cycle,
//! since any of them may become free: give such a wait a limit.
//!
//! ```
//! # use std::sync::Arc;
//! # use std::sync::atomic::{AtomicU32, Ordering};
//! use tenure::prelude::*;
//! use tenure_actors::pool::Pool;
//!
//! struct Adder {
//!     sum: Arc<AtomicU32>,
//! }
//!
//! impl Actor for Adder {
//!     type Msg = u32;
//!
//!     async fn handle(&mut self, n: u32, _ctx: &mut Context<Self>) -> tenure::Result {
//!         self.sum.fetch_add(n, Ordering::Relaxed);
//!         Ok(())
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), RunError> {
//! let sum = Arc::new(AtomicU32::new(0));
//! tenure::scope(async |scope| {
//!     let workers = Arc::clone(&sum);
//!     let pool = scope.spawn(Pool::of(4, move |_| Adder { sum: Arc::clone(&workers) }))?;
//!     for n in 1..=100 {
//!         pool.tell(n).await?;
//!     }
//!     Ok(())
//! })
//! .await?;
//! assert_eq!(sum.load(Ordering::Relaxed), 5_050);
//! # Ok(())
//! # }
//! ```

mod actor;
mod blocking;
mod error;
mod options;
mod queue;
mod workers;

pub use actor::Pool;
pub use blocking::Blocking;
pub use error::PoolError;
pub use options::{Dispatch, PoolOptions, Priority};
