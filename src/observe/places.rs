use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use super::text::bounded_path;
use crate::error::Phase;
use crate::sync::lock;
use crate::tree::{AnyNode, NodeId, PATH_HALF};

/// The places of nodes, for a listener to many ends. If it climbed to the root for each of them, that would take
/// quadratic time in the depth (rule 15).
///
/// It remembers live nodes at or beneath which something has ended, until they end themselves.
pub(super) struct Places {
    root: NodeId,
    known: Mutex<HashMap<NodeId, Place>>,
}

#[derive(Clone)]
pub(super) struct Place {
    /// It is at or beneath the root.
    pub(super) is_beneath: bool,
    /// How many nodes are above it.
    depth: usize,
    /// The beginning of its path, if it is deep.
    begin: Option<Arc<str>>,
}

impl Places {
    pub(super) fn new(root: NodeId) -> Self {
        Self {
            root,
            known: Mutex::default(),
        }
    }

    pub(super) fn of(&self, node: &Arc<dyn AnyNode>) -> Place {
        let mut known = lock(&self.known);
        let mut climbed = Vec::new();
        let mut next = node;
        let mut place = loop {
            if let Some(place) = known.get(&next.id()) {
                break place.clone();
            }
            let Some(owner) = next.owner() else {
                break Place {
                    is_beneath: next.id() == self.root,
                    depth: 0,
                    begin: None,
                };
            };
            climbed.push(next);
            next = owner;
        };
        for node in climbed.into_iter().rev() {
            place.is_beneath |= node.id() == self.root;
            place.depth += 1;
            if place.depth == PATH_HALF {
                place.begin = Some(node.path(node.type_name()).into());
            }
            // An ended node was forgotten already, or is about to be, when its end is reported.
            if node.phase() != Phase::Stopped {
                known.insert(node.id(), place.clone());
            }
        }
        place
    }

    /// Called when the node has ended.
    pub(super) fn forget(&self, node: &Arc<dyn AnyNode>) {
        lock(&self.known).remove(&node.id());
    }
}

impl Place {
    /// The path of the node in this place, with each name bounded.
    pub(super) fn path(&self, node: &Arc<dyn AnyNode>) -> String {
        let path = node.path_at(node.type_name(), self.depth, self.begin.as_deref());
        bounded_path(&path)
    }
}
