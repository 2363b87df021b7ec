//! Hands on at most one value in each period: the first at once, and then the last that has come.
//!
//! A [`Throttle`] tells its recipient a value at once if it has told none for a period; of those that come before the period is
//! over it tells the last, when it is. So the recipient always has the newest value within a period, and never more than one in
//! it. A drain tells the last one at once; a stop drops it, as a dead letter. To slow down messages that all matter is what
//! a [`Limiter`](crate::limiter::Limiter) is for.
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
