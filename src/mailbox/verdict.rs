//! What becomes of a reply that is dropped unsent (rule 10).
//!
//! A [`ReplyTo`](super::ReplyTo) may go down with the message or the handler that held it, and its
//! drop cannot know why. So a reply dropped by a handler of the very actor it was asked of is an
//! *orphan* until that handler ends, and the end says what happened: no reply, failed, killed.
//! Everywhere else the drop resolves it at once, with the verdict of the frame that the thread is
//! in.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use crate::error::AskError;

/// What happened to a reply that was dropped unsent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Stopped,
    NoReply,
    Failed,
    Killed,
}

impl From<Verdict> for AskError {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Stopped => Self::Stopped,
            Verdict::NoReply => Self::NoReply,
            Verdict::Failed => Self::Failed,
            Verdict::Killed => Self::Killed,
        }
    }
}

/// A slot whose asker waits for a verdict.
pub(super) trait Orphan: Send + Sync {
    fn resolve(&self, verdict: Verdict);
}

thread_local! {
    /// What becomes of a reply that goes down with a suspended handler.
    static DROPPING: Cell<Verdict> = const { Cell::new(Verdict::Killed) };
    static NODE: Cell<u64> = const { Cell::new(0) };
    /// The node whose unstarted messages are being dropped.
    static DISCARDING: Cell<u64> = const { Cell::new(0) };
    /// Whether `ORPHANS` is not empty: a look at this needs no destructor to be registered.
    static HAS_ORPHANS: Cell<bool> = const { Cell::new(false) };
    /// Each with the number of the node that dropped it: polls are nested where a handler waits for
    /// a scope.
    static ORPHANS: RefCell<Vec<(u64, Arc<dyn Orphan>)>> = const { RefCell::new(Vec::new()) };
}

/// What this thread is doing as far as replies are concerned; restored on drop.
#[derive(Debug)]
#[must_use]
pub(crate) struct Frame {
    outer: (u64, u64),
}

impl Frame {
    /// The thread polls code of the node with this number.
    #[inline]
    pub(crate) fn polling(node: u64) -> Self {
        Self {
            outer: (NODE.replace(node), 0),
        }
    }

    /// The thread drops messages that the node with this number never started. A reply among them
    /// that was asked of another node and handed on was started there.
    pub(crate) fn discarding(node: u64) -> Self {
        Self {
            outer: (NODE.replace(0), DISCARDING.replace(node)),
        }
    }
}

impl Drop for Frame {
    #[inline]
    fn drop(&mut self) {
        NODE.set(self.outer.0);
        DISCARDING.set(self.outer.1);
    }
}

/// Runs what drops a suspended handler, for this reason.
pub(crate) fn dropping<R>(verdict: Verdict, drop: impl FnOnce() -> R) -> R {
    let outer = DROPPING.replace(verdict);
    let result = drop();
    DROPPING.set(outer);
    result
}

/// The orphans of a handler that is suspended. Whoever drops it before its end has killed or
/// failed it.
#[derive(Default)]
pub(crate) struct Orphans(
    #[expect(
        clippy::box_collection,
        reason = "every actor's task holds one, and hardly any uses it"
    )]
    Option<Box<Vec<Arc<dyn Orphan>>>>,
);

impl Orphans {
    #[inline(always)]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Hands them back to the poll of this node that begins here.
    #[cold]
    pub(crate) fn restore(&mut self, node: u64) {
        let Some(orphans) = self.0.take() else { return };
        HAS_ORPHANS.set(true);
        ORPHANS.with_borrow_mut(|all| all.extend(orphans.into_iter().map(|orphan| (node, orphan))));
    }

    /// Takes over what the poll of this node that ends here has orphaned.
    #[inline]
    pub(crate) fn adopt(&mut self, node: u64) {
        if has_orphans() {
            let own = take(node);
            self.0 = (!own.is_empty()).then(|| Box::new(own));
        }
    }

    /// Resolves them all.
    #[inline(always)]
    pub(crate) fn settle(&mut self, verdict: Verdict) {
        if self.0.is_some() {
            self.settle_all(verdict);
        }
    }

    #[cold]
    fn settle_all(&mut self, verdict: Verdict) {
        for orphan in self.0.take().into_iter().flat_map(|all| *all) {
            orphan.resolve(verdict);
        }
    }
}

impl Drop for Orphans {
    fn drop(&mut self) {
        self.settle(if std::thread::panicking() {
            Verdict::Failed
        } else {
            DROPPING.get()
        });
    }
}

/// Whether a current poll has orphaned any reply so far.
#[inline(always)]
fn has_orphans() -> bool {
    HAS_ORPHANS.get()
}

/// Resolves all that the current poll of this node has orphaned.
#[inline(always)]
pub(crate) fn settle(node: u64, verdict: Verdict) {
    if has_orphans() {
        for orphan in take(node) {
            orphan.resolve(verdict);
        }
    }
}

/// Resolves a dropped reply, now or at the end of the handler that dropped it.
pub(super) fn dropped(target: u64, orphan: Arc<dyn Orphan>) {
    // On a thread that is being torn down there is no frame, and nobody will give a verdict.
    let inside = NODE.try_with(Cell::get).is_ok_and(|node| node == target);
    if inside
        && ORPHANS
            .try_with(|all| all.borrow_mut().push((target, Arc::clone(&orphan))))
            .is_ok()
    {
        HAS_ORPHANS.set(true);
        return;
    }
    let unstarted = DISCARDING
        .try_with(Cell::get)
        .is_ok_and(|node| node == target);
    orphan.resolve(if unstarted {
        Verdict::Stopped
    } else {
        Verdict::NoReply
    });
}

#[cold]
fn take(node: u64) -> Vec<Arc<dyn Orphan>> {
    ORPHANS.with_borrow_mut(|all| {
        let own = all.extract_if(.., |(owner, _)| *owner == node);
        let own = own.map(|(_, orphan)| orphan).collect();
        HAS_ORPHANS.set(!all.is_empty());
        own
    })
}
