use std::sync::Arc;

use crate::error::Phase;
use crate::sync::{Guard, lock};
use crate::tree::node::{AnyNode, Children, Key, Node, NodeSlot, NodeState, wake_owner};

/// Why a node was not registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Denied {
    Closed,
    NameTaken,
    BadName,
    NoCapacity,
    BadBackoff,
}

/// A place beneath an owner, whose lock is held until the place is filled.
struct Vacancy<'a> {
    owner: &'a Arc<dyn AnyNode>,
    /// The owner's node, looked up once: through `dyn AnyNode` each look is a call.
    above: &'a Node,
    state: Guard<'a, NodeState>,
    key: Key,
    name: Option<&'a str>,
}

/// Registers a node beneath its owner, or refuses it if the owner is closed, in one step under the owner's lock (rule
/// 2). `build` makes the node; it must not run user code.
pub(crate) fn register<N: AnyNode>(
    owner: &Arc<dyn AnyNode>,
    name: Option<&str>,
    build: impl FnOnce(NodeSlot) -> Result<Arc<N>, Denied>,
) -> Result<Arc<N>, Denied> {
    let vacancy = Vacancy::open(owner, name)?;
    let child = build(vacancy.slot())?;
    vacancy.fill(Arc::clone(&child) as _);
    Ok(child)
}

/// As [`register`], for a scope that the owner's own code opens. Its future is a part of that code and ends with it, so
/// even an owner that takes no more children may open one to clean up.
pub(crate) fn register_scope<N: AnyNode>(
    owner: &Arc<dyn AnyNode>,
    build: impl FnOnce(NodeSlot) -> Arc<N>,
) -> Result<Arc<N>, Denied> {
    let vacancy = Vacancy::find(owner, None, |state| {
        let signals = owner.signals.load();
        // The owner is a scope that was gone through already, which does not happen again.
        let is_idle = signals.is_adopted() && state.closed;
        !state.shell_gone && !signals.is_killed() && !is_idle
    })?;
    let child = build(vacancy.slot());
    vacancy.fill(Arc::clone(&child) as _);
    Ok(child)
}

impl<'a> Vacancy<'a> {
    #[inline]
    fn open(owner: &'a Arc<dyn AnyNode>, name: Option<&'a str>) -> Result<Self, Denied> {
        if name.is_some_and(|name| name.is_empty() || name.contains('/')) {
            return Err(Denied::BadName);
        }
        Self::find(owner, name, |state| !state.closed)
    }

    #[inline]
    fn find(
        owner: &'a Arc<dyn AnyNode>,
        name: Option<&'a str>,
        admits: impl FnOnce(&NodeState) -> bool,
    ) -> Result<Self, Denied> {
        let above = owner.node();
        let mut state = lock(&above.state);
        if state.phase == Phase::Stopped || !admits(&state) {
            return Err(Denied::Closed);
        }
        let table = state.children.get_or_insert_with(|| {
            above.signals.note_children();
            Box::new(Children::new())
        });
        if name.is_some_and(|name| table.has_name(name)) {
            return Err(Denied::NameTaken);
        }
        let key = table.next_key().ok_or(Denied::Closed)?;
        Ok(Self {
            owner,
            above,
            state,
            key,
            name,
        })
    }

    #[inline]
    fn slot(&self) -> NodeSlot {
        NodeSlot {
            owner: Some(Arc::clone(self.owner)),
            index: self.key.index,
            shared: Arc::clone(&self.above.shared),
        }
    }

    #[inline]
    fn fill(mut self, child: Arc<dyn AnyNode>) {
        if let Some(table) = &mut self.state.children {
            table.insert(self.key, child, self.name);
        }
        drop(self.state);
        // An owner that is joining has to tell this child as well, but may be waiting for the end of another.
        if self.above.signals.load().is_joining() {
            wake_owner(self.owner, true);
        }
    }
}
