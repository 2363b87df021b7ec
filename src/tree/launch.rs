//! The one place that spawns tokio tasks and threads.

use std::future::Future;

use tokio::runtime::{Handle, RuntimeFlavor};

use crate::tree::simulated;

/// Runs the shell of a registered node. `node` gives the `Arc<dyn AnyNode>` to a simulation.
///
/// The join handle is not kept: the `Exit` inside the future reports the end. A runtime that is shutting down drops the
/// future right here, which is an end like any other.
#[expect(clippy::disallowed_methods, reason = "the one spawn site")]
pub(crate) fn launch<N: 'static>(
    handle: &Handle,
    node: impl FnOnce() -> N,
    shell: impl Future<Output = ()> + Send + 'static,
) {
    if simulated::is_for(handle) {
        return simulated::launch(node(), Box::pin(shell));
    }
    drop(handle.spawn(shell));
}

/// Runs a registered blocking job on a thread of its own.
pub(crate) fn launch_blocking<N: 'static>(
    handle: &Handle,
    node: impl FnOnce() -> N,
    job: impl FnOnce() + Send + 'static,
) {
    if simulated::is_for(handle) {
        return simulated::launch(node(), Box::pin(async move { job() }));
    }
    give_to_pool(handle, job);
}

/// Runs a short wait of the crate's own for one of its threads. A clock that is paused stands still meanwhile.
pub(crate) fn launch_wait(handle: &Handle, wait: impl FnOnce() + Send + 'static) {
    if simulated::is_for(handle) {
        return wait();
    }
    // Only the clock of a runtime with one thread can be paused.
    if handle.runtime_flavor() == RuntimeFlavor::CurrentThread {
        give_to_pool(handle, wait);
    }
}

#[expect(clippy::disallowed_methods, reason = "the one spawn site")]
fn give_to_pool(handle: &Handle, job: impl FnOnce() + Send + 'static) {
    drop(handle.spawn_blocking(job));
}

/// Runs one of the crate's own threads, which run no user code. `false` if the process cannot start another thread.
pub(crate) fn launch_thread(name: &str, run: impl FnOnce() + Send + 'static) -> bool {
    let builder = std::thread::Builder::new().name(name.into());
    builder.spawn(run).map(drop).is_ok()
}
