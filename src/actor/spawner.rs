use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::work::{self, Work};
use super::{IntoTask, TaskHandle, TaskOutput, TaskSpec};
use crate::error::{Phase, SpawnError};
use crate::tree::{AnyNode, NodeRef};

/// Starts nodes beneath its owner, from anywhere: from a handler, a request of a web framework, or a library's
/// callback.
///
/// [`Context`](crate::Context), [`Scope`](crate::Scope) and [`System`](crate::System) dereference to one, so they can
/// start everything that a spawner can. It keeps nothing alive: once its owner is closed, every spawn is refused and
/// hands back what was to be started.
///
/// Only an actor's own code can get its spawner. A reference to an actor gives none, so nobody can start anything
/// beneath an actor unless the actor allows it.
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

    /// Runs a future, or a [`TaskSpec`](crate::TaskSpec), as a task of the owner. A stop drops the future at its next
    /// await, and kills what it has in scopes; a drain lets it run to its end. A task that has to clean up takes a
    /// token: see [`task_with`](Spawner::task_with).
    ///
    /// The future returns `()`, or a [`Result`](std::result::Result) whose error fails the owner, or never returns.
    /// Where the type of the error is not inferred, [`tenure::Ok`](crate::Ok) sets it.
    ///
    /// # Errors
    ///
    /// [`SpawnError`] gives back what was to be run, unpolled and uncalled: [`SpawnError::Closed`] and, for the name of
    /// a spec, [`SpawnError::NameTaken`] and [`SpawnError::BadName`].
    #[track_caller]
    pub fn task<T>(&self, task: T) -> Result<TaskHandle<<T::Work as Work>::Value>, SpawnError<T>>
    where
        T: IntoTask<Work: Work>,
    {
        work::start(&self.owner, task, Location::caller())
    }

    /// As [`task`](Spawner::task), for a future that gets a token and ends by itself when the token fires. It has its
    /// owner's grace to do so before it is dropped. For a name or a grace of its own, use
    /// [`TaskSpec::with_token`](crate::TaskSpec::with_token).
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

    /// Runs a closure on a thread where it may block. Once it has begun, nothing can end it from outside, so it gets a
    /// token and should look at it. A job that still waits for a free thread of the runtime is dropped by a stop or
    /// kill, on the thread that gives the order. For a name or a grace of its own, use
    /// [`TaskSpec::blocking`](crate::TaskSpec::blocking).
    ///
    /// A job that sees that its token has fired should return what it has, or an empty `Ok`: an error is still a
    /// failure then, of the job and of what is ending with it. In a test on tokio's paused clock, the clock stands
    /// still while a job runs, so no grace ends unless the test advances the clock.
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

    /// The token that fires when the owner is to end. It is made when it is first asked for, and is of a type that
    /// other libraries take.
    #[must_use]
    pub fn token(&self) -> CancellationToken {
        self.owner.node().token()
    }

    /// Whether the owner is to end: it was told to stop or drain, was killed, or has ended by itself. This stays true,
    /// except when an incarnation ends and another one follows.
    ///
    /// In a handler it means that a drain is under way and accepted messages are being handled; in a task, that the
    /// actor may not take further messages. [`stop_if_empty`](crate::Context::stop_if_empty) counts only once the
    /// mailbox was found empty.
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
        // A scope whose body has returned was not told anything, and perhaps neither was a node that has ended by
        // itself.
        node.signals.load().ends_incarnation() || node.phase() >= Phase::Stopping
    }

    /// The live children of the owner, the oldest first.
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
