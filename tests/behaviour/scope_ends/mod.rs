//! How scopes end: by themselves, in a handler, in an actor's state, and dropped.

mod by_themselves;
mod failures;
mod in_actors;

use std::pin::Pin;
use std::time::Duration;

use tenure::prelude::*;

const SECOND: Duration = Duration::from_secs(1);

type Kept = Pin<Box<dyn Future<Output = Result<(), RunError>> + Send>>;
