//! What tasks run (futures, futures that get a token, and blocking jobs) and how each becomes a node.

use std::any::type_name;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::task::{AtStop, TaskCell, TaskHandle, launch_task, tell_late};
use super::task_spec::TaskOptions;
use super::{IntoTask, TaskOutput, job, refused};
use crate::error::{Kind, SpawnError};
use crate::mailbox::Caller;
use crate::tree::signals::Marks;
use crate::tree::{AnyNode, Denied, Node, Settings, inherited_caller, register};

/// What a task can run: a future, or what [`TaskSpec::with_token`](crate::TaskSpec::with_token) and
/// [`TaskSpec::blocking`](crate::TaskSpec::blocking) make from a closure. Not to be implemented outside of this crate.
pub trait Work: Sized {
    /// What awaiting the task gives.
    type Value: Send + 'static;

    #[doc(hidden)]
    fn shape() -> Shape;

    #[doc(hidden)]
    fn launch(self, cell: Arc<TaskCell<Self::Value>>) -> TaskHandle<Self::Value>;
}

/// The properties of a task's node.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    kind: Kind,
    at_stop: AtStop,
    type_name: &'static str,
}

impl Shape {
    /// A future that a stop drops.
    pub(super) fn plain<F>() -> Self {
        Self {
            kind: Kind::Task,
            at_stop: AtStop::Drop,
            type_name: type_name::<F>(),
        }
    }
}

impl<F: Future<Output: TaskOutput> + Send + 'static> Work for F {
    type Value = <F::Output as TaskOutput>::Value;

    fn shape() -> Shape {
        Shape::plain::<F>()
    }

    fn launch(self, cell: Arc<TaskCell<Self::Value>>) -> TaskHandle<Self::Value> {
        launch_task(cell, || self, AtStop::Drop)
    }
}

/// A closure that makes a future from a token.
pub struct WithToken<C>(pub(super) C);

impl<C, F> Work for WithToken<C>
where
    C: FnOnce(CancellationToken) -> F,
    F: Future<Output: TaskOutput> + Send + 'static,
{
    type Value = <F::Output as TaskOutput>::Value;

    fn shape() -> Shape {
        Shape {
            at_stop: AtStop::Wait,
            ..Shape::plain::<F>()
        }
    }

    fn launch(self, cell: Arc<TaskCell<Self::Value>>) -> TaskHandle<Self::Value> {
        let token = cell.node.token();
        let task = launch_task(cell, || (self.0)(token), AtStop::Wait);
        tell_late(&task);
        task
    }
}

/// A closure that may block its thread.
pub struct Blocking<C>(pub(super) C);

impl<C, R> Work for Blocking<C>
where
    C: FnOnce(CancellationToken) -> R + Send + 'static,
    R: TaskOutput,
{
    type Value = R::Value;

    fn shape() -> Shape {
        Shape {
            kind: Kind::Blocking,
            at_stop: AtStop::Wait,
            type_name: type_name::<C>(),
        }
    }

    fn launch(self, cell: Arc<TaskCell<R::Value>>) -> TaskHandle<R::Value> {
        job::launch(cell, self.0)
    }
}

/// Starts a task beneath an owner.
pub(super) fn start<T>(
    owner: &Arc<dyn AnyNode>,
    task: T,
    site: &'static Location<'static>,
) -> Result<TaskHandle<<T::Work as Work>::Value>, SpawnError<T>>
where
    T: IntoTask<Work: Work>,
{
    match register_task(owner, task.options(), T::Work::shape(), site) {
        Ok(cell) => Ok(task.into_spec().work.launch(cell)),
        Err(denied) => Err(refused(task, denied)),
    }
}

/// Registers a task beneath its owner.
pub(super) fn register_task<T: Send + 'static>(
    owner: &Arc<dyn AnyNode>,
    options: Option<&TaskOptions>,
    shape: Shape,
    site: &'static Location<'static>,
) -> Result<Arc<TaskCell<T>>, Denied> {
    // What a handler starts inherits the time limit of the handler's caller.
    let caller = caller_of(options);
    let name = options.and_then(|options| options.name.as_deref());
    register(owner, name, |place| {
        let settings = Settings {
            name: name.map(Into::into),
            grace: options
                .and_then(|options| options.grace)
                .or_else(|| Some(owner.node().grace())),
            marks: marks(options, shape.at_stop),
            ..Settings::default()
        };
        let node = Node::new(place, shape.kind, site, settings);
        node.set_caller(caller.as_ref());
        Ok(Arc::new(TaskCell::new(node, shape.type_name)))
    })
}

fn marks(options: Option<&TaskOptions>, at_stop: AtStop) -> Marks {
    let mut marks = options.map(|options| options.marks).unwrap_or_default();
    marks.set(Marks::TOKENLESS, at_stop == AtStop::Drop);
    marks
}

/// The caller whose time limit applies to the task.
fn caller_of(options: Option<&TaskOptions>) -> Option<Arc<dyn Caller>> {
    let inherited = inherited_caller();
    match options.and_then(|options| options.deadline.as_ref()) {
        Some(deadline) => Some(deadline.clone().into_caller(inherited)),
        None => inherited,
    }
}

impl<C> fmt::Debug for WithToken<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WithToken(..)")
    }
}

impl<C> fmt::Debug for Blocking<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Blocking(..)")
    }
}
