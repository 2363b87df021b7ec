//! From one look at the tree to all who watch it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Bytes;
use tenure::observe::{Snapshot, SnapshotOptions};
use tenure::{CancellationToken, NodeId, NodeRef, Phase, Spawner};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::ends::{EndLog, EndsForm, ROOM};
use super::letters::LetterLog;
use super::options::DashboardOptions;
use super::view::{Tracker, View};

/// How many looks a viewer may be behind.
const BEHIND: usize = 16;

pub(super) struct Feed {
    root: NodeRef,
    /// Of the dashboard, which owns what looks and serves.
    spawner: Spawner,
    own: NodeId,
    /// The program's.
    runtime: Handle,
    nodes: usize,
    letters: LetterLog,
    tracker: Mutex<Tracker>,
    state: Mutex<State>,
    #[cfg(feature = "metrics")]
    registry: prometheus_client::registry::Registry,
}

#[derive(Default)]
struct State {
    view: Option<Arc<View>>,
    viewers: Vec<Viewer>,
    end: Option<End>,
}

struct Viewer {
    events: mpsc::Sender<Bytes>,
    hangup: Option<CancellationToken>,
}

/// Why nothing more comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// What is shown has ended, or is ending.
    System,
    /// The dashboard alone was told to end.
    Dashboard,
}

impl Feed {
    pub(super) fn new(options: &DashboardOptions, root: NodeRef, spawner: Spawner) -> Self {
        #[cfg(feature = "metrics")]
        let registry = {
            let mut registry = prometheus_client::registry::Registry::default();
            let metrics = crate::metrics::TreeMetrics::new(root.clone());
            registry.register_collector(Box::new(metrics));
            registry
        };
        let own = spawner.node().id();
        let ends = EndLog::new(root.ends(ROOM), own);
        Self {
            own,
            spawner,
            runtime: Handle::current(),
            nodes: options.nodes,
            letters: options.letters.clone(),
            tracker: Mutex::new(Tracker::new(options.rows, ends)),
            state: Mutex::default(),
            #[cfg(feature = "metrics")]
            registry,
            root,
        }
    }

    pub(super) fn root(&self) -> &NodeRef {
        &self.root
    }

    pub(super) fn spawner(&self) -> &Spawner {
        &self.spawner
    }

    #[cfg(feature = "metrics")]
    pub(super) fn registry(&self) -> &prometheus_client::registry::Registry {
        &self.registry
    }

    /// The last ends, as of the last look.
    pub(super) fn last_ends(&self) -> EndsForm {
        lock(&self.tracker).last_ends()
    }

    /// Looks once and tells all viewers what is different. `false` if there is nothing to be seen any more.
    pub(super) fn look(&self) -> bool {
        let options = SnapshotOptions::new().nodes(self.nodes);
        // Before the look: one that ends in between is counted neither here nor there.
        let tasks = self.runtime.metrics().num_alive_tasks();
        let mut snapshot = self.root.snapshot_with(&options);
        if snapshot.nodes.is_empty() {
            self.end(End::System);
            return false;
        }
        let foreign = tasks.saturating_sub(snapshot.tasks() + snapshot.left_out.total());
        self.leave_out_own(&mut snapshot);
        let letters = self.letters.counts();
        let (view, change) = lock(&self.tracker).see(&snapshot, letters, foreign);
        let mut state = lock(&self.state);
        state.view = Some(Arc::new(view));
        state.viewers.retain(|viewer| {
            let is_there = viewer.events.try_send(change.clone()).is_ok();
            if !is_there && let Some(hangup) = &viewer.hangup {
                hangup.cancel();
            }
            is_there
        });
        true
    }

    /// What the dashboard has beneath it changes with who looks at it.
    fn leave_out_own(&self, snapshot: &mut Snapshot) {
        // Each stands after its owner.
        let mut hidden = std::collections::HashSet::new();
        snapshot.nodes.retain(|node| {
            let owner = node.owner;
            let is_own = owner.is_some_and(|owner| owner == self.own || hidden.contains(&owner));
            if is_own {
                hidden.insert(node.id);
            }
            !is_own
        });
    }

    /// All there is now, and then each difference. After the end, only what was there last.
    pub(super) fn join(
        &self,
        hangup: Option<CancellationToken>,
    ) -> (Option<Bytes>, mpsc::Receiver<Bytes>) {
        let (events, receiver) = mpsc::channel(BEHIND);
        loop {
            let view = lock(&self.state).view.clone();
            // It may be large, so this is not done under the lock.
            let whole = view.as_ref().map(|view| view.whole());
            let mut state = lock(&self.state);
            let is_current = match (&view, &state.view) {
                (Some(view), Some(current)) => Arc::ptr_eq(view, current),
                (None, None) => true,
                _ => false,
            };
            if !is_current {
                continue;
            }
            // Those who have gone.
            state.viewers.retain(|viewer| !viewer.events.is_closed());
            if state.end.is_none() {
                state.viewers.push(Viewer { events, hangup });
            }
            return (whole, receiver);
        }
    }

    /// The dashboard is to end, with what it shows or alone.
    pub(super) fn close(&self) {
        let goes_on = matches!(self.root.phase(), Phase::Running | Phase::Starting);
        self.end(if goes_on { End::Dashboard } else { End::System });
    }

    fn end(&self, end: End) {
        let mut state = lock(&self.state);
        state.end.get_or_insert(end);
        // Their streams end, once all has been taken that they were sent.
        state.viewers.clear();
    }

    pub(super) fn ended(&self) -> Option<End> {
        lock(&self.state).end
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
