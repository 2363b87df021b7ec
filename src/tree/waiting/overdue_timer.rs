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

/// The shortest time between two looks.
const SHORTEST: Duration = Duration::from_millis(10);

/// While something is overdue but other nodes still end, there is a look after each such part of a patience.
const PARTS: u32 = 4;

/// Looks for overdue nodes whenever something may have become overdue, and only then.
///
/// It sets no timer until the wait has lasted; see [`LookTimer`].
#[derive(Debug, Default)]
pub(crate) struct OverdueTimer {
    timer: LookTimer,
    /// The wait has lasted, and the first look is set.
    lasts: bool,
    alive: usize,
    warnings: Option<Box<Warnings>>,
}

/// Which nodes the caller wants to have named once something is overdue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Naming {
    /// None: the caller goes on without the nodes that do not yield, and others name them.
    Nobody,
    /// Those that no other look with `New` has named recently.
    New,
    All,
    /// All, but only once no node has time left.
    AllAtLast,
}

impl OverdueTimer {
    /// Ready once something is overdue, and nothing has ended since the last look. `root` is at or `beneath` this node;
    /// most polls do not need it.
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

    /// Called when the wait has lasted and it is time to look.
    #[cold]
    fn look(
        &mut self,
        root: &Arc<dyn AnyNode>,
        naming: Naming,
        cx: &mut Context<'_>,
    ) -> Poll<Vec<Blocker>> {
        let stalls = &root.shared.stalls;
        // In a foreign executor, uses the clock of the tree's own runtime.
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
            // Nodes that are told meanwhile may have less time.
            let pause = match progress && found.is_held_up {
                true => patience / PARTS,
                false => patience,
            };
            let look = after(pause.max(SHORTEST)).min(warning);
            let next = found.next.map_or(look, |next| next.min(look));
            self.timer.set(next.max(Instant::now() + SHORTEST));
        }
    }

    /// Whether the wait has lasted.
    #[inline]
    pub(in crate::tree) fn lasts(&self) -> bool {
        self.lasts
    }

    /// Has it warn of the nodes that hold up the wait.
    pub(in crate::tree) fn warn(&mut self) {
        self.warnings = Some(Box::default());
    }

    fn warning(&mut self, root: &Arc<dyn AnyNode>) -> Instant {
        match &mut self.warnings {
            Some(warnings) => warnings.look(root),
            None => after(FOR_EVER),
        }
    }

    /// Looks at once, because something has changed that affects what is overdue.
    pub(in crate::tree) fn look_again(&mut self) {
        if self.lasts {
            self.timer.set(Instant::now());
        }
    }
}

/// The overdue nodes that the caller wants named; `None` if nothing is overdue, or it is too early to name it.
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
        // The overdue nodes may have ended since.
        Naming::All | Naming::AllAtLast => {
            Some(blockers(root, patience)).filter(|blockers| !blockers.is_empty())
        }
    }
}

/// The first moment at which something may be overdue or have to be killed.
///
/// A root that waits for its children is not using its own time, but they may be. Deeper nodes are not asked: each
/// owner looks at its own children.
fn first_look(root: &Arc<dyn AnyNode>, patience: Duration) -> Instant {
    let beneath = || {
        let children = root.children();
        children
            .iter()
            .filter_map(|child| due(child, patience))
            .min()
    };
    // Nodes beneath may not have been told yet, and may have less time than the root.
    let look = after(patience.max(SHORTEST));
    let first = due(root, patience).or_else(beneath).unwrap_or(look);
    first.min(look).max(Instant::now())
}

/// When a node that is using its own time has to be killed or, if it was killed, is overdue.
fn due(node: &Arc<dyn AnyNode>, patience: Duration) -> Option<Instant> {
    let until = node.time_limit()?;
    if node.signals.load().is_killed() {
        Some(saturating_add(until, patience))
    } else {
        Some(until)
    }
}
