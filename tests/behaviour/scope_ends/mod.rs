//! How scopes end: by themselves, in a handler, in an actor's state, and dropped.

mod awaited;
mod by_themselves;
mod failures;
mod in_actors;

use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
