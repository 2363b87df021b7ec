//! What a restart does to a node: its task, mailbox and references stay, and everything else that
//! belonged to the incarnation goes.

use std::sync::Arc;

use crate::error::Phase;
use crate::sync::explored::{Ordering, fence};
use crate::sync::lock;
use crate::tree::node::signals::Snapshot;
use crate::tree::node::{Node, NodeState, Shared, Turn, wake_restarting};

/// What a node that waited for its next incarnation is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resume {
    Start,
    /// Wait again for its turn, as a sibling has failed meanwhile.
    Park,
    End,
}

impl Node {
    /// Whether this incarnation is the last, as the node has been told to end for good, which comes before any restart.
    ///
    /// A drain has accepted mail to be handled. So one that was to end for a restart when the drain came, be it that its
    /// code was dropped for its group, is followed by another; one that has failed is not, nor one that has drained.
    pub(crate) fn ends_for_good(&self, has_failed: bool) -> bool {
        self.is_last_life(&lock(&self.state), has_failed)
    }

    fn is_last_life(&self, state: &NodeState, has_failed: bool) -> bool {
        let signals = self.signals.load();
        // What has drained has closed the node.
        signals.discards_mail() || signals.ends_for_good() && (has_failed || state.closed)
    }

    /// Whether it may be restarted, which nothing may be beneath a node that is to end, at any height
    /// (rule 9). One that is restarted with its group is, as long as those above it drain: what it accepted is
    /// handled.
    pub(crate) fn may_restart(&self, in_group: bool) -> bool {
        !self.has_owner(|above| above.forbids_restarts(in_group))
    }

    /// Whether what it has accepted is discarded: it or a node above it was told to stop or killed, and not only to
    /// drain.
    pub(crate) fn discards_mail(&self) -> bool {
        self.signals.load().discards_mail() || self.has_owner(Snapshot::discards_mail)
    }

    /// Whether this is true of a node above it.
    pub(super) fn has_owner(&self, is_it: impl Fn(Snapshot) -> bool) -> bool {
        let mut next = self.owner();
        while let Some(owner) = next {
            if is_it(owner.signals.load()) {
                return true;
            }
            next = owner.owner();
        }
        false
    }

    /// The incarnation ends, and another is to follow: no more children are taken, and its token
    /// fires. `false` if the node has been told to end for good.
    pub(crate) fn begin_restart(&self, has_failed: bool) -> bool {
        let (tokens, news) = {
            let mut state = lock(&self.state);
            if self.is_last_life(&state, has_failed) {
                return false;
            }
            // One that drains stays in its phase: it only has to handle what it had accepted.
            if state.phase < Phase::Stopping {
                state.phase = Phase::Restarting;
            }
            state.closed = true;
            let news = self.signals.begin_restart();
            (state.tokens(true), news)
        };
        if let Some(tokens) = tokens {
            tokens.cancel();
        }
        wake_restarting(self, news);
        true
    }

    /// The next incarnation begins, unless the node has been told something else meanwhile.
    pub(crate) fn finish_restart(&self, in_group: bool) -> Resume {
        // The group tells it, or not, under its owner's lock.
        let above = self.owner().map(|owner| lock(&owner.state));
        let mut state = lock(&self.state);
        if self.signals.load().discards_mail() || !self.may_restart(in_group) {
            return Resume::End;
        }
        let turn = above
            .as_ref()
            .map_or(Turn::Live, |above| above.turn_of(self));
        if turn == Turn::Told && !self.signals.load().is_drained() {
            return Resume::Park;
        }
        if state.phase == Phase::Restarting {
            state.phase = Phase::Starting;
        }
        state.closed = false;
        // A restart of its children's group has ended with them.
        if let Some(table) = &mut state.children {
            table.group = None;
        }
        state.reset_own_time();
        self.signals.begin_incarnation();
        // The next incarnation gets new ones.
        let fired = state
            .extras
            .as_mut()
            .map(|extras| std::mem::take(&mut extras.tokens));
        drop(state);
        drop(above);
        drop(fired);
        Resume::Start
    }
}

/// Counts the nodes of a system that wait for their next incarnation.
#[must_use = "it counts until it is dropped"]
pub(crate) struct RestartCount(Arc<Shared>);

impl RestartCount {
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        shared.restarting.fetch_add(1, Ordering::Relaxed);
        // Either it is counted when its owner's signal has been set, or it sees that.
        fence(Ordering::SeqCst);
        Self(Arc::clone(shared))
    }
}

impl Drop for RestartCount {
    fn drop(&mut self) {
        self.0.restarting.fetch_sub(1, Ordering::Relaxed);
    }
}
