//! Asks again: only what was never started, or what the caller says can be done twice.
//!
//! An ask that fails may have been done all the same: the actor may have been killed after the work and before the reply.
//! So a [`Retry`] asks again by itself only if [`AskError::never_started`](tenure::AskError::never_started) says that nothing
//! was begun. What may be done twice, such as a read, is [`idempotent`](Retry::idempotent), and is asked again also
//! after a failure, a kill, or a time-out.
//!
//! ```
//! # use std::time::Duration;
//! use tenure::prelude::*;
//! use tenure_actors::retry::Retry;
//!
//! /// Fails each second time.
//! #[derive(Clone)]
//! struct Flaky(std::sync::Arc<std::sync::atomic::AtomicU32>);
//!
//! impl Actor for Flaky {
//!     type Msg = ReplyTo<u32>;
//!     async fn handle(&mut self, reply: ReplyTo<u32>, _: &mut Context<Self>) -> tenure::Result {
//!         let number = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
//!         if number % 2 == 0 {
//!             return Err("try again".into());
//!         }
//!         reply.send(number);
//!         Ok(())
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), RunError> {
//! tenure::scope(async |scope| {
//!     let flaky = ChildSpec::new(Flaky(Default::default())).restart(Restart::OnFailure);
//!     let flaky = scope.spawn(flaky)?;
//!     let backoff = Backoff::exponential(Duration::from_millis(10), Duration::from_secs(1));
//!     let retry = Retry::new(3).backoff(backoff).idempotent();
//!     // The closure makes each ask anew; a limit in it is for each.
//!     let reply = retry.ask(|| flaky.ask(|reply| reply).timeout(Duration::from_secs(1))).await?;
//!     assert_eq!(reply, 1);
//!     Ok(())
//! })
//! .await
//! # }
//! ```

mod error;
mod policy;

pub use error::RetryError;
pub use policy::Retry;
