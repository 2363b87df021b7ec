use std::sync::Arc;
use std::time::Duration;

use super::AnyNode;
use super::children::{Key, Shared, StopOrder};
use crate::mailbox::Mailbox;

/// Where a new node belongs.
pub(crate) struct Place {
    pub(super) owner: Option<Arc<dyn AnyNode>>,
    pub(super) key: Key,
    /// The system's defaults.
    pub(super) grace: Duration,
    pub(crate) mailbox: Mailbox,
    /// What a root shares with all beneath it.
    pub(super) shared: Option<Arc<Shared>>,
}

impl Place {
    /// A root's: nowhere.
    pub(crate) fn root(shared: Shared) -> Self {
        Self {
            owner: None,
            key: Key::default(),
            grace: shared.grace,
            mailbox: shared.mailbox,
            shared: Some(Arc::new(shared)),
        }
    }
}

/// What a child's spec says of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settings {
    pub(crate) name: Option<Box<str>>,
    pub(crate) grace: Option<Duration>,
    pub(crate) stop_order: StopOrder,
    /// A failure is traced and goes no further.
    pub(crate) contain: bool,
}

impl Settings {
    pub(super) fn is_default(&self) -> bool {
        self.name.is_none() && self.stop_order == StopOrder::default() && !self.contain
    }
}
