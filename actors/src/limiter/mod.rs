//! Limits how often something is done: a token bucket.
//!
//! A [`Bucket`] holds up to `burst` tokens and gets new ones at a steady [`Rate`]. Clones share it. Code that is
//! limited takes tokens from it: [`take`](Bucket::take) waits for its turn, [`try_take`](Bucket::try_take) says when to
//! try again. A [`Limiter`] is an actor in front of another one, to which it forwards messages at that rate. Messages
//! wait in its mailbox, whose policy handles the overflow, and every ask keeps its caller and its deadline.
//!
//! ```
//! # use std::time::Duration;
//! use tenure::prelude::*;
//! use tenure_actors::limiter::{Bucket, Limiter, Rate};
//! # struct Mail;
//! # impl Actor for Mail {
//! #     type Msg = u32;
//! #     async fn handle(&mut self, _: u32, _: &mut Context<Self>) -> tenure::Result { Ok(()) }
//! # }
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), RunError> {
//! tenure::scope(async |scope| {
//!     // Ten a second, and up to three at once.
//!     let bucket = Bucket::new(Rate::per_second(10), 3)?;
//!     let mail = scope.spawn(Mail)?;
//!     let limited = Limiter::new(bucket.clone(), mail);
//!     let limited = scope.spawn(ChildSpec::new(limited).mailbox(Mailbox::bounded(100).drop_oldest()))?;
//!
//!     let start = tokio::time::Instant::now();
//!     for number in 0..13 {
//!         limited.tell(number).await?;
//!     }
//!     limited.drain().await?;
//!     assert_eq!(start.elapsed().as_millis(), 1_000);
//!     let wait = bucket.try_take(1).unwrap_err();
//!     assert_eq!(wait.retry_after(), Some(Duration::from_millis(100)));
//!     Ok(())
//! })
//! .await
//! # }
//! ```

mod actor;
mod bucket;
mod error;

pub use actor::Limiter;
pub use bucket::{Bucket, Rate};
pub use error::LimiterError;
