//! Gathers messages into batches, by number, by size and by time.
//!
//! A [`Batcher`] takes single items and sends batches of them to its sink: a recipient that somebody else owns
//! ([`BatcherOptions::to`]), or a child of its own ([`BatcherOptions::with_sink`]). A batch is sent when it has enough
//! items, when it is large enough, or when its first item has waited long enough. While the sink has no room, the
//! batcher waits, its own mailbox fills, and its senders are slowed down.
//!
//! A drain sends the remaining items, as long as the sink takes them. A stop does not: the remaining items become dead
//! letters, and so they do in a kill. If the sink has ended, each item of the batch becomes a dead letter and the batcher
//! fails. A batch that the sink has accepted is a single message of the sink's, and a single dead letter if the sink ends
//! before it has handled that.
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
