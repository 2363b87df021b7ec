//! The roots that begin on a runtime while a leak check watches it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};

use tokio::runtime::Id;

use crate::error::Phase;
use crate::sync::lock;
use crate::tree::AnyNode;

/// How many watches there are. While there is none, a new root only reads this (rule 15).
static WATCHES: AtomicUsize = AtomicUsize::new(0);

static LIST: Mutex<Vec<Arc<Roots>>> = Mutex::new(Vec::new());

/// Records the roots that begin on one runtime, until it is dropped.
#[derive(Debug)]
pub(crate) struct RootWatch(Arc<Roots>);

struct Roots {
    runtime: Id,
    /// Weak references, so that the watch does not keep ended roots.
    begun: Mutex<Begun>,
}

#[derive(Default)]
struct Begun {
    roots: Vec<Weak<dyn AnyNode>>,
    /// At this length, ended roots are removed.
    tidy_at: usize,
}

/// Shorter lists are not tidied.
const FEW: usize = 64;

impl RootWatch {
    pub(crate) fn new(runtime: Id) -> Self {
        let roots = Arc::new(Roots {
            runtime,
            begun: Mutex::new(Begun {
                roots: Vec::new(),
                tidy_at: FEW,
            }),
        });
        lock(&LIST).push(Arc::clone(&roots));
        WATCHES.fetch_add(1, Ordering::Relaxed);
        Self(roots)
    }

    /// The roots that have not ended.
    pub(crate) fn alive(&self) -> Vec<Arc<dyn AnyNode>> {
        let known = lock(&self.0.begun).roots.clone();
        let known = known.iter().filter_map(Weak::upgrade);
        known
            .filter(|root| root.phase() != Phase::Stopped)
            .collect()
    }
}

impl Drop for RootWatch {
    fn drop(&mut self) {
        WATCHES.fetch_sub(1, Ordering::Relaxed);
        lock(&LIST).retain(|roots| !Arc::ptr_eq(roots, &self.0));
    }
}

/// Notes that a root has begun.
#[inline]
pub(crate) fn note(root: &Arc<dyn AnyNode>) {
    if WATCHES.load(Ordering::Relaxed) > 0 {
        tell_watches(root);
    }
}

#[cold]
fn tell_watches(root: &Arc<dyn AnyNode>) {
    let runtime = root.shared.handle.id();
    let watches: Vec<_> = {
        let list = lock(&LIST);
        let watches = list.iter().filter(|roots| roots.runtime == runtime);
        watches.cloned().collect()
    };
    for watch in watches {
        watch.add(root);
    }
}

impl Roots {
    fn add(&self, root: &Arc<dyn AnyNode>) {
        // May hold last references to roots, which are dropped after the lock is released.
        let mut looked_at = Vec::new();
        let mut begun = lock(&self.begun);
        begun.roots.push(Arc::downgrade(root));
        if begun.roots.len() >= begun.tidy_at {
            begun.roots.retain(|root| {
                let root = root.upgrade();
                let is_alive = root
                    .as_ref()
                    .is_some_and(|root| root.phase() != Phase::Stopped);
                looked_at.extend(root);
                is_alive
            });
            begun.tidy_at = FEW.max(2 * begun.roots.len());
        }
        drop(begun);
        drop(looked_at);
    }
}

impl std::fmt::Debug for Roots {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Roots")
            .field("runtime", &self.runtime)
            .finish_non_exhaustive()
    }
}
