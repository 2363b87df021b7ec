//! A pool of workers: whatever it is sent goes to one of them.
//!
//! The pool owns its workers, so it ends only when they have ended. A drain handles all that the
//! pool and its workers had accepted, and loses nothing. When every worker is full, the pool waits
//! for one of them, its own mailbox fills, and whoever sends to it is slowed down.
//!
//! A message is handed to a worker before that is free, and stays there: it may wait behind a long one while other
//! workers are idle, and how many are accepted is bounded by all mailboxes together. That suits many short
//! messages. For few and long jobs, with one bound and one queue, have a task each that takes a permit of a
//! semaphore, as the example `11-jobs` does.
//!
//! What it hands on keeps its caller ([`Context::forward`](tenure::Context::forward)): an ask that is given up ends
//! the work in the worker, its deadline is known there, and a worker that fails or is killed says so. The ask itself
//! is over at once: when its work is gone, only the worker knows.
//!
//! A worker that fails fails the pool, unless its spec settles or contains that. One that somebody else ends is
//! replaced at once, one that ends by itself or with a contained failure as soon as it is needed, each with a
//! warning; what it had accepted and not handled is dead.
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

pub use actor::Pool;
