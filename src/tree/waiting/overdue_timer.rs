use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::Instant;

use super::overdue::{blockers, outlook, unnamed_blockers};
use super::warnings::Warnings;
use crate::error::Blocker;
use crate::sync::{FOR_EVER, after, saturating_add};
use crate::tree::node::{AnyNode, Outlook};
use crate::tree::stall::LookTimer;

/// How long to wait at least before the next look.
const SHORTEST: Duration = Duration::from_millis(10);

/// While something is overdue, those who wait for it let it be as long as others end in each of so many parts of a patience.
const PARTS: u32 = 4;

/// Looks at what is overdue each time that something may have become so, and only then.
///
/// It sets no timer before the wait has lasted, see [`LookTimer`].
#[derive(Debug, Default)]
pub(crate) struct OverdueTimer {
    timer: LookTimer,
    /// It has lasted, and the first look is set.
    lasts: bool,
    alive: usize,
    warnings: Option<Box<Warnings>>,
}

/// Of whom whoever waits wants to know by name, once something is overdue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Naming {
    /// Of nobody: it goes on without what does not yield, and others say what that is.
    Nobody,
    /// Of those that nobody has named of late who has looked from within the tree.
    New,
    All,
    /// Of all, once nobody is left who still has time.
    AllAtLast,
}

impl OverdueTimer {
    /// Ready once something is overdue, and nothing has ended since the last look. Most polls need no root: it is
    /// `beneath` this node, or itself.
    #[inline]
    pub(crate) fn poll(
        &mut self,
        beneath: &Arc<dyn AnyNode>,
        root: impl FnOnce() -> Option<Arc<dyn AnyNode>>,
        naming: Naming,
        cx: &mut Context<'_>,
    ) -> Poll<Vec<Blocker>> {
        ready!(self.timer.poll(&beneath.shared.stalls, cx));
        match root() {
            Some(root) => self.look(&root, naming, cx),
            None => Poll::Pending,
        }
    }

    /// The wait has lasted, and it is time to look.
    #[cold]
    fn look(
        &mut self,
        root: &Arc<dyn AnyNode>,
        naming: Naming,
        cx: &mut Context<'_>,
    ) -> Poll<Vec<Blocker>> {
        let stalls = &root.shared.stalls;
        // In a foreign executor the clock is that of the tree's own runtime.
        let is_foreign = Handle::try_current().is_err();
        let _clock = is_foreign.then(|| root.shared.handle.enter());
        let patience = root.shared.patience;
        if !std::mem::replace(&mut self.lasts, true) {
            let first = first_look(root, patience).min(self.warning(root));
            self.timer.set(first);
        }
        loop {
            ready!(self.timer.poll(stalls, cx));
            let warning = self.warning(root);
            let found = outlook(root, patience);
            let progress = found.alive < std::mem::replace(&mut self.alive, found.alive);
            if !progress && let Some(named) = name(root, naming, found, patience) {
                self.timer.set(after(patience.max(SHORTEST)));
                return Poll::Ready(named);
            }
            // Others may be told meanwhile who have less time.
            let pause = match progress && found.is_held_up {
                true => patience / PARTS,
                false => patience,
            };
            let look = after(pause.max(SHORTEST)).min(warning);
            let next = found.next.map_or(look, |next| next.min(look));
            self.timer.set(next.max(Instant::now() + SHORTEST));
        }
    }

    /// Whether the wait has lasted, so that somebody has looked.
    #[inline]
    pub(in crate::tree) fn lasts(&self) -> bool {
        self.lasts
    }

    /// Warns of those that hold up the wait.
    pub(in crate::tree) fn warn(&mut self) {
        self.warnings = Some(Box::default());
    }

    fn warning(&mut self, root: &Arc<dyn AnyNode>) -> Instant {
        match &mut self.warnings {
            Some(warnings) => warnings.look(root),
            None => after(FOR_EVER),
        }
    }

    /// Somebody has changed what is overdue, and when.
    pub(in crate::tree) fn look_again(&mut self) {
        if self.lasts {
            self.timer.set(Instant::now());
        }
    }
}

/// The names that are wanted of what is overdue; `None` if nothing is, or if it is too early for them.
fn name(
    root: &Arc<dyn AnyNode>,
    naming: Naming,
    found: Outlook,
    patience: Duration,
) -> Option<Vec<Blocker>> {
    let is_early = naming == Naming::AllAtLast && found.next.is_some();
    if !found.is_held_up || is_early {
        return None;
    }
    match naming {
        Naming::Nobody => Some(Vec::new()),
        Naming::New => Some(unnamed_blockers(root, patience)),
        // What was seen may have ended since.
        Naming::All | Naming::AllAtLast => {
            Some(blockers(root, patience)).filter(|blockers| !blockers.is_empty())
        }
    }
}

/// The first moment at which something may be overdue, or have to be killed.
///
/// A root that waits for its children has no time of its own, but they may have. No deeper
/// nodes are asked: each owner looks at its own children.
fn first_look(root: &Arc<dyn AnyNode>, patience: Duration) -> Instant {
    let beneath = || {
        let children = root.children();
        children
            .iter()
            .filter_map(|child| due(child, patience))
            .min()
    };
    // What is beneath may not have been told yet, and have less time than the root has.
    let look = after(patience.max(SHORTEST));
    let first = due(root, patience).or_else(beneath).unwrap_or(look);
    first.min(look).max(Instant::now())
}

/// When a node that uses its own time to end has to be killed, or is overdue because it has been.
fn due(node: &Arc<dyn AnyNode>, patience: Duration) -> Option<Instant> {
    let until = node.time_limit()?;
    if node.signals.load().is_killed() {
        Some(saturating_add(until, patience))
    } else {
        Some(until)
    }
}
