//! What a restart does to a node: its task, mailbox and references stay; everything else that belonged to the
//! incarnation is dropped.

use std::sync::Arc;

use crate::error::Phase;
use crate::sync::explored::{Ordering, fence};
use crate::sync::lock;
use crate::tree::node::signals::Snapshot;
use crate::tree::node::{Node, NodeState, Shared, Turn, wake_restarting};

/// What a node does after it has waited for its next incarnation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resume {
    Start,
    /// Wait for its turn again, because a sibling has failed meanwhile.
    Park,
    End,
}

impl Node {
    /// Whether this incarnation is the last because the node was told to end. An order takes precedence over a restart.
    ///
    /// A drain still has to handle accepted mail. So if an incarnation was already ending for a restart when the drain
    /// came, or its code was dropped for its group, another incarnation follows. If it has failed or has drained, none
    /// does.
    pub(crate) fn ends_for_good(&self, has_failed: bool) -> bool {
        self.is_last_life(&lock(&self.state), has_failed)
    }

    fn is_last_life(&self, state: &NodeState, has_failed: bool) -> bool {
        let signals = self.signals.load();
        // A node that has drained is closed.
        signals.ends_for_good() && (signals.discards_mail() || has_failed || state.closed)
    }

    /// Whether the node may be restarted. Nothing is restarted beneath a node that is to end, at any height (rule 9).
    /// Exception: an actor that is restarted with its group may be, as long as those above only drain, so that the mail
    /// it has accepted is handled.
    pub(crate) fn may_restart(&self, in_group: bool) -> bool {
        !self.has_owner(|above| above.forbids_restarts(in_group))
    }

    /// Whether accepted mail is discarded, because this node or one above it was told to stop or was killed.
    pub(crate) fn discards_mail(&self) -> bool {
        self.signals.load().discards_mail() || self.has_owner(Snapshot::discards_mail)
    }

    /// Whether this holds for any node above.
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

    /// Ends this incarnation so that another can follow: the node takes no more children, and its token fires. `false`
    /// if the node was told to end for good.
    pub(crate) fn begin_restart(&self, has_failed: bool) -> bool {
        let (tokens, news) = {
            let mut state = lock(&self.state);
            if self.is_last_life(&state, has_failed) {
                return false;
            }
            // A draining node keeps its phase: it only has to handle the mail that it had accepted.
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

    /// Begins the next incarnation, unless the node has been told something else meanwhile.
    pub(crate) fn finish_restart(&self, in_group: bool) -> Resume {
        // The group changes the node's turn under the owner's lock.
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
        // The children are gone, so a restart of their group is over.
        if let Some(table) = &mut state.children {
            table.group = None;
        }
        state.reset_own_time();
        self.signals.begin_incarnation();
        // The next incarnation gets new tokens.
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
        // Paired with the fence of `wake_restarting`: either this node is counted there, or it sees the owner's signal.
        fence(Ordering::SeqCst);
        Self(Arc::clone(shared))
    }
}

impl Drop for RestartCount {
    fn drop(&mut self) {
        self.0.restarting.fetch_sub(1, Ordering::Relaxed);
    }
}
