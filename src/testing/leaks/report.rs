use std::error::Error;
use std::fmt;
use std::time::Duration;

use crate::observe::{NodeInfo, Verdict};

/// How many nodes are shown, at most.
const MOST_SHOWN: usize = 100;

/// How many waits of a node are shown, at most.
const MOST_WAITS: usize = 3;

/// What was alive at the end of a [`LeakCheck`](super::LeakCheck).
///
/// `Display` and `Debug` are the same: the nodes as an indented tree, each with its verdict, its type, the place where
/// it was spawned, its phase, its age and what it waits for; and how many tasks are outside of the tree.
#[derive(Clone)]
pub struct Leaks {
    nodes: Vec<NodeInfo>,
    outside: usize,
}

impl Leaks {
    pub(super) fn new(nodes: Vec<NodeInfo>, outside: usize) -> Self {
        Self { nodes, outside }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.nodes.is_empty() && self.outside == 0
    }

    /// The nodes that were alive, each after its owner.
    #[must_use]
    pub fn nodes(&self) -> &[NodeInfo] {
        &self.nodes
    }

    /// How many more tasks without a node were alive than at the begin.
    #[must_use]
    pub fn outside(&self) -> usize {
        self.outside
    }
}

impl fmt::Display for Leaks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tasks = |number| if number == 1 { "task" } else { "tasks" };
        match (self.nodes.len(), self.outside) {
            (0, outside) => write!(f, "{outside} {} alive outside of the tree", tasks(outside))?,
            (1, _) => f.write_str("1 node is alive that began in here")?,
            (more, _) => write!(f, "{more} nodes are alive that began in here")?,
        }
        for node in self.nodes.iter().take(MOST_SHOWN) {
            write!(f, "\n{:width$}", "", width = 2 * (node.depth.min(64) + 1))?;
            show(f, node)?;
        }
        if let Some(more @ 1..) = self.nodes.len().checked_sub(MOST_SHOWN) {
            write!(f, "\n  and {more} more")?;
        }
        match (self.nodes.len(), self.outside) {
            (_, 0) => Ok(()),
            (0, _) => {
                f.write_str(": no node explains them, so they were started by a raw `tokio::spawn`")
            }
            (_, outside) => write!(f, "\nand {outside} {} outside of the tree", tasks(outside)),
        }
    }
}

fn show(f: &mut fmt::Formatter<'_>, node: &NodeInfo) -> fmt::Result {
    // Times are shown in milliseconds.
    let age = Duration::from_millis(u64::try_from(node.age.as_millis()).unwrap_or(u64::MAX));
    write!(f, "{node}, {}, {age:?} old", node.phase)?;
    if matches!(node.verdict, Verdict::Waiting { .. }) {
        // The verdict says that already.
        return Ok(());
    }
    for wait in node.waits.iter().take(MOST_WAITS) {
        write!(f, ", waits for {wait}")?;
    }
    Ok(())
}

impl fmt::Debug for Leaks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for Leaks {}
