use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use super::Builder;
use crate::actor::Spawner;
use crate::error::{Phase, RunError};
use crate::supervision::IntoChild;
use crate::tree::{AnyNode, NodeRef, Order, Stopped, Stopping};

/// The long-lived root of a tree. It dereferences to a [`Spawner`].
///
/// Most programs use [`block_on`](System::block_on) or [`run`](System::run), which start one root actor and return when
/// that has ended. [`start`](System::start) returns the system itself, to spawn into it and to end it by hand.
///
/// ```
/// # use tenure::prelude::*;
/// struct Job(u32);
/// enum Never {}
///
/// impl Actor for Job {
///     type Msg = Never;
///     async fn handle(&mut self, msg: Never, _: &mut Context<Self>) -> tenure::Result { match msg {} }
///
///     async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
///         assert_eq!(self.0, 7);
///         ctx.stop();
///         Ok(())
///     }
/// }
///
/// fn main() -> Result<(), RunError> {
///     System::builder().on_signals().block_on(Job(7))
/// }
/// ```
///
/// If it is dropped without a stop or drain, everything in it is killed, with a warning; the drop cannot wait for that.
pub struct System {
    spawner: Spawner,
    grace: Duration,
}

impl System {
    pub(super) fn new(node: Arc<dyn AnyNode>, grace: Duration) -> Self {
        Self {
            spawner: Spawner::new(node),
            grace,
        }
    }

    /// A builder for a system with other settings.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Starts a system with the default settings on the current runtime.
    ///
    /// # Errors
    ///
    /// [`RunError::NoRuntime`] outside of a tokio runtime.
    #[track_caller]
    pub fn start() -> Result<Self, RunError> {
        Self::builder().start()
    }

    /// Runs a root actor with the default settings, until it and everything beneath it have ended. See
    /// [`Builder::run`].
    ///
    /// # Errors
    ///
    /// As [`Builder::run`].
    ///
    /// # Cancel safety
    ///
    /// If it is dropped, everything is killed, which it cannot wait for.
    #[track_caller]
    pub fn run<C: IntoChild>(root: C) -> impl Future<Output = Result<(), RunError>> + Send {
        Self::builder().run(root)
    }

    /// Runs a root actor with the default settings on a runtime of its own, and blocks until it and everything beneath
    /// it have ended. See [`Builder::block_on`].
    ///
    /// # Errors
    ///
    /// As [`Builder::block_on`].
    #[track_caller]
    pub fn block_on<C: IntoChild>(root: C) -> Result<(), RunError> {
        Self::builder().block_on(root)
    }

    /// Asks for a stop of everything, within the system's grace. While it is awaited, warnings name the nodes that hold
    /// it up, from half of their grace on.
    ///
    /// # Errors
    ///
    /// Those of [`Stopping`], when it is awaited.
    #[track_caller]
    pub fn stop(&self) -> Stopping {
        self.end(Order::Stop).within(self.grace)
    }

    /// Asks for a drain of everything, within the system's grace, with the same warnings.
    ///
    /// # Errors
    ///
    /// Those of [`Stopping`], when it is awaited.
    #[track_caller]
    pub fn drain(&self) -> Stopping {
        self.end(Order::Drain).within(self.grace)
    }

    /// Kills everything.
    ///
    /// # Errors
    ///
    /// Those of [`Stopping`], when it is awaited.
    #[track_caller]
    pub fn kill(&self) -> Stopping {
        self.end(Order::Kill)
    }

    /// Waits for the system's end without asking for it: until something in it fails, or somebody else ends it.
    ///
    /// # Errors
    ///
    /// Those of [`Stopped`], when it is awaited.
    pub fn stopped(&self) -> Stopped {
        self.node().stopped()
    }

    #[track_caller]
    fn end(&self, order: Order) -> Stopping {
        self.node().end(order).with_warnings()
    }
}

impl Deref for System {
    type Target = Spawner;

    fn deref(&self) -> &Spawner {
        &self.spawner
    }
}

impl Drop for System {
    fn drop(&mut self) {
        let node: NodeRef = self.node();
        if node.phase() < Phase::Stopping {
            tracing::warn!(
                name: "tenure.system_dropped",
                path = %node.path(),
                "a system was dropped without a stop: killing it"
            );
            drop(node.kill());
        }
    }
}

impl fmt::Debug for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("System").field(&self.node()).finish()
    }
}
