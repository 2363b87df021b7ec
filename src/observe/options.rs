use super::snapshot::Snapshot;
use super::take::take;
use crate::error::Kind;
use crate::system::System;
use crate::tree::NodeRef;

/// The limits and filters of a [`Snapshot`], for [`NodeRef::snapshot_with`].
///
/// ```
/// # use tenure::prelude::*;
/// # use tenure::observe::SnapshotOptions;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), RunError> {
/// # tenure::scope(async |scope| {
/// #     for _ in 0..5 { scope.task(std::future::pending::<()>())?; }
/// let options = SnapshotOptions::new().depth(3).nodes(4);
/// let snapshot = scope.node().snapshot_with(&options);
/// assert_eq!(snapshot.nodes.len(), 4);
/// assert_eq!(snapshot.left_out.total(), 2);
/// #     scope.node().request_stop();
/// #     Ok(())
/// # })
/// # .await.or(Ok(()))
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use = "it is given to `NodeRef::snapshot_with`"]
pub struct SnapshotOptions {
    pub(super) depth: usize,
    pub(super) nodes: usize,
    pub(super) under: Option<String>,
    pub(super) type_name: Option<String>,
    pub(super) kind: Option<Kind>,
}

impl SnapshotOptions {
    /// How many nodes a snapshot has at most by default. Each takes about 600 bytes.
    pub const MOST_NODES: usize = 100_000;

    /// All nodes, up to [`MOST_NODES`](SnapshotOptions::MOST_NODES).
    pub const fn new() -> Self {
        Self {
            depth: usize::MAX,
            nodes: Self::MOST_NODES,
            under: None,
            type_name: None,
            kind: None,
        }
    }

    /// Only nodes down to this depth. With 0 it is the node itself.
    pub const fn depth(mut self, depth: usize) -> Self {
        self.depth = depth;
        self
    }

    /// At most this many nodes: those nearest to the root, and among siblings the oldest. With 0 there are none.
    pub const fn nodes(mut self, most: usize) -> Self {
        self.nodes = most;
        self
    }

    /// Only nodes whose path begins with this. Nodes that are neither beneath it nor on the way to it are not looked
    /// at.
    pub fn under(mut self, path: impl Into<String>) -> Self {
        self.under = Some(path.into());
        self
    }

    /// Only nodes whose type name contains this.
    pub fn type_name(mut self, part: impl Into<String>) -> Self {
        self.type_name = Some(part.into());
        self
    }

    /// Only nodes of this kind.
    pub const fn kind(mut self, kind: Kind) -> Self {
        self.kind = Some(kind);
        self
    }
}

impl Default for SnapshotOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl System {
    /// What is alive in this system now: [`NodeRef::snapshot`] of its root.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.node().snapshot()
    }
}

impl NodeRef {
    /// What is alive at and beneath this node now, up to [100,000 nodes](SnapshotOptions::MOST_NODES). It is empty for
    /// a node that has ended.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.snapshot_with(&SnapshotOptions::new())
    }

    /// As [`snapshot`](NodeRef::snapshot), with other limits or with filters. It says what it has [left
    /// out](Snapshot::left_out).
    #[must_use]
    pub fn snapshot_with(&self, options: &SnapshotOptions) -> Snapshot {
        take(self, options)
    }
}
