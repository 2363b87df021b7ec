use std::fmt;
use std::future::Future;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::TaskOutput;
use super::deadline::Deadline;
use super::work::{Blocking, WithToken};
use crate::tree::signals::Marks;

/// What to run as a task, with its options.
///
/// Everything that starts a task takes one in place of the bare future: [`Spawner::task`](crate::Spawner::task), also
/// by contexts, scopes and systems, and [`Context::pipe`](crate::Context::pipe).
///
/// ```
/// use std::time::Duration;
/// # use tenure::prelude::*;
/// use tenure::TaskSpec;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), RunError> {
/// tenure::scope(async |scope| {
///     // A name in paths and lookups, and a failure that fails nobody.
///     let upload = TaskSpec::new(async { Err::<(), _>("no route to host") });
///     let upload = scope.task(upload.name("upload").contain())?;
///     assert_eq!(upload.node().path(), "/upload");
///
///     // Half a minute to end by itself, once its token has fired.
///     let listen = TaskSpec::with_token(|token| async move { token.cancelled().await });
///     scope.task(listen.name("listen").grace(Duration::from_secs(30)))?;
///     Ok(())
/// })
/// .await
/// # }
/// ```
#[must_use = "a spec does nothing until it is started"]
pub struct TaskSpec<W> {
    pub(super) work: W,
    pub(super) options: TaskOptions,
}

/// The options of a spec.
#[derive(Debug, Default)]
pub struct TaskOptions {
    pub(super) name: Option<Box<str>>,
    pub(super) grace: Option<Duration>,
    pub(super) deadline: Option<Deadline>,
    pub(super) marks: Marks,
}

impl<F: Future> TaskSpec<F> {
    /// A future, as for [`Spawner::task`](crate::Spawner::task): a stop drops it at its next await.
    pub fn new(future: F) -> Self {
        Self::of(future)
    }
}

impl<C> TaskSpec<WithToken<C>> {
    /// A future that gets a token and ends by itself when the token fires, as for
    /// [`Spawner::task_with`](crate::Spawner::task_with).
    pub fn with_token<F: Future>(with: C) -> Self
    where
        C: FnOnce(CancellationToken) -> F,
    {
        Self::of(WithToken(with))
    }
}

impl<C> TaskSpec<Blocking<C>> {
    /// A closure that may block its thread, as for [`Spawner::blocking`](crate::Spawner::blocking).
    pub fn blocking<R: TaskOutput>(job: C) -> Self
    where
        C: FnOnce(CancellationToken) -> R + Send + 'static,
    {
        Self::of(Blocking(job))
    }
}

impl<W> TaskSpec<W> {
    fn of(work: W) -> Self {
        Self {
            work,
            options: TaskOptions::default(),
        }
    }

    /// The task's name: not empty, without a slash, and unique among its owner's live children. It is free again the
    /// moment the task has ended. A bad name is refused when the task is started.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.options.name = Some(name.into().into());
        self
    }

    /// How long the task may take to end in a drain (with a token, also in a stop) before it is killed. The default is
    /// the owner's grace. A stop drops a plain future at its next await in any case. For zero and very long times see
    /// [`ChildSpec::grace`](crate::ChildSpec::grace).
    pub fn grace(mut self, grace: Duration) -> Self {
        self.options.grace = Some(grace);
        self
    }

    /// A failure of the task is traced and does not fail the owner. Code that awaits its
    /// [`TaskHandle`](crate::TaskHandle) still gets it, and an actor that owns the task sees the end in
    /// [`on_child_exit`](crate::Actor::on_child_exit).
    pub fn contain(mut self) -> Self {
        self.options.marks.set(Marks::FAILURE_CONTAINED, true);
        self
    }

    /// Makes the task one of those with whose end its owner may stop: see
    /// [`ChildSpec::auto_shutdown`](crate::ChildSpec::auto_shutdown). Only an end by itself counts, with or without a
    /// failure, not one that somebody asked for.
    ///
    /// ```
    /// use tenure::AutoShutdown;
    /// # use tenure::prelude::*;
    ///
    /// /// Lives for as long as its connection does.
    /// struct Session;
    ///
    /// impl Actor for Session {
    ///     type Msg = std::convert::Infallible;
    ///
    ///     async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
    ///         let read = async { /* reads until the connection is closed */ };
    ///         ctx.task(TaskSpec::new(read).significant())?;
    ///         Ok(())
    ///     }
    ///
    ///     async fn handle(&mut self, msg: Self::Msg, _: &mut Context<Self>) -> tenure::Result { match msg {} }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), RunError> {
    /// tenure::scope(async |scope| {
    ///     let session = scope.spawn(ChildSpec::new(Session).auto_shutdown(AutoShutdown::Any))?;
    ///     session.stopped().await?;
    ///     Ok(())
    /// })
    /// .await
    /// # }
    /// ```
    pub fn significant(mut self) -> Self {
        self.options.marks.set(Marks::SIGNIFICANT, true);
        self
    }

    /// The deadline of the task's work: asks in it, and in the tasks that it starts, inherit this like the deadline of
    /// an ask ([rule 10](crate::lifecycle#rule-10)). The earlier of this and an inherited deadline holds. Once it has
    /// passed, such asks fail with [`AskError::TimedOut`](crate::AskError::TimedOut).
    ///
    /// It does not end the task, just as the deadline of an ask does not end a handler. A [`Deadline`] can be moved or
    /// lifted later.
    pub fn deadline(mut self, limit: impl Into<Deadline>) -> Self {
        self.options.deadline = Some(limit.into());
        self
    }

    /// Gives back what was to be run.
    #[must_use]
    pub fn into_inner(self) -> W {
        self.work
    }
}

impl<W> fmt::Debug for TaskSpec<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskSpec")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// What can be started as a task: a future, or a [`TaskSpec`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be started as a task",
    label = "neither a future nor a `TaskSpec`",
    note = "a closure that takes a token is for `task_with`, or `TaskSpec::with_token`; one that blocks is for `blocking`"
)]
pub trait IntoTask: Sized {
    /// What runs: the future itself, or what the spec was made from.
    type Work;

    /// Converts a future into a spec; a spec stays what it is.
    fn into_spec(self) -> TaskSpec<Self::Work>;

    /// The options of the spec, without consuming it.
    #[doc(hidden)]
    fn options(&self) -> Option<&TaskOptions>;
}

impl<F: Future> IntoTask for F {
    type Work = F;

    fn into_spec(self) -> TaskSpec<F> {
        TaskSpec::new(self)
    }

    fn options(&self) -> Option<&TaskOptions> {
        None
    }
}

impl<W> IntoTask for TaskSpec<W> {
    type Work = W;

    fn into_spec(self) -> Self {
        self
    }

    fn options(&self) -> Option<&TaskOptions> {
        Some(&self.options)
    }
}
