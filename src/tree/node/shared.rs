use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use tokio::runtime::Handle;

use super::dead_letters::Letters;
use super::sightings::Sightings;
use crate::mailbox::Mailbox;
use crate::tree::stall::Stalls;

/// What all nodes of a system have in common.
///
/// Each node holds it, so that it is found without a lock. It stays for as long as anything refers
/// to a node, so it must not hold what belongs to a task.
#[derive(Debug)]
pub(crate) struct Shared {
    /// What its paths begin with: the name and a colon, or nothing.
    pub(crate) prefix: Box<str>,
    pub(crate) handle: Handle,
    pub(crate) grace: Duration,
    pub(crate) patience: Duration,
    pub(crate) mailbox: Mailbox,
    pub(crate) letters: Letters,
    /// The limit of a node's ask that nothing else limits.
    pub(crate) ask_timeout: Option<Duration>,
    pub(crate) stalls: Arc<Stalls>,
    /// How many restarts of groups are under way.
    pub(crate) group_restarts: AtomicUsize,
    /// What those have seen who have looked.
    pub(crate) sightings: Sightings,
    /// The begin of each handler is timed.
    pub(crate) timings: bool,
    /// How many nodes wait for their next incarnation.
    pub(crate) restarting: AtomicUsize,
}
