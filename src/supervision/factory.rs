use std::fmt;
use std::sync::{Arc, Mutex};

use crate::actor::{Context, Start};
use crate::error::Result;
use crate::sync::lock;

/// A recipe that is made by a closure for each incarnation: see [`ChildSpec::factory`](crate::ChildSpec::factory).
pub struct Factory<F> {
    make: Arc<Mutex<F>>,
}

impl<F> Factory<F> {
    pub(super) fn new(make: F) -> Self {
        Self {
            make: Arc::new(Mutex::new(make)),
        }
    }
}

impl<S: Start, F: FnMut() -> S + Send + 'static> Start for Factory<F> {
    type Actor = S::Actor;

    async fn start(self, ctx: &mut Context<S::Actor>) -> Result<S::Actor> {
        // An actor has one incarnation at a time, so this lock is never contended.
        let start = lock(&self.make)();
        start.start(ctx).await
    }
}

impl<F> Clone for Factory<F> {
    fn clone(&self) -> Self {
        Self {
            make: Arc::clone(&self.make),
        }
    }
}

impl<F> fmt::Debug for Factory<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Factory").finish_non_exhaustive()
    }
}
