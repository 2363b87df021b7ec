//! Looks at the tree, and sends what it sees to all viewers.

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

/// How many looks a viewer may lag behind.
const BEHIND: usize = 16;

pub(super) struct Feed {
    root: NodeRef,
    /// The dashboard's spawner: the dashboard owns the jobs that look and serve.
    spawner: Spawner,
    own: NodeId,
    /// The program's runtime.
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

/// Why the feed has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The tree that is shown has ended, or is ending.
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

    /// Looks once, and sends all viewers the changes. `false` if the tree has ended.
    pub(super) fn look(&self) -> bool {
        let options = SnapshotOptions::new().nodes(self.nodes);
        // Read before the look: a task that starts in between is then not taken for a foreign one.
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
        let before = state.view.replace(Arc::new(view));
        let viewers = std::mem::take(&mut state.viewers);
        drop(state);
        drop(before);
        self.send(viewers, &change);
        true
    }

    /// Sends viewers a change, and keeps those that are still there. Not under the lock: it wakes them.
    fn send(&self, mut viewers: Vec<Viewer>, change: &Bytes) {
        viewers.retain(|viewer| {
            let is_there = viewer.events.try_send(change.clone()).is_ok();
            if !is_there && let Some(hangup) = &viewer.hangup {
                hangup.cancel();
            }
            is_there
        });
        let mut state = lock(&self.state);
        if state.end.is_none() {
            state.viewers.append(&mut viewers);
        }
        drop(state);
        // Those are left that have missed the end of the feed meanwhile: this ends their streams.
        drop(viewers);
    }

    /// Leaves out what is beneath the dashboard, since that changes with each viewer.
    fn leave_out_own(&self, snapshot: &mut Snapshot) {
        // Each node comes after its owner.
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

    /// Gives the current view, and a receiver of the changes from then on. After the end, it gives only the last view.
    pub(super) fn join(
        &self,
        hangup: Option<CancellationToken>,
    ) -> (Option<Bytes>, mpsc::Receiver<Bytes>) {
        let (events, receiver) = mpsc::channel(BEHIND);
        loop {
            let view = lock(&self.state).view.clone();
            // Outside of the lock, since the text may be large.
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
            let is_gone = |viewer: &mut Viewer| viewer.events.is_closed();
            let gone: Vec<_> = state.viewers.extract_if(.., is_gone).collect();
            if state.end.is_none() {
                state.viewers.push(Viewer { events, hangup });
            }
            drop(state);
            drop(gone);
            return (whole, receiver);
        }
    }

    /// Ends the feed: the dashboard is told to end, alone or together with the tree that it shows.
    pub(super) fn close(&self) {
        let goes_on = matches!(self.root.phase(), Phase::Running | Phase::Starting);
        self.end(if goes_on { End::Dashboard } else { End::System });
    }

    fn end(&self, end: End) {
        let mut state = lock(&self.state);
        state.end.get_or_insert(end);
        let viewers = std::mem::take(&mut state.viewers);
        drop(state);
        // This ends their streams, after they have taken all that they were sent.
        drop(viewers);
    }

    pub(super) fn ended(&self) -> Option<End> {
        lock(&self.state).end
    }
}

/// Under these locks nobody is woken, and nothing is dropped that wakes somebody.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
