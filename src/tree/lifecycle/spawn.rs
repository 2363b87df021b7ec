use std::sync::Arc;

use crate::error::Phase;
use crate::sync::lock;
use crate::tree::node::{AnyNode, Children, NodeSlot, NodeState, wake_owner};

/// Why a node was not registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Denied {
    Closed,
    NameTaken,
    BadName,
    NoCapacity,
    BadBackoff,
}

/// Gives a node its place beneath its owner, or refuses it: one step with the closing of the owner
/// (rule 2). `build` makes the node; no user code runs in it.
pub(crate) fn register<N: AnyNode>(
    owner: &Arc<dyn AnyNode>,
    name: Option<&str>,
    build: impl FnOnce(NodeSlot) -> Result<Arc<N>, Denied>,
) -> Result<Arc<N>, Denied> {
    if name.is_some_and(|name| name.is_empty() || name.contains('/')) {
        return Err(Denied::BadName);
    }
    insert(owner, name, |state| !state.closed, build)
}

/// As [`register`], for a scope that the owner itself opens: its future is part of the owner's own
/// code and ends with it, so that even an owner that takes no more children may use one to clean
/// up.
pub(crate) fn register_scope<N: AnyNode>(
    owner: &Arc<dyn AnyNode>,
    build: impl FnOnce(NodeSlot) -> Arc<N>,
) -> Result<Arc<N>, Denied> {
    let build = |place| Ok(build(place));
    let admits = |state: &NodeState| {
        let signals = owner.signals.load();
        // Its own owner has gone through it, and will not do so again.
        let is_idle = signals.is_adopted() && state.closed;
        !state.shell_gone && !signals.is_killed() && !is_idle
    };
    insert(owner, None, admits, build)
}

fn insert<N: AnyNode>(
    owner: &Arc<dyn AnyNode>,
    name: Option<&str>,
    admits: impl Fn(&NodeState) -> bool,
    build: impl FnOnce(NodeSlot) -> Result<Arc<N>, Denied>,
) -> Result<Arc<N>, Denied> {
    // Once: each look at a node of any kind is a call.
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
    let child = build(NodeSlot {
        owner: Some(Arc::clone(owner)),
        index: key.index,
        shared: Arc::clone(&above.shared),
    })?;
    table.insert(key, Arc::clone(&child) as Arc<dyn AnyNode>, name);
    drop(state);
    // One that joins its children tells this one as well, and may be waiting for the end of another.
    if above.signals.load().is_joining() {
        wake_owner(owner, true);
    }
    Ok(child)
}
