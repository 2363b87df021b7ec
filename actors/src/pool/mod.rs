//! A pool of workers: whatever it is sent goes to one of them.
//!
//! The pool owns its workers, so it ends only when they have ended. Its mailbox is the one queue in front of them
//! ([`PoolOptions::queue`]): a worker is handed a message only when it has room, which by default is when it is free. When
//! none is, messages wait in the queue, which is bounded, and senders wait for room in that, or the queue drops what its
//! policy says.
//!
//! | what | how |
//! |---|---|
//! | how many workers | [`PoolOptions::fixed`], or [`PoolOptions::elastic`]: more while messages wait, fewer while it is idle |
//! | who is handed a message | [`Dispatch`], or [`PoolOptions::by_key`]: the same key to the same worker, in order |
//! | what goes first | [`PoolOptions::priority`]: high before normal, and none is left for ever |
//! | what is queued, and dropped | [`PoolOptions::queue`]: a [`Mailbox`](tenure::Mailbox) |
//! | work for a processor | [`Blocking`]: each message on a thread that may block |
//!
//! What it hands on keeps its caller ([`Context::forward`](tenure::Context::forward)): an ask that is given up ends
//! the work in the worker, its deadline is known there, and a worker that fails or is killed says so. The ask
//! itself is over at once: when its work is gone, only the worker knows. What a worker
//! has in hand when it is lost is not handed out again, since it may have been done in part; the asks of it are told
//! why, and whoever knows that theirs can be done twice asks again ([`Retry`](crate::retry::Retry)). What waits is not lost with
//! a worker.
//!
//! A worker that fails fails the pool, unless its spec settles or contains that. One that somebody else ends is
//! replaced at once, one that ends by itself or with a contained failure as soon as it is needed, each with a
//! warning.
//!
//! A drain hands out all that was accepted, and joins the workers. The time in which the pool waits for them to be free
//! is its own, so its [grace](tenure::ChildSpec::grace) has to be long enough for that; a pool whose grace runs out is
//! cut short, and what it has not handed out is dead letters. A stop discards what waits.
//!
//! A worker that tells or asks its own pool may wait for itself. With one worker that is a cycle, which is named
//! (rule 16 of the lifecycle) and fails the one whose wait completes it, the worker or the pool; with several,
//! each of which may come free, it is none: give such a wait a limit.
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
