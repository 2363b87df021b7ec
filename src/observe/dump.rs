//! Prints what is alive, at a signal.

use std::io::Write;
use std::sync::Arc;

use super::options::SnapshotOptions;
use crate::system::Builder;
use crate::tree::{AnyNode, NodeRef};

/// How many nodes are printed one by one, at most.
const MOST: usize = 2_000;

impl Builder {
    /// At each SIGQUIT and SIGUSR1, prints what is alive in the system to the standard error and goes on, as a JVM does
    /// at SIGQUIT: the tree of up to 2,000 nodes, and the [groups](super::Snapshot::groups) of up to 100,000. Without
    /// this, SIGQUIT and SIGUSR1 end the process.
    ///
    /// A thread of its own serves the signals until the system has ended, so this works even when every worker is
    /// stuck. On Windows there are no such signals, and this does nothing.
    #[must_use]
    pub fn on_dump_signals(self) -> Self {
        self.dump_with(dump)
    }
}

fn dump(system: &Arc<dyn AnyNode>) {
    // Uses the clock of the system's own runtime.
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
