use std::any::Any;
use std::fmt;
use std::future::{Future, poll_fn};
use std::ops::Deref;
use std::panic::{Location, resume_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use tokio::runtime::Handle;

use super::root::Root;
use super::roots;
use super::system_defaults;
use crate::actor::{Deadline, Spawner, set_deadline};
use crate::error::{Failure, Result, RunError, StopReason, Unjoined};
use crate::tree::{
    AnyNode, Body, BodyEnd, Exit, Halt, Manner, Naming, NodeSlot, OverdueTimer, Report, Request,
    StopChildren, Wait, current, end_by_itself, fire, is_in_node, panic_text, register_scope,
};

#[cfg(all(test, tenure_loom))]
#[path = "../../tests/explore/scopes.rs"]
mod explore;

/// The handle with which a scope's body starts things. It dereferences to a [`Spawner`].
///
/// It can be cloned and moved out of the body. It starts things until the scope has ended: what is started while the
/// scope waits for the rest is waited for as well.
#[derive(Clone)]
pub struct Scope {
    spawner: Spawner,
}

impl Scope {
    fn of(node: &Arc<dyn AnyNode>) -> Self {
        Self {
            spawner: Spawner::new(Arc::clone(node)),
        }
    }

    /// Sets the deadline of the work in this scope: asks in it, and in the tasks that are started in it from now on,
    /// inherit it like the deadline of an ask ([rule 10](crate::lifecycle#rule-10)). The earlier of this and an
    /// inherited deadline holds. Once it has passed, such asks fail with
    /// [`AskError::TimedOut`](crate::AskError::TimedOut). It does not end the scope.
    ///
    /// Call it in the scope's body. It replaces an earlier deadline. A [`Deadline`] can be moved or lifted later, from
    /// anywhere.
    ///
    /// ```
    /// use std::time::Duration;
    /// # use tenure::prelude::*;
    /// use tokio::time::Instant;
    ///
    /// # struct Silent;
    /// # impl Actor for Silent {
    /// #     type Msg = ReplyTo<()>;
    /// #     async fn handle(&mut self, reply: ReplyTo<()>, _: &mut Context<Self>) -> tenure::Result {
    /// #         reply.gone().await;
    /// #         Ok(())
    /// #     }
    /// # }
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), RunError> {
    /// tenure::scope(async |scope| {
    ///     scope.set_deadline(Instant::now() + Duration::from_secs(1));
    ///     let silent = scope.spawn(Silent)?;
    ///     let asked = silent.ask(|reply| reply).await;
    ///     assert!(matches!(asked, Err(AskError::TimedOut { inherited: true, .. })));
    ///     Ok(())
    /// })
    /// .await
    /// # }
    /// ```
    pub fn set_deadline(&self, limit: impl Into<Deadline>) {
        set_deadline(self.spawner.owner().node(), limit.into());
    }
}

impl Deref for Scope {
    type Target = Spawner;

    fn deref(&self) -> &Spawner {
        &self.spawner
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Scope").field(&self.node().path()).finish()
    }
}

/// Runs `body`, and returns once everything that was started in its scope has ended.
///
/// When the body returns `Ok`, tasks and jobs with a token are told to end at once. The scope waits for the other tasks
/// as long as they take, and then drains its actors. A grace begins only for what is told to end, and for everything
/// once somebody asks for the scope's end. When the body returns an error, everything in the scope is stopped. If a
/// child fails, at any time, the body is dropped at its await point and the rest is stopped. A panic of the body is
/// resumed once everything is joined, so that `assert!` fails a test.
///
/// A node that keeps the future of a scope in its state ends without polling it: what is beneath the scope is told and
/// joined in the node's order, and the body is dropped with the state. If only such a scope is told to end, what is
/// beneath it is told and joined at once; the scope itself ends when its future is polled or dropped, and is killed if
/// that does not happen within its grace. A node that has given the future away still owns the scope and waits for it:
/// the body is dropped in a stop; in a drain it has the scope's grace and is cut after that.
///
/// A scope that is opened while a node is polled is beneath that node: it is a part of the node's work and is stopped
/// with it. Everywhere else it is the root of its own tree. The body is an async closure, or a closure that returns a
/// future, and may borrow from its surroundings.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), tenure::RunError> {
/// let words = vec!["one", "two", "three"];
/// let longest = tenure::scope(async |scope| {
///     let mut lengths = Vec::new();
///     for word in &words {
///         let word = word.to_string();
///         lengths.push(scope.task(async move { tenure::Ok(word.len()) })?);
///     }
///     let mut longest = 0;
///     for length in lengths {
///         longest = longest.max(length.await?);
///     }
///     Ok(longest)
/// })
/// .await?;
/// assert_eq!(longest, 5);
/// # Ok(())
/// # }
/// ```
///
/// The body's error is this crate's [`Error`](crate::Error), which `?` makes from any other, including `anyhow`'s. Code
/// that returns an `anyhow` error without `?`, as `bail!` and `ensure!` do, has to be in an async block or function of
/// its own:
///
/// ```
/// use anyhow::{Context as _, bail, ensure};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// async fn check(ports: &[u16]) -> anyhow::Result<()> {
///     ensure!(!ports.is_empty(), "no port");
///     if ports.contains(&0) {
///         bail!("port 0");
///     }
///     Ok(())
/// }
///
/// let end = tenure::scope(async |_| {
///     let port: u16 = "8080".parse().context("no number")?;
///     Ok(check(&[port, 0]).await?)
/// });
/// assert_eq!(end.await.unwrap_err().to_string(), "/ failed: port 0");
/// # }
/// ```
///
/// # Errors
///
/// [`RunError::Failed`] with all failures in one tree; [`RunError::CutShort`] if something had to be killed in the end;
/// [`RunError::Unjoined`] if something does not even yield to that; [`RunError::Stopped`] if the scope was ended from
/// outside; [`RunError::NoRuntime`] and [`RunError::Closed`] if it could not be opened, so that the body did not run.
///
/// # Panics
///
/// With the panic of its body, after everything in it has been joined; and on a runtime that was
/// built without its timer.
///
/// # Cancel safety
///
/// If it is dropped, everything in it is killed, which it can no longer wait for. If it is beneath a node, that node
/// waits.
#[track_caller]
pub fn scope<T, F, Fut>(body: F) -> impl Future<Output = Result<T, RunError>>
where
    F: FnOnce(Scope) -> Fut,
    Fut: Future<Output = Result<T>>,
{
    let site = Location::caller();
    async move {
        let (scope, exit) = open(site, std::any::type_name::<Fut>())?;
        drive(exit, body(scope)).await
    }
}

/// As [`scope()`], for code that is generic over the body and runs the scope in a spawned task: its future is declared
/// to be `Send`. The body is a plain closure that returns a future, and cannot borrow the scope.
///
/// ```
/// use std::future::Future;
/// use tenure::{RunError, Scope, scope_send};
///
/// fn boxed<F, Fut>(body: F) -> std::pin::Pin<Box<dyn Future<Output = Result<(), RunError>> + Send>>
/// where
///     F: FnOnce(Scope) -> Fut + Send + 'static,
///     Fut: Future<Output = tenure::Result> + Send + 'static,
/// {
///     Box::pin(scope_send(body))
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), RunError> {
/// # boxed(|scope| async move { scope.task(async {})?.await?; Ok(()) }).await
/// # }
/// ```
///
/// # Errors
///
/// As [`scope()`].
///
/// # Panics
///
/// As [`scope()`].
///
/// # Cancel safety
///
/// As [`scope()`].
#[track_caller]
pub fn scope_send<T, F, Fut>(body: F) -> impl Future<Output = Result<T, RunError>> + Send
where
    T: Send,
    F: FnOnce(Scope) -> Fut + Send,
    Fut: Future<Output = Result<T>> + Send,
{
    let site = Location::caller();
    async move {
        let (scope, exit) = open(site, std::any::type_name::<Fut>())?;
        drive(exit, body(scope)).await
    }
}

/// Opens a scope in its place in the tree.
fn open(site: &'static Location<'static>, body: &'static str) -> Result<(Scope, Exit), RunError> {
    let node: Arc<dyn AnyNode> = match current() {
        Some(owner) => return open_beneath(&owner, site, body),
        None => {
            let handle = Handle::try_current().map_err(|_| RunError::NoRuntime)?;
            let root: Arc<dyn AnyNode> =
                Root::scope(NodeSlot::root(system_defaults(handle)), site, body);
            roots::note(&root);
            root
        }
    };
    Ok((Scope::of(&node), Exit::of_scope(node)))
}

pub(super) fn open_beneath(
    owner: &Arc<dyn AnyNode>,
    site: &'static Location<'static>,
    body: &'static str,
) -> Result<(Scope, Exit), RunError> {
    let opened = register_scope(owner, |place| Root::scope(place, site, body));
    let node: Arc<dyn AnyNode> = opened.map_err(|_| RunError::Closed)?;
    Ok((Scope::of(&node), Exit::of_scope(node)))
}

/// The shell of a scope, which runs in its caller's task. Dropping it ends the scope, as with any other shell (see
/// [`Exit`]).
pub(super) async fn drive<T>(
    exit: Exit,
    body: impl Future<Output = Result<T>>,
) -> Result<T, RunError> {
    let mut run = ScopeRun::begin(exit);
    let value = {
        let body = pin!(Some(body));
        let ended = Body::new(&mut run.exit, body, Halt::AtFailure).await;
        run.take(ended)
    };
    let manner = match value {
        Some(_) => Manner::Finish,
        None => Manner::Stop,
    };
    let joined = join(&mut run.exit, manner, true).await;
    run.conclude(joined)?;
    value.ok_or(RunError::Stopped)
}

/// The part of a scope that does not depend on the body's type.
struct ScopeRun {
    exit: Exit,
    report: Report,
    panic: Option<Box<dyn Any + Send>>,
}

impl ScopeRun {
    fn begin(exit: Exit) -> Self {
        let node = exit.any().node();
        node.set_running();
        // The code that awaits the scope gets its outcome.
        node.signals.await_outcome();
        Self {
            exit,
            report: Report::default(),
            panic: None,
        }
    }

    /// Notes how the body ended. Returns its value, if it has one.
    fn take<T>(&mut self, ended: BodyEnd<Result<T>>) -> Option<T> {
        match ended {
            BodyEnd::Value(Ok(value)) => return Some(value),
            BodyEnd::Value(Err(error)) => self.report.failed(error, self.exit.any()),
            BodyEnd::Panicked(payload) => {
                self.report.panicked(panic_text(&*payload));
                self.panic = Some(payload);
            }
            BodyEnd::Dropped => {}
        }
        None
    }

    /// Called when everything beneath is joined or does not yield. An error if that, or the body, has not ended well.
    fn conclude(self, joined: Result<(), Unjoined>) -> Result<(), RunError> {
        let Self {
            mut exit,
            report,
            panic,
        } = self;
        let reason = report.finish(exit.any());
        if let (Some(payload), StopReason::Failed(failure)) = (panic, &reason) {
            // The payload does not tell what failed beneath.
            trace_beneath(failure);
            match joined {
                Ok(()) => exit.conclude(reason),
                // Nodes that do not yield are killed and stay beneath this one.
                Err(_) => drop(exit),
            }
            resume_unwind(payload);
        }
        if let Err(unjoined) = joined {
            if let StopReason::Failed(failure) = reason {
                tracing::error!(name: "tenure.failure", %failure, "a scope failed, and something in it does not yield");
            }
            return Err(RunError::Unjoined(unjoined));
        }
        exit.conclude(reason.clone());
        match reason {
            StopReason::Failed(failure) => Err(RunError::Failed(failure)),
            StopReason::CutShort(cut) => Err(RunError::CutShort(cut)),
            StopReason::Killed => Err(RunError::Stopped),
            StopReason::Finished | StopReason::Stopped | StopReason::Drained => Ok(()),
        }
    }
}

/// Traces failures beneath a body that panicked, as nobody gets them otherwise.
fn trace_beneath(failure: &Failure) {
    for failure in failure.beneath() {
        tracing::error!(name: "tenure.failure", ?failure, "beneath a scope whose body panicked");
    }
}

/// Ends and joins what is beneath the node, and closes it. With `give_up`, gives up once everything that is left does
/// not yield.
pub(super) async fn join(exit: &mut Exit, manner: Manner, give_up: bool) -> Result<(), Unjoined> {
    let node = &Arc::clone(exit.any());
    let mut children = StopChildren::last(manner);
    let mut watch = OverdueTimer::default();
    // The wait of the node that polls this, for which nodes in the scope may be waiting.
    let mut wait = Wait::new();
    match manner {
        Manner::Stop => end_by_itself(node),
        Manner::Drain | Manner::Finish => fire(node),
    }
    if !node.signals.load().had_children() && node.close_if_childless() {
        // Nothing was ever started here.
        return Ok(());
    }
    poll_fn(|cx| {
        node.set_waker(cx.waker());
        if node.node().signals.end_attending() {
            // The owner has attended to the scope meanwhile, so begin again.
            children = StopChildren::last(manner);
        }
        if wait.is_listed() || is_in_node() {
            wait.list_and_tell(false, || (Arc::clone(node), Request::End));
        }
        while children.poll(node, cx).is_ready() {
            if node.node().close_if_childless() {
                return Poll::Ready(Ok(()));
            }
        }
        exit.apply_bound(&children, cx);
        if !(give_up && children.all_told()) {
            return Poll::Pending;
        }
        let root = || Some(Arc::clone(node));
        watch
            .poll(node, root, Naming::AllAtLast, cx)
            .map(|blockers| {
                node.shared.ends.count_unjoined(&blockers);
                Err(Unjoined::new(blockers))
            })
    })
    .await
}
