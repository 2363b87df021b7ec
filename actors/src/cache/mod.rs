//! A cache that loads each key once, however many ask for it at the same time.
//!
//! A [`Cache`] is an actor. Whoever asks for a key that it does not have waits for its load, and shares that with all who ask
//! meanwhile. A load is a task of the cache's: it ends when nobody waits for it any more, and with the cache. A load that fails,
//! or panics, fails all who wait for it, and is not kept; so the next one who asks tries again. What is kept is bounded in
//! number, where what was used last stays, and in time.
//!
//! A load inherits the deadline of the ask that began it; one that others share should make its own asks with
//! [`no_deadline`](tenure::Ask::no_deadline), and a limit of its own. A load may ask its cache for other keys. One that asks
//! for its own, or for one whose load waits for it, waits for ever if nothing limits that: the cache cannot see it.
//!
//! ```
//! # use std::time::Duration;
//! use tenure::prelude::*;
//! use tenure_actors::cache::{CacheMsg, CacheOptions};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), RunError> {
//! tenure::scope(async |scope| {
//!     let pages = CacheOptions::new(|url: String| async move {
//!         if url.is_empty() {
//!             return Err("no address".into());
//!         }
//!         tenure::Ok(url.len()) // as if it were fetched
//!     });
//!     let pages = scope.spawn(pages.capacity(1_000).time_to_live(Duration::from_secs(60)).spec())?;
//!     let len = pages.ask(|reply| CacheMsg::Get(String::from("example"), reply)).await?;
//!     assert_eq!(len.unwrap(), 7);
//!     let none = pages.ask(|reply| CacheMsg::Get(String::new(), reply)).await?;
//!     assert_eq!(none.unwrap_err().to_string(), "no address");
//!     Ok(())
//! })
//! .await
//! # }
//! ```

mod actor;
mod error;
mod options;
mod store;

pub use actor::{Cache, CacheMsg};
pub use error::LoadError;
pub use options::CacheOptions;
