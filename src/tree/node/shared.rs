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
/// Each node holds a reference, so that it is found without a lock. It lives as long as anything refers to a node, so
/// it must not hold anything that belongs to a task.
#[derive(Debug)]
pub(crate) struct Shared {
    /// The beginning of all paths: the system's name and a colon, or nothing.
    pub(crate) prefix: Box<str>,
    pub(crate) handle: Handle,
    pub(crate) grace: Duration,
    pub(crate) patience: Duration,
    pub(crate) mailbox: Mailbox,
    pub(crate) letters: Letters,
    pub(crate) ends: EndLog,
    /// The default time limit of asks.
    pub(crate) ask_timeout: Option<Duration>,
    pub(crate) stalls: Arc<Stalls>,
    /// How many restarts of groups are under way.
    pub(crate) group_restarts: AtomicUsize,
    /// How many overruns were logged recently.
    pub(crate) overruns: OverrunLog,
    /// How many restarts there have been.
    pub(crate) restarts: AtomicU64,
    /// What looks have seen that may last.
    pub(crate) sightings: Sightings,
    /// If present, spawns, the send, begin and end of each message, and the begin of each wait are timed.
    pub(crate) times: Option<TimesByType>,
    /// Whether actors and messages have spans.
    pub(crate) spans: bool,
    /// How many nodes wait for their next incarnation.
    pub(crate) restarting: explored::AtomicUsize,
}

impl Shared {
    /// Whether something is noted for each message.
    pub(crate) fn is_noted(&self) -> bool {
        self.times.is_some() || self.spans
    }
}
