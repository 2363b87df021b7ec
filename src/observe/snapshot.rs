use std::fmt;
use std::panic::Location;

use crate::error::{Kind, Phase};
use crate::tree::{NodeId, NodeRef};

/// What is alive beneath a node at one moment: the counterpart of counting and dumping goroutines.
///
/// It is taken node by node, and not of the whole at once: nothing is held up for it.
/// `Display` prints it as an indented tree.
///
/// ```
/// # use tenure::prelude::*;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), RunError> {
/// tenure::scope(async |scope| {
///     let _waiting = scope.task_with(|token| async move { token.cancelled().await })?;
///     let snapshot = scope.node().snapshot();
///     assert_eq!(snapshot.count(), 1);
///     println!("{snapshot}");
///     scope.node().children()[0].stop().await?;
///     assert_eq!(scope.node().snapshot().count(), 0);
///     Ok(())
/// })
/// .await
/// # }
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Snapshot {
    /// The live nodes, each after its owner, siblings in start order.
    pub nodes: Vec<Entry>,
}

/// One node of a [`Snapshot`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Entry {
    /// How far below the node that the snapshot is of; that one has 0.
    pub depth: usize,
    /// Its number.
    pub id: NodeId,
    /// Its path.
    pub path: String,
    /// What sort of node it is.
    pub kind: Kind,
    /// The name of the actor's type, or that of the function in which the task, job or scope was written; a
    /// future of a type of its own has the type's.
    pub type_name: &'static str,
    /// Where it was spawned.
    pub site: &'static Location<'static>,
    /// Where in its life it was.
    pub phase: Phase,
    /// The label of the message that it was handling, if it was handling one.
    pub label: Option<&'static str>,
    /// How many messages waited in its mailbox.
    pub backlog: u64,
}

impl Snapshot {
    /// How many live nodes are beneath the one that it is of.
    #[must_use]
    pub fn count(&self) -> usize {
        self.nodes.iter().filter(|entry| entry.depth > 0).count()
    }
}

impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for entry in &self.nodes {
            write!(f, "{:width$}", "", width = 2 * entry.depth)?;
            writeln!(f, "{entry}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.path, self.phase)?;
        if self.backlog > 0 {
            write!(f, ", {} queued", self.backlog)?;
        }
        if let Some(label) = self.label {
            write!(f, ", handling {label}")?;
        }
        write!(f, " ({} at {})", self.type_name, self.site)
    }
}

impl NodeRef {
    /// What is alive at and beneath this node now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let mut nodes = Vec::new();
        let mut pending = vec![(0, self.clone())];
        while let Some((depth, node)) = pending.pop() {
            if node.phase() == Phase::Stopped {
                continue;
            }
            let children = node.children();
            pending.extend(children.into_iter().rev().map(|child| (depth + 1, child)));
            nodes.push(Entry::of(&node, depth));
        }
        Snapshot { nodes }
    }
}

impl Entry {
    fn of(node: &NodeRef, depth: usize) -> Self {
        Self {
            depth,
            id: node.id(),
            path: node.path(),
            kind: node.kind(),
            type_name: node.type_name(),
            site: node.site(),
            phase: node.phase(),
            label: node.label(),
            backlog: node.backlog(),
        }
    }
}
