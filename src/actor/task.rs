use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use super::TaskOutput;
use super::job::QueuedJob;
use super::task_label::task_label;
use crate::error::{Kind, StopError, StopReason, TaskError};
use crate::sync::{Foreign, lock};
use crate::tree::{
    AnyNode, Body, BodyEnd, Exit, Halt, Node, NodeRef, Order, Report, ShellWaker, Stopped,
    end_by_itself, forget_child_exit, launch, panic_message, request,
};

/// A handle of a task or blocking job. Await it for the value.
///
/// It observes: dropping it changes nothing. The task goes on, and its owner joins it ([rule
/// 12](crate::lifecycle#rule-12)).
///
/// # Errors
///
/// [`TaskError`] if it was stopped, was killed or failed (the owner still gets the failure); if it takes longer than a
/// [`timeout`](TaskHandle::timeout), or the wait would never end ([rule 16](crate::lifecycle#rule-16)). After the last
/// two the task goes on.
///
/// # Panics
///
/// When it is polled again after it was ready, in time or not; with a timeout, when it is awaited outside of a
/// runtime with a timer.
///
/// # Cancel safety
///
/// Dropping it loses the value, and nothing else.
pub struct TaskHandle<T> {
    cell: Arc<TaskCell<T>>,
    end: Stopped,
}

/// The value of a task with the future `F`.
pub(super) type ValueOf<F> = <<F as Future>::Output as TaskOutput>::Value;

impl<T: Send + 'static> TaskHandle<T> {
    pub(super) fn new(cell: Arc<TaskCell<T>>) -> Self {
        let end = Stopped::new(Arc::clone(&cell) as _);
        Self { cell, end }
    }

    /// Waits even if that completes a cycle of nodes that wait for each other, as for
    /// [`Ask::even_if_cyclic`](crate::Ask::even_if_cyclic).
    #[must_use]
    pub fn even_if_cyclic(mut self) -> Self {
        self.end.allow_cycles();
        self
    }

    /// Waits for at most this long from now; the error is [`TaskError::TimedOut`] then, and the task goes on. For zero
    /// and very long times see [`Stopped::timeout`](crate::Stopped::timeout).
    #[must_use]
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.end.set_timeout(limit);
        self
    }

    /// Stops the task, as [`NodeRef::stop`] does: a plain task is dropped at its next await, a task with a token ends
    /// within its grace. Await the handle to wait for the end.
    ///
    /// If the task has ended already, its value is kept.
    #[track_caller]
    pub fn cancel(&self) {
        self.node().request_stop();
    }

    /// The task as a node: to look at, stop, drain or kill.
    #[must_use]
    pub fn node(&self) -> NodeRef {
        NodeRef::new(Arc::clone(&self.cell) as _)
    }
}

impl<T: Send + 'static> Future for TaskHandle<T> {
    type Output = Result<T, TaskError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let end = match ready!(Pin::new(&mut this.end).poll(cx)) {
            Err(StopError::TimedOut) => return Poll::Ready(Err(TaskError::TimedOut)),
            Err(StopError::Deadlock(cycle)) => {
                return Poll::Ready(Err(TaskError::Deadlock(cycle)));
            }
            end => end,
        };
        forget_child_exit(&this.cell.node);
        let value = std::mem::replace(&mut *lock(&this.cell.output), Output::Unwanted);
        Poll::Ready(match (value, end) {
            (Output::There(value), _) => Ok(value.into_inner()),
            (_, Ok(reason)) => Err(TaskError::Stopped(reason)),
            (_, Err(StopError::Failed(failure))) => Err(TaskError::Failed(failure)),
            (_, Err(StopError::CutShort(cut))) => {
                Err(TaskError::Stopped(StopReason::CutShort(cut)))
            }
            (_, Err(_)) => Err(TaskError::WaitsForItself),
        })
    }
}

/// Drops the value, because nobody can take it any more.
impl<T> Drop for TaskHandle<T> {
    fn drop(&mut self) {
        let value = std::mem::replace(&mut *lock(&self.cell.output), Output::Unwanted);
        drop(value);
        self.cell.node.forget_errors();
    }
}

impl<T> fmt::Debug for TaskHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskHandle").finish_non_exhaustive()
    }
}

pub struct TaskCell<T> {
    pub(super) node: Node,
    waker: ShellWaker,
    /// The blocking job, until a thread takes it.
    pub(super) queued: QueuedJob,
    /// The full type name of what it runs. The label is derived from it only when somebody asks.
    type_name: &'static str,
    output: Mutex<Output<T>>,
}

impl<T> fmt::Debug for TaskCell<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskCell")
            .field("node", &self.node)
            .finish_non_exhaustive()
    }
}

