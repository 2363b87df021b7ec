use std::sync::Arc;
use std::time::Duration;

use super::any_node::AnyNode;
use super::children::{AutoShutdown, NONE, Strategy};
use super::shared::Shared;
use super::signals::Marks;

/// Where a new node belongs.
pub(crate) struct NodeSlot {
    pub(in crate::tree) owner: Option<Arc<dyn AnyNode>>,
    pub(in crate::tree) index: u32,
    pub(crate) shared: Arc<Shared>,
}

impl NodeSlot {
    /// The slot of a root, which has no owner.
    pub(crate) fn root(shared: Shared) -> Self {
        Self {
            owner: None,
            index: NONE,
            shared: Arc::new(shared),
        }
    }
}

/// The settings of a child's spec.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settings {
    pub(crate) name: Option<Box<str>>,
    pub(crate) grace: Option<Duration>,
    pub(crate) strategy: Strategy,
    pub(crate) auto_shutdown: AutoShutdown,
    pub(crate) marks: Marks,
    /// Somebody awaits its start, and gets its failure.
    pub(crate) is_outcome_awaited: bool,
}

impl Settings {
    pub(in crate::tree) fn is_default(&self) -> bool {
        let Self {
            name,
            // The node has a field of its own for it.
            grace: _,
            strategy,
            auto_shutdown,
            // They are kept in the node's signals.
            marks: _,
            is_outcome_awaited: _,
        } = self;
        name.is_none()
            && *strategy == Strategy::default()
            && *auto_shutdown == AutoShutdown::default()
    }
}
