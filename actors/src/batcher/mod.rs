//! Gathers what it is told into batches, by number, by size and by time.
//!
//! A [`Batcher`] takes single items and hands on batches of them, to a recipient that somebody else owns
//! ([`BatcherOptions::to`]), or to a child of its own ([`BatcherOptions::with_sink`]). A batch goes when it has so many
//! items, when it is so large, or when its first item has waited for so long. While the sink has no room the batcher waits,
//! its own mailbox fills, and whoever sends to it is slowed down.
//!
//! A drain hands on what is left, while the sink still takes it. A stop does not: the items that are left are dead
//! letters, as is each item of a batch for which the sink is gone; that fails the batcher. A kill takes along what has been
//! gathered, as it does what any handler has in hand.
//!
//! ```
//! # use std::time::Duration;
//! # use std::sync::{Arc, Mutex};
//! use tenure::prelude::*;
//! use tenure_actors::batcher::BatcherOptions;
//!
//! struct Table { rows: Arc<Mutex<Vec<usize>>> }
//!
//! impl Actor for Table {
//!     type Msg = Vec<u32>;
//!     async fn handle(&mut self, batch: Vec<u32>, _: &mut Context<Self>) -> tenure::Result {
//!         self.rows.lock().unwrap().push(batch.len()); // one write for all of them
//!         Ok(())
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), RunError> {
//! let rows = Arc::new(Mutex::new(Vec::new()));
//! tenure::scope(async |scope| {
//!     let table = Table { rows: Arc::clone(&rows) };
//!     let batcher = BatcherOptions::with_sink(table).count(4).time(Duration::from_millis(50));
//!     let batcher = scope.spawn(batcher.spec())?;
//!     for number in 0..10 {
//!         batcher.tell(number).await?;
//!     }
//!     Ok(())
//! })
//! .await?;
//! assert_eq!(*rows.lock().unwrap(), [4, 4, 2]);
//! # Ok(())
//! # }
//! ```

mod actor;
mod error;
mod options;

pub use actor::Batcher;
pub use error::BatcherError;
pub use options::BatcherOptions;
