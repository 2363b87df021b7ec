//! The node whose code this thread is polling.

use std::cell::RefCell;
use std::sync::Arc;

use super::{AnyNode, Node};

thread_local! {
    static CURRENT: RefCell<Option<Arc<dyn AnyNode>>> = const { RefCell::new(None) };
}

/// Moves a node in for a poll, and gives the outer one. No count is touched: the node's shell lends
/// the reference that it holds anyway.
#[inline]
pub(super) fn enter(node: Option<Arc<dyn AnyNode>>) -> Option<Arc<dyn AnyNode>> {
    CURRENT.replace(node)
}

/// The node that is being polled here.
pub(crate) fn current() -> Option<Arc<dyn AnyNode>> {
    CURRENT.with_borrow(Option::clone)
}

/// Whether the code that is being polled here is that of `node`, or of one beneath it.
pub(crate) fn is_beneath(node: &Node) -> bool {
    CURRENT
        .try_with(|current| {
            let current = current.borrow();
            let mut next = current.as_ref();
            while let Some(here) = next {
                if here.node().id() == node.id() {
                    return true;
                }
                next = here.node().owner();
            }
            false
        })
        .unwrap_or(false)
}
