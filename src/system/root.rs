use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::Waker;

use crate::actor::task_label;
use crate::error::Kind;
use crate::tree::{AnyNode, Node, NodeSlot, PolledBy, Settings, Shared, ShellWaker, is_own_code};

const NOBODY: u8 = 0;
const POLLED: u8 = 1;
/// It was polled by other code than its owner's. Stays set until the owner polls it.
const ELSEWHERE: u8 = 2;

/// The node whose code has opened a scope, beyond any scopes in between.
fn opener(scope: &Node) -> Option<&Arc<dyn AnyNode>> {
    let mut owner = scope.owner()?;
    while owner.node().kind() == Kind::Scope {
        owner = owner.node().owner()?;
    }
    Some(owner)
}

/// The node of a scope or of a system, which only has children.
pub(super) struct Root {
    node: Node,
    waker: ShellWaker,
    /// Whether its code was polled and by whom last; read as a [`PolledBy`].
    polled: AtomicU8,
    /// The full type name of a scope's body. The label is derived from it only when somebody asks.
    type_name: &'static str,
}

impl Root {
    pub(super) fn scope(
        place: NodeSlot,
        site: &'static Location<'static>,
        body: &'static str,
    ) -> Arc<Self> {
        Arc::new(Self {
            node: Node::new(place, Kind::Scope, site, Settings::default()),
            waker: ShellWaker::default(),
            polled: AtomicU8::new(NOBODY),
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
            node: Node::new(NodeSlot::root(shared), Kind::System, site, settings),
            waker: ShellWaker::default(),
            polled: AtomicU8::new(NOBODY),
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
        task_label(self.type_name)
    }

    fn set_waker(&self, waker: &Waker) {
        self.waker.set(waker);
        if self.node.kind() == Kind::Scope {
            let is_own = opener(&self.node).is_none_or(|owner| is_own_code(owner.node()));
            let polled = POLLED | if is_own { 0 } else { ELSEWHERE };
            self.polled.store(polled, Ordering::Relaxed);
        }
    }

    fn polled_by(&self) -> PolledBy {
        match self.polled.load(Ordering::Relaxed) {
            elsewhere if elsewhere & ELSEWHERE != 0 => PolledBy::Other,
            NOBODY => PolledBy::Nobody,
            _ => PolledBy::Owner,
        }
    }

    fn forget_poll(&self) {
        self.polled.fetch_and(!POLLED, Ordering::Relaxed);
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
