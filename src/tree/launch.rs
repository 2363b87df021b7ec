//! The one place where tokio, or the system, is told to run something.

use std::future::Future;

use tokio::runtime::Handle;

use crate::tree::simulated;

/// Runs the shell of a registered node, which a simulation wants to know: an `Arc<dyn AnyNode>`.
///
/// Its join handle is not kept: the `Exit` within the future tells of its end. A
/// runtime that is shutting down drops the future right here, which is an end like any other.
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
#[expect(clippy::disallowed_methods, reason = "the one spawn site")]
pub(crate) fn launch_blocking<N: 'static>(
    handle: &Handle,
    node: impl FnOnce() -> N,
    job: impl FnOnce() + Send + 'static,
) {
    if simulated::is_for(handle) {
        return simulated::launch(node(), Box::pin(async move { job() }));
    }
    drop(handle.spawn_blocking(job));
}

/// Runs one of the crate's own threads, which run no user's code. `false` if the process may have no more.
pub(crate) fn launch_thread(name: &str, run: impl FnOnce() + Send + 'static) -> bool {
    let builder = std::thread::Builder::new().name(name.into());
    builder.spawn(run).map(drop).is_ok()
}
