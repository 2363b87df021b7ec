//! A circuit breaker: for a while, it stops calls to something that keeps failing.
//!
//! A [`Breaker`] counts failures in a row. After too many it is *open*: calls through it fail at once, and the other
//! side has time to recover. After a while it is *half open*: it lets a few calls through to try. If they succeed, it
//! is *closed* again; if one fails, it is open for the same time again. Clones share one breaker.
//!
//! ```
//! # use std::time::Duration;
//! use tenure::prelude::*;
//! use tenure_actors::breaker::{Breaker, BreakerError, State};
//! # struct Mute;
//! # impl Actor for Mute {
//! #     type Msg = ReplyTo<u32>;
//! #     async fn handle(&mut self, _: ReplyTo<u32>, _: &mut Context<Self>) -> tenure::Result { Ok(()) }
//! # }
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), RunError> {
//! tenure::scope(async |scope| {
//!     let mute = scope.spawn(Mute)?;
//!     let breaker = Breaker::new(3, Duration::from_secs(10));
//!     for _ in 0..3 {
//!         let failed = breaker.ask(|| mute.ask(|reply| reply)).await;
//!         assert_eq!(failed, Err(BreakerError::Failed(AskError::NoReply)));
//!     }
//!     // The actor is not asked any more.
//!     let refused = breaker.ask(|| mute.ask(|reply| reply)).await;
//!     assert_eq!(refused, Err(BreakerError::Open { retry_after: Duration::from_secs(10) }));
//!     tokio::time::advance(Duration::from_secs(10)).await;
//!     assert_eq!(breaker.state(), State::HalfOpen);
//!     Ok(())
//! })
//! .await
//! # }
//! ```

mod error;
mod policy;

pub use error::BreakerError;
pub use policy::{Breaker, State};
