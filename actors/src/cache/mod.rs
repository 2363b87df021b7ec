//! A cache that loads each key once, however many callers ask for it at the same time.
//!
//! A [`Cache`] is an actor. A caller who asks for a key that it does not have waits for a load, and all who ask for
//! that key meanwhile share the load. A load is a task of the cache: it ends when nobody waits for it any more, and
//! with the cache. A load that fails or panics fails all who wait for it, and is not kept, so the next caller tries
//! again. The values are bounded in number (the least recently used goes first) and in age.
//!
//! A load inherits the deadline of the ask that began it. As others may share it, it should make its own asks with
//! [`no_deadline`](tenure::Ask::no_deadline) and a limit of its own. A load may ask its cache for other keys. A load
//! that asks for its own key, or for a key whose load waits for this one, waits for ever unless it has a limit: the
//! cache cannot detect that.
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
