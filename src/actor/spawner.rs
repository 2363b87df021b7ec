use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::work::{self, Work};
use super::{IntoTask, TaskHandle, TaskOutput, TaskSpec};
use crate::error::{Phase, SpawnError};
use crate::tree::{AnyNode, NodeRef};

/// Starts nodes beneath its owner, from anywhere: a handler, a request of a web framework, a
/// library's callback.
///
/// [`Context`](crate::Context), [`Scope`](crate::Scope) and [`System`](crate::System) lend one by
/// `Deref`, so that what a spawner can start, they can. It holds nothing alive: once its owner is
/// closed, every spawn is refused, and hands back what was to be started.
///
/// An actor's comes from its own code alone: a reference to an actor gives none, so that nobody starts anything
/// beneath an actor without its doing.
///
/// ```
/// # use tenure::prelude::*;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), RunError> {
/// let late = tenure::scope(async |scope| {
///     let sum = scope.task(async { tenure::Ok(1 + 1) })?;
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

    /// Runs a future, or a [`TaskSpec`](crate::TaskSpec), as a task of the owner's. A stop drops a future at
    /// its next await, and kills with it what it has in scopes; a drain lets it run to its end. One that has
    /// something to put in order takes a token: see [`task_with`](Spawner::task_with).
    ///
    /// The future gives `()`, or a [`Result`](std::result::Result) whose error fails the owner, or
    /// nothing ever. Where nothing says what the error is, [`tenure::Ok`](crate::Ok) does.
    ///
    /// # Errors
    ///
    /// [`SpawnError`] gives back what was to be run, unpolled and uncalled: [`SpawnError::Closed`], and for the
    /// name of a spec [`SpawnError::NameTaken`] and [`SpawnError::BadName`].
    #[track_caller]
    pub fn task<T>(&self, task: T) -> Result<TaskHandle<<T::Work as Work>::Value>, SpawnError<T>>
    where
        T: IntoTask<Work: Work>,
    {
        work::start(&self.owner, task, Location::caller())
    }

    /// As [`task`](Spawner::task), for a future that is given a token and ends by itself when that
    /// fires: it has its owner's grace to do so before it is dropped. With a name, or a grace of its own, it is
    /// a [`TaskSpec::with_token`](crate::TaskSpec::with_token).
    ///
    /// # Errors
    ///
    /// [`SpawnError::Closed`] gives the closure back, uncalled.
    #[track_caller]
    pub fn task_with<F, C>(
        &self,
        with: C,
    ) -> Result<TaskHandle<<F::Output as TaskOutput>::Value>, SpawnError<C>>
    where
        C: FnOnce(CancellationToken) -> F,
        F: Future<Output: TaskOutput> + Send + 'static,
    {
        let started = work::start(&self.owner, TaskSpec::with_token(with), Location::caller());
        started.map_err(|refused| refused.map(|spec| spec.work.0))
    }

    /// Runs a closure on a thread where it may block. Nothing can end it from outside once it has begun: it
    /// is given a token, and should look at it. One that waits for a free thread of the runtime's is dropped by
    /// a stop or kill, on the thread that asks for that. With a name, or a grace of its own, it is a
    /// [`TaskSpec::blocking`](crate::TaskSpec::blocking).
    ///
    /// A job that sees its token should return what it has, or `Ok` of nothing: an error is a failure then, too, of
    /// the job and of what is being ended with it. In a test on tokio's paused clock, the clock stands still while a
    /// job runs, so that no grace comes to its end unless the test advances the clock.
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
        let started = work::start(&self.owner, TaskSpec::blocking(job), Location::caller());
        started.map_err(|refused| refused.map(|spec| spec.work.0))
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
        let node = self.owner.node();
        // Nobody tells a scope whose body has returned; nor may a node have been told that has ended by itself.
        node.signals.load().ends_incarnation() || node.phase() >= Phase::Stopping
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
