//! What is alive, as text, at a signal.

use std::io::Write;
use std::sync::Arc;

use super::options::SnapshotOptions;
use crate::system::Builder;
use crate::tree::{AnyNode, NodeRef};

/// How many nodes are printed one by one.
const MOST: usize = 2_000;

impl Builder {
    /// Prints what is alive in the system to the standard error at each SIGQUIT and SIGUSR1, and goes on, as a JVM
    /// does at the first of them: the tree, of up to 2,000 nodes, and the [groups](super::Snapshot::groups) of up to
    /// 100,000. Without this a SIGQUIT or SIGUSR1 ends the process.
    ///
    /// They are served on a thread of their own, so that it also works when every worker is stuck; and until the system
    /// has ended. On Windows there are no such signals, and this does nothing.
    #[must_use]
    pub fn on_dump_signals(self) -> Self {
        self.dump_with(dump)
    }
}

fn dump(system: &Arc<dyn AnyNode>) {
    // The clock is that of the system's own runtime.
    let _clock = system.shared.handle.enter();
    let node = NodeRef::new(Arc::clone(system));
    let tree = node.snapshot_with(&SnapshotOptions::new().nodes(MOST));
    let groups = node.snapshot().groups();
    let text = format!(
        "--- alive in {}\n{tree}--- by type and place\n{groups}---\n",
        node.path()
    );
    if let Err(error) = std::io::stderr().lock().write_all(text.as_bytes()) {
        tracing::warn!(name: "tenure.dump_failed", %error, "what is alive could not be printed");
    }
}
