//! The node whose code this thread is polling.

use std::cell::RefCell;
use std::mem::ManuallyDrop;
use std::sync::Arc;

use super::any_node::AnyNode;
use super::node::Node;
use crate::error::Kind;

/// Never dropped, so that no access has to register a destructor. It is empty when a thread ends, because the code that
/// moves a node in also moves it out.
type Current = ManuallyDrop<Option<Arc<dyn AnyNode>>>;

thread_local! {
    static CURRENT: RefCell<Current> = const { RefCell::new(ManuallyDrop::new(None)) };
    /// The node that polls the current scope, or the outermost of several nested scopes.
    static POLLER: RefCell<Current> = const { RefCell::new(ManuallyDrop::new(None)) };
}

/// Makes a node the current one and returns the one before. No reference count changes: the node's shell lends its own
/// reference.
#[inline]
pub(crate) fn swap_current(node: Option<Arc<dyn AnyNode>>) -> Option<Arc<dyn AnyNode>> {
    ManuallyDrop::into_inner(CURRENT.replace(ManuallyDrop::new(node)))
}

/// What this thread was polling before a piece of code, to be restored after it.
#[must_use = "the current node stays the one that was entered"]
pub(in crate::tree) struct Outer {
    pub(in crate::tree) current: Option<Arc<dyn AnyNode>>,
    /// The poller before, if the code is the outermost scope on this thread.
    poller: Option<Option<Arc<dyn AnyNode>>>,
}

/// Enters the code of a node.
#[inline]
pub(in crate::tree) fn enter(node: Option<Arc<dyn AnyNode>>) -> Outer {
    Outer {
        current: swap_current(node),
        poller: None,
    }
}

/// Enters the code of a scope and remembers the node that polls it, which is not the owner if that gave the future
/// away.
pub(in crate::tree) fn enter_scope(scope: Option<Arc<dyn AnyNode>>) -> Outer {
    let mut outer = enter(scope);
    let is_scope = |node: &Arc<dyn AnyNode>| node.kind() == Kind::Scope;
    if !outer.current.as_ref().is_some_and(is_scope) {
        outer.poller = Some(swap_poller(outer.current.take()));
    }
    outer
}

/// Leaves the code of a scope. Returns the scope.
pub(in crate::tree) fn leave_scope(outer: Outer) -> Option<Arc<dyn AnyNode>> {
    swap_current(match outer.poller {
        Some(before) => swap_poller(before),
        None => outer.current,
    })
}

fn swap_poller(node: Option<Arc<dyn AnyNode>>) -> Option<Arc<dyn AnyNode>> {
    ManuallyDrop::into_inner(POLLER.replace(ManuallyDrop::new(node)))
}

/// Runs a piece of a node's code with the node as the current one, after its shell has gone.
pub(crate) fn run_as<R>(node: &Arc<dyn AnyNode>, code: impl FnOnce() -> R) -> R {
    let outer = swap_current(Some(Arc::clone(node)));
    let result = code();
    drop(swap_current(outer));
    node.settle_quietly();
    result
}

/// The node that this thread is polling.
pub(crate) fn current() -> Option<Arc<dyn AnyNode>> {
    CURRENT.with_borrow(|current| (**current).clone())
}

/// Whether this thread is polling a node.
#[inline]
pub(crate) fn is_in_node() -> bool {
    CURRENT
        .try_with(|current| current.borrow().is_some())
        .unwrap_or(false)
}

/// Whether this thread is polling the code of `node` itself, including its scopes.
pub(crate) fn is_own_code(node: &Node) -> bool {
    with_carrier(|carrier, _| carrier.id() == node.id()).unwrap_or(false)
}

/// Whether this thread is polling the code of `node` or of a node beneath it.
pub(crate) fn is_beneath(node: &Node) -> bool {
    CURRENT
        .try_with(|current| {
            let current = current.borrow();
            current.as_ref().is_some_and(|here| beneath(here, node))
        })
        .unwrap_or(false)
}

/// Runs `f` with the carrier and the current node. The carrier of a scope's code is the node whose shell polls it here.
/// Code outside of nodes, and that of a scope or system that no node polls, has no carrier: no node waits where it
/// waits.
pub(in crate::tree) fn with_carrier<R>(
    f: impl FnOnce(&Arc<dyn AnyNode>, &Arc<dyn AnyNode>) -> R,
) -> Option<R> {
    with_here(|carrier, here| carrier.map(|carrier| f(carrier, here))).flatten()
}

/// As [`with_carrier`], also for a scope without a carrier.
pub(in crate::tree) fn with_here<R>(
    f: impl FnOnce(Option<&Arc<dyn AnyNode>>, &Arc<dyn AnyNode>) -> R,
) -> Option<R> {
    CURRENT
        .try_with(|current| {
            let current = current.borrow();
            let here = current.as_ref()?;
            if here.kind() != Kind::Scope {
                return Some(f(Some(here).filter(|node| counts(node)), here));
            }
            let poller = POLLER.try_with(|poller| {
                let poller = poller.borrow();
                f(poller.as_ref().filter(|node| counts(node)), here)
            });
            poller.ok()
        })
        .ok()
        .flatten()
}

fn counts(node: &Arc<dyn AnyNode>) -> bool {
    node.kind() != Kind::System
}

/// Whether `here` is `node`, or beneath it.
pub(in crate::tree) fn beneath(here: &Arc<dyn AnyNode>, node: &Node) -> bool {
    let mut next = Some(here);
    while let Some(here) = next {
        if here.id() == node.id() {
            return true;
        }
        next = here.owner();
    }
    false
}
