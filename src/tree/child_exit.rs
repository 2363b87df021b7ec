use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use crate::error::{Kind, Result, StopReason};
use crate::tree::node::signals::Marks;
use crate::tree::node::{AnyNode, NodeId};
use crate::tree::node_ref::NodeRef;

/// The end of a node, as a watching actor sees it. See [`Context::watch`](crate::Context::watch).
#[derive(Clone)]
pub struct Watched {
    node: NodeRef,
    reason: StopReason,
}

/// The end of a child, as its owner's [`on_child_exit`](crate::Actor::on_child_exit) sees it. It dereferences to
/// [`Watched`], which says which child it was and how it ended.
pub struct ChildExit(Watched);

impl Watched {
    pub(crate) fn new(node: NodeRef, reason: StopReason) -> Self {
        Self { node, reason }
    }

    /// The number of the node that has ended.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.node.id()
    }

    /// Its name, if it had one. The name is free again.
    #[must_use]
    pub fn name(&self) -> Option<String> {
        self.node.name()
    }

    /// Where it was in its tree.
    #[must_use]
    pub fn path(&self) -> String {
        self.node.path()
    }

    /// What sort of node it was.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.node.kind()
    }

    /// How it ended. If the failure of a child is contained, its owner gets the errors as text.
    #[must_use]
    pub fn reason(&self) -> &StopReason {
        &self.reason
    }

    fn show(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(name)
            .field("path", &self.path())
            .field("kind", &self.kind())
            .field("reason", &self.reason)
            .finish()
    }
}

impl ChildExit {
    pub(crate) fn new(node: Arc<dyn AnyNode>, reason: StopReason) -> Self {
        Self(Watched::new(NodeRef::new(node), reason))
    }

    /// Whether a failure of the child is contained ([`ChildSpec::contain`](crate::ChildSpec::contain)), so that it does
    /// not fail the owner.
    #[must_use]
    pub fn is_contained(&self) -> bool {
        let node = self.0.node.any().node();
        node.signals.marks().has(Marks::FAILURE_CONTAINED)
    }

    /// The child's failure as an error; `Ok` for every other end and for a contained failure. This is what the hook
    /// does by default.
    ///
    /// # Errors
    ///
    /// The child's [`Failure`](crate::Failure). It becomes a cause of the owner's failure.
    pub fn into_result(self) -> Result {
        let is_contained = self.is_contained();
        match self.0.reason {
            StopReason::Failed(failure) if !is_contained => Err(failure.into()),
            _ => Ok(()),
        }
    }
}

impl Deref for ChildExit {
    type Target = Watched;

    fn deref(&self) -> &Watched {
        &self.0
    }
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.show("Watched", f)
    }
}

impl fmt::Debug for ChildExit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.show("ChildExit", f)
    }
}
