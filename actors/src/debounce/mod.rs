//! Hands on the last of several values, once no more come for a while.
//!
//! A [`Debounce`] takes values and tells its recipient the last one when no value has come for a time, or at the latest
//! when the first has waited too long ([`at_most`](Debounce::at_most)). A drain tells the last value at once; a stop
//! drops it, as a dead letter. Values that later ones replace are dropped; that is its purpose.
//!
//! ```
//! # use std::sync::{Arc, Mutex};
//! # use std::time::Duration;
//! use tenure::prelude::*;
//! use tenure_actors::debounce::Debounce;
//!
//! struct Search { texts: Arc<Mutex<Vec<&'static str>>> }
//!
//! impl Actor for Search {
//!     type Msg = &'static str;
//!     async fn handle(&mut self, text: &'static str, _: &mut Context<Self>) -> tenure::Result {
//!         self.texts.lock().unwrap().push(text);
//!         Ok(())
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), RunError> {
//! let texts = Arc::new(Mutex::new(Vec::new()));
//! tenure::scope(async |scope| {
//!     let search = scope.spawn(Search { texts: Arc::clone(&texts) })?;
//!     let typed = scope.spawn(Debounce::new(search.recipient(), Duration::from_millis(300)))?;
//!     for text in ["t", "te", "ten"] {
//!         typed.tell(text).await?;
//!         tokio::time::sleep(Duration::from_millis(100)).await;
//!     }
//!     tokio::time::sleep(Duration::from_secs(1)).await;
//!     typed.tell("tenure").await?;
//!     Ok(())
//! })
//! .await?;
//! assert_eq!(*texts.lock().unwrap(), ["ten", "tenure"]);
//! # Ok(())
//! # }
//! ```

mod actor;

pub use actor::Debounce;
