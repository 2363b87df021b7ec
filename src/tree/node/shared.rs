use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::time::Duration;

use tokio::runtime::Handle;

use super::dead_letters::Letters;
use super::ends::EndLog;
use super::overrun::OverrunLog;
use super::sightings::Sightings;
use super::times_by_type::TimesByType;
use crate::mailbox::Mailbox;
use crate::sync::explored;
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
    pub(crate) ends: EndLog,
    /// The limit of a node's ask that nothing else limits.
    pub(crate) ask_timeout: Option<Duration>,
    pub(crate) stalls: Arc<Stalls>,
    /// How many restarts of groups are under way.
    pub(crate) group_restarts: AtomicUsize,
    /// How many nodes have used up their time of late.
    pub(crate) overruns: OverrunLog,
    /// How many restarts there have been.
    pub(crate) restarts: AtomicU64,
    /// What those have seen who have looked.
    pub(crate) sightings: Sightings,
    /// Births, the send, begin and end of each message, and the begin of each wait are timed if this is there.
    pub(crate) times: Option<TimesByType>,
    /// Lives and messages have spans.
    pub(crate) spans: bool,
    /// How many nodes wait for their next incarnation.
    pub(crate) restarting: explored::AtomicUsize,
}

impl Shared {
    /// Whether something is noted of each message: what that is says each of those who do so.
    pub(crate) fn is_noted(&self) -> bool {
        self.times.is_some() || self.spans
    }
}
