use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::job;
use super::task::{self, TaskHandle, TaskOutput, ValueOf};
use crate::error::SpawnError;
use crate::tree::{AnyNode, NodeRef};

/// Starts nodes beneath its owner, from anywhere: a handler, a request of a web framework, a
/// library's callback.
///
/// [`Context`](crate::Context), [`Scope`](crate::Scope) and [`System`](crate::System) lend one by
/// `Deref`, so that what a spawner can start, they can. It holds nothing alive: once its owner is
/// closed, every spawn is refused, and hands back what was to be started.
///
/// ```
/// # use tenure::prelude::*;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), RunError> {
/// let late = tenure::scope(async |scope| {
///     let sum = scope.task(async { Ok::<_, tenure::Error>(1 + 1) })?;
///     assert_eq!(sum.await?, 2);
///     Ok(scope.spawner())
/// })
/// .await?;
///
/// // The scope is over.
/// assert!(matches!(late.task(async {}), Err(SpawnError::Closed(_))));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Spawner {
    owner: Arc<dyn AnyNode>,
}

impl Spawner {
    pub(crate) fn new(owner: Arc<dyn AnyNode>) -> Self {
        Self { owner }
    }

    pub(crate) fn owner(&self) -> &Arc<dyn AnyNode> {
        &self.owner
    }

    /// Runs a future as a task of the owner's. A stop drops it at its next await, and kills with it
    /// what it has in scopes; a drain lets it run to its end. One that has something to put in order
    /// takes a token: see [`task_with`](Spawner::task_with).
    ///
    /// The future gives `()`, or a [`Result`](std::result::Result) whose error fails the owner, or
    /// nothing ever.
    ///
    /// # Errors
    ///
    /// [`SpawnError::Closed`] gives the future back, unpolled.
    #[track_caller]
    pub fn task<F>(&self, future: F) -> Result<TaskHandle<ValueOf<F>>, SpawnError<F>>
    where
        F: Future<Output: TaskOutput> + Send + 'static,
    {
        task::spawn(&self.owner, future, task::AtStop::Drop, Location::caller())
    }

    /// As [`task`](Spawner::task), for a future that is given a token and ends by itself when that
    /// fires: it has its owner's grace to do so before it is dropped.
    ///
    /// # Errors
    ///
    /// [`SpawnError::Closed`] gives the closure back, uncalled.
    #[track_caller]
    pub fn task_with<F, C>(&self, with: C) -> Result<TaskHandle<ValueOf<F>>, SpawnError<C>>
    where
        C: FnOnce(CancellationToken) -> F,
        F: Future<Output: TaskOutput> + Send + 'static,
    {
        task::spawn_with(&self.owner, with, Location::caller())
    }

    /// Runs a closure on a thread where it may block. Nothing can end it from outside once it has begun: it
    /// is given a token, and should look at it. One that waits for a free thread of the runtime's is dropped by
    /// a stop or kill, on the thread that asks for that.
    ///
    /// # Errors
    ///
    /// [`SpawnError::Closed`] gives the closure back, uncalled.
    #[track_caller]
    pub fn blocking<R, C>(&self, job: C) -> Result<TaskHandle<R::Value>, SpawnError<C>>
    where
        C: FnOnce(CancellationToken) -> R + Send + 'static,
        R: TaskOutput,
    {
        job::spawn(&self.owner, job, Location::caller())
    }

    /// The token that fires when the owner is to end: made when it is first asked for, and of a
    /// type that other libraries take.
    #[must_use]
    pub fn token(&self) -> CancellationToken {
        self.owner.node().token()
    }

    /// Whether the owner is to end: it was told to stop or drain, or was killed, or has come to its end by
    /// itself. Once that is so it stays so, but for an incarnation that ends and is followed by another.
    ///
    /// In a handler it says that what was accepted is being handled in a drain; in a task, that the actor will
    /// not take what the task has for it. [`stop_if_empty`](crate::Context::stop_if_empty) is no end before
    /// the mailbox was found empty.
    ///
    /// ```
    /// # use tenure::prelude::*;
    /// # struct Batcher { batch: Vec<u32> }
    /// # impl Batcher { fn flush(&mut self) { self.batch.clear() } }
    /// # impl Actor for Batcher {
    /// #     type Msg = u32;
    /// async fn handle(&mut self, item: u32, ctx: &mut Context<Self>) -> tenure::Result {
    ///     self.batch.push(item);
    ///     // In a drain there is no time to wait for a full batch.
    ///     if self.batch.len() == 100 || ctx.is_ending() {
    ///         self.flush();
    ///     }
    ///     Ok(())
    /// }
    /// # }
    /// ```
    #[must_use]
    pub fn is_ending(&self) -> bool {
        self.owner.node().signals.load().ends_incarnation()
    }

    /// The live nodes right beneath the owner, the oldest first.
    #[must_use]
    pub fn children(&self) -> Vec<NodeRef> {
        NodeRef::new(Arc::clone(&self.owner)).children()
    }

    /// The live child of this name.
    #[must_use]
    pub fn child(&self, name: &str) -> Option<NodeRef> {
        self.owner.node().child(name).map(NodeRef::new)
    }

    /// The owner itself.
    #[must_use]
    pub fn node(&self) -> NodeRef {
        NodeRef::new(Arc::clone(&self.owner))
    }

    /// Another spawner for the same owner.
    #[must_use]
    pub fn spawner(&self) -> Self {
        self.clone()
    }
}

impl fmt::Debug for Spawner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Spawner").field(&self.node().path()).finish()
    }
}