enum Output<T> {
    Wanted,
    There(Foreign<T>),
    Unwanted,
}

impl<T> TaskCell<T> {
    pub(super) fn new(node: Node, type_name: &'static str) -> Self {
        Self {
            node,
            waker: ShellWaker::default(),
            queued: QueuedJob::default(),
            type_name,
            output: Mutex::new(Output::Wanted),
        }
    }

    /// Leaves the value for the handle, if there still is a handle.
    fn fill(&self, value: T) {
        let mut output = lock(&self.output);
        if matches!(*output, Output::Wanted) {
            *output = Output::There(Foreign::new(value));
        } else {
            drop(output);
            drop(value);
        }
    }
}

impl<T: Send + 'static> AnyNode for TaskCell<T> {
    fn node(&self) -> &Node {
        &self.node
    }

    fn node_mut(&mut self) -> &mut Node {
        &mut self.node
    }

    fn type_name(&self) -> &'static str {
        task_label(self.type_name)
    }

    fn is_awaited(&self) -> bool {
        matches!(*lock(&self.output), Output::Wanted)
    }

    fn set_waker(&self, waker: &Waker) {
        self.waker.set(waker);
    }

    fn clear_waker(&self) {
        self.waker.clear();
    }

    fn wake(&self) {
        self.waker.wake();
        if self.node.signals.load().drops_task() {
            self.queued.run();
        }
    }
}

/// What a stop does to a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AtStop {
    Drop,
    /// The task has a token, and its grace.
    Wait,
}

/// Tells a new task with a token to end, if it is beneath a scope that has told its tasks already.
pub(super) fn tell_late<T: Send + 'static>(task: &TaskHandle<T>) {
    let Some(owner) = task.cell.node.owner() else {
        return;
    };
    let owner = owner.node();
    if owner.kind() == Kind::Scope && owner.signals.load().has_token_fired() {
        request(&(Arc::clone(&task.cell) as _), Order::Drain);
    }
}

/// What a task's shell holds. `exit` is dropped last.
struct TaskSeed<F: Future<Output: TaskOutput>> {
    future: Pin<Box<Option<F>>>,
    cell: Arc<TaskCell<ValueOf<F>>>,
    exit: Exit,
}

pub(super) fn launch_task<F>(
    cell: Arc<TaskCell<ValueOf<F>>>,
    make: impl FnOnce() -> F,
    at_stop: AtStop,
) -> TaskHandle<ValueOf<F>>
where
    F: Future<Output: TaskOutput> + Send + 'static,
{
    let handle = TaskHandle::new(Arc::clone(&cell));
    // If `make` panics, dropping this ends the node.
    let exit = Exit::new(Arc::clone(&cell) as _);
    let halt = match at_stop {
        AtStop::Drop => Halt::AtStop,
        AtStop::Wait => Halt::Itself,
    };
    let mut seed = TaskSeed {
        future: Box::pin(Some(make())),
        cell,
        exit,
    };
    let node = || Arc::clone(&handle.cell) as Arc<dyn AnyNode>;
    launch(&handle.cell.node.shared.handle, node, async move {
        // One borrow of the whole struct. Otherwise the block would capture the fields one by one and drop them in
        // another order.
        let seed = &mut seed;
        let mut report = Report::default();
        seed.cell.node.set_running();
        let ended = Body::new(&mut seed.exit, seed.future.as_mut(), halt).await;
        report_output(ended, &seed.cell, &mut seed.exit, &mut report);
        end_by_itself(seed.exit.any());
        if seed.cell.node.has_children() {
            seed.exit.stop_last_children().await;
        }
        let reason = report.finish(seed.exit.any());
        seed.exit.conclude(reason);
    });
    handle
}

/// Notes how a task or job ended, and leaves its value for the handle. The conversion of an error and the drop of an
/// unwanted value run user code.
pub(super) fn report_output<R: TaskOutput>(
    ended: BodyEnd<R>,
    cell: &Arc<TaskCell<R::Value>>,
    exit: &mut Exit,
    report: &mut Report,
) {
    let output = match ended {
        BodyEnd::Value(output) => output,
        BodyEnd::Panicked(panic) => return report.panicked(panic_message(panic)),
        BodyEnd::Dropped => return,
    };
    let keep = || match output.into_result() {
        Ok(value) => cell.fill(value),
        Err(error) => report.failed(error, &(Arc::clone(cell) as Arc<dyn AnyNode>)),
    };
    if let Err(panic) = exit.as_current(|| catch_unwind(AssertUnwindSafe(keep))) {
        report.panicked(panic_message(panic));
    }
}
