//! Repeats asks: only those that were never started, or that the caller says can be done twice.
//!
//! The work of a failed ask may still have been done: the actor may have been killed after the work and before the
//! reply. So a [`Retry`] repeats an ask only if [`AskError::never_started`](tenure::AskError::never_started) says that
//! nothing was begun. Make the policy [`idempotent`](Retry::idempotent) for asks that may be done twice, such as reads:
//! they are also repeated after a failure, a kill or a timeout.
//!
//! ```
//! # use std::time::Duration;
//! use tenure::prelude::*;
//! use tenure_actors::retry::Retry;
//!
//! /// Fails every second time.
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
//!     // The closure makes each ask; a limit in it is for each.
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
