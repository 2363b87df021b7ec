//! Blocking jobs: closures that run on a thread of tokio's blocking pool.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use tokio_util::sync::CancellationToken;

use super::TaskOutput;
use super::task::{self, TaskCell, TaskHandle};
use crate::sync::lock;
use crate::tree::{AnyNode, BodyEnd, Exit, Report, launch_blocking, simulated};

type Run = Box<dyn FnOnce() + Send>;

/// A job that no thread has begun yet.
///
/// A thread of the pool takes it and runs it, or an order to end takes it and drops the closure unrun. The pool keeps
/// its queue until a thread is free, so it holds only the cell that contains this.
#[derive(Default)]
pub(super) struct QueuedJob(Mutex<Option<Run>>);

impl QueuedJob {
    pub(super) fn run(&self) {
        let run = lock(&self.0).take();
        if let Some(run) = run {
            run();
        }
    }
}

/// What the pool holds. If the pool drops it, because the runtime is shutting down, the job is dropped too.
struct Queued<T>(Arc<TaskCell<T>>);

impl<T> Drop for Queued<T> {
    fn drop(&mut self) {
        let run = lock(&self.0.queued.0).take();
        drop(run);
    }
}

pub(super) fn launch<R, C>(cell: Arc<TaskCell<R::Value>>, job: C) -> TaskHandle<R::Value>
where
    C: FnOnce(CancellationToken) -> R + Send + 'static,
    R: TaskOutput,
{
    let handle = TaskHandle::new(Arc::clone(&cell));
    let exit = Exit::new(Arc::clone(&cell) as _);
    let task = JobTask {
        // Made now, so that an order that comes before the thread has begun fires it.
        token: cell.node.token(),
        job: Some(job),
        cell: Arc::clone(&cell),
        exit,
    };
    *lock(&cell.queued.0) = Some(Box::new(move || run::<R, C>(task)));
    // An order that came before this line found no job to drop.
    if cell.node.signals.load().drops_task() {
        cell.queued.run();
        return handle;
    }
    let handle_of_pool = cell.node.shared.handle.clone();
    let node = Arc::clone(&cell) as Arc<dyn AnyNode>;
    let queued = Queued(cell);
    launch_blocking(&handle_of_pool, || node, move || queued.0.queued.run());
    task::tell_late(&handle);
    handle
}

/// What a job's thread holds. `exit` is dropped last.
struct JobTask<C, T> {
    token: CancellationToken,
    job: Option<C>,
    cell: Arc<TaskCell<T>>,
    exit: Exit,
}

fn run<R, C>(mut task: JobTask<C, R::Value>)
where
    C: FnOnce(CancellationToken) -> R,
    R: TaskOutput,
{
    let mut report = Report::default();
    let token = task.token.clone();
    let told = task.cell.node.signals.load().drops_task();
    let mut output = None;
    task.cell.node.set_running();
    if let Some(job) = task.job.take() {
        let run = || {
            if told {
                drop(job)
            } else {
                simulated::at_poll();
                output = Some(job(token))
            }
        };
        let ran = task.exit.as_current(|| catch_unwind(AssertUnwindSafe(run)));
        let ended = match (ran, output) {
            (Err(panic), _) => BodyEnd::Panicked(panic),
            (Ok(()), Some(output)) => BodyEnd::Value(output),
            (Ok(()), None) => BodyEnd::Dropped,
        };
        task::report_output(ended, &task.cell, &mut task.exit, &mut report);
    }
    // A scope whose future the job gave away.
    if task.cell.node.has_children() {
        task.exit.leave_children();
    }
    let reason = report.finish(task.exit.any());
    task.exit.conclude(reason);
}
