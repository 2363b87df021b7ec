//! What a restart does to a node: its task, mailbox and references stay, and everything else that
//! belonged to the incarnation goes.

use super::Node;
use super::signals::{ABANDON, DRAIN, EXITS, FIRED, IF_EMPTY, KILL, REGROUP, RENEW, STOP, WAITING};
use crate::error::Phase;
use crate::sync::lock;

/// What a node that waited for its next incarnation is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resume {
    Start,
    /// Wait for its turn again: a sibling has failed meanwhile.
    Park,
    End,
}

impl Node {
    /// The incarnation ends, and another is to follow: no more children are taken, and its token
    /// fires. `false` if the node has been told to end for good, which comes before any restart.
    pub(crate) fn begin_restart(&self) -> bool {
        let tokens = {
            let mut links = lock(&self.links);
            if self.signals.has(STOP | DRAIN | KILL) {
                return false;
            }
            links.phase = Phase::Restarting;
            links.closed = true;
            self.signals.set(RENEW | FIRED);
            links.tokens(true)
        };
        tokens.cancel();
        true
    }

    /// The next incarnation begins, unless the node has been told something else meanwhile.
    pub(crate) fn finish_restart(&self) -> Resume {
        let mut links = lock(&self.links);
        if self.signals.has(STOP | KILL) {
            return Resume::End;
        }
        if self.signals.has(REGROUP) && !self.signals.has(DRAIN) {
            return Resume::Park;
        }
        // One that drains stays in its phase: it only has to handle what it had accepted.
        if links.phase == Phase::Restarting {
            links.phase = Phase::Starting;
        }
        links.closed = false;
        // A restart of its children's group has ended with them.
        if let Some(table) = &mut links.children {
            table.group = None;
        }
        links.reset_own_time();
        self.signals
            .clear(RENEW | REGROUP | ABANDON | WAITING | IF_EMPTY | EXITS | FIRED);
        // The next incarnation gets new ones.
        let fired = links
            .rare
            .as_mut()
            .map(|rare| std::mem::take(&mut rare.tokens));
        drop(links);
        drop(fired);
        Resume::Start
    }
}
