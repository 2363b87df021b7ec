//! Hands on at most one value in each period: the first at once, and then the last that has come.
//!
//! A [`Throttle`] tells its recipient a value at once if it has told none for a period. Of the values that come before
//! the period is over, it tells the last, when it is over. So the recipient has the newest value within a period, and
//! gets at most one in each. A drain tells the last value at once; a stop drops it, as a dead letter. If all messages
//! matter, slow them down with a [`Limiter`](crate::limiter::Limiter).
//!
//! ```
//! # use std::sync::{Arc, Mutex};
//! # use std::time::Duration;
//! use tenure::prelude::*;
//! use tenure_actors::throttle::Throttle;
//!
//! struct Bar { shown: Arc<Mutex<Vec<u32>>> }
//!
//! impl Actor for Bar {
//!     type Msg = u32;
//!     async fn handle(&mut self, percent: u32, _: &mut Context<Self>) -> tenure::Result {
//!         self.shown.lock().unwrap().push(percent);
//!         Ok(())
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), RunError> {
//! let shown = Arc::new(Mutex::new(Vec::new()));
//! tenure::scope(async |scope| {
//!     let bar = scope.spawn(Bar { shown: Arc::clone(&shown) })?;
//!     let progress = scope.spawn(Throttle::new(bar.recipient(), Duration::from_millis(100)))?;
//!     for percent in 0..=9_u32 {
//!         progress.tell(percent).await?;
//!         tokio::time::sleep(Duration::from_millis(30)).await;
//!     }
//!     Ok(())
//! })
//! .await?;
//! assert_eq!(*shown.lock().unwrap(), [0, 3, 6, 9]);
//! # Ok(())
//! # }
//! ```

mod actor;

pub use actor::Throttle;
