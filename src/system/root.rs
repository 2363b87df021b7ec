use std::panic::Location;
use std::sync::Arc;
use std::task::Waker;

use crate::error::Kind;
use crate::tree::{AnyNode, Node, Place, Settings, Shared, ShellWaker};

/// The node of a scope or of a system: all it has is what is beneath it.
pub(super) struct Root {
    node: Node,
    waker: ShellWaker,
    type_name: &'static str,
}

impl Root {
    pub(super) fn scope(
        place: Place,
        site: &'static Location<'static>,
        body: &'static str,
    ) -> Arc<Self> {
        Arc::new(Self {
            node: Node::new(place, Kind::Scope, site, Settings::default()),
            waker: ShellWaker::default(),
            type_name: body,
        })
    }

    pub(super) fn system(
        shared: Shared,
        name: Option<Box<str>>,
        site: &'static Location<'static>,
    ) -> Arc<dyn AnyNode> {
        let settings = Settings {
            name,
            ..Settings::default()
        };
        Arc::new(Self {
            node: Node::new(Place::root(shared), Kind::System, site, settings),
            waker: ShellWaker::default(),
            type_name: "System",
        })
    }
}

impl AnyNode for Root {
    fn node(&self) -> &Node {
        &self.node
    }

    fn node_mut(&mut self) -> &mut Node {
        &mut self.node
    }

    fn type_name(&self) -> &'static str {
        self.type_name
    }

    fn set_waker(&self, waker: &Waker) {
        self.waker.set(waker);
    }

    fn clear_waker(&self) {
        self.waker.clear();
    }

    fn wake(&self) {
        match self.node.kind() {
            Kind::Scope => self.waker.wake_once(),
            _ => self.waker.wake(),
        }
    }
}
