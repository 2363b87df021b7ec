use std::collections::HashSet;
use std::time::Duration;

use tokio::runtime::{Handle, RuntimeMetrics};
use tokio::time::{Instant, sleep};

use super::allowed::Allowed;
use super::report::Leaks;
use crate::observe::{NodeInfo, SnapshotOptions, is_task};
use crate::system::{RootWatch, System};
use crate::tree::{NodeId, NodeRef, simulated};

/// The default patience.
const PATIENCE: Duration = Duration::from_secs(1);

/// Without a limit: a task of a node that is left out would look like a raw one.
const EVERYTHING: SnapshotOptions = SnapshotOptions::new().nodes(usize::MAX);

/// The first pause between two looks, and the longest.
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// Finds what is alive at the end of a test and was not at its begin.
///
/// While it exists, it knows all roots ([`scope`](crate::scope()), [`System`]) that begin on its runtime, and thereby
/// everything beneath them. It ignores other runtimes, so tests that run at the same time do not see each other. While
/// no check exists in the process, this costs nothing.
///
/// [`finish`](LeakCheck::finish) looks for live nodes, and for tasks of the runtime that belong to no node: raw ones,
/// made by `tokio::spawn`. It looks again for a while ([`patience`](LeakCheck::patience)), as what was told to end may
/// be about to end.
///
/// ```
/// use tenure::prelude::*;
/// use tenure::testing::LeakCheck;
///
/// struct Till;
///
/// impl Actor for Till {
///     type Msg = u32;
///
///     async fn handle(&mut self, _: u32, _: &mut Context<Self>) -> tenure::Result {
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let check = LeakCheck::start();
/// let system = System::start().unwrap();
/// let till = system.spawn(ChildSpec::new(Till).name("till")).unwrap();
///
/// till.request_stop(); // and the system is not told to end
/// let leaks = check.finish().await.unwrap_err();
/// assert_eq!(leaks.nodes().len(), 1);
/// assert_eq!(leaks.nodes()[0].path, "/");
/// # system.stop().await.unwrap();
/// # }
/// ```
///
/// `#[tenure::test]` does this around the body of a test.
#[derive(Debug)]
#[must_use = "a leak check finds nothing until it is finished"]
pub struct LeakCheck {
    roots: RootWatch,
    /// Older roots. Only new nodes beneath them count.
    older: Vec<NodeRef>,
    /// What was alive beneath the older roots.
    known: HashSet<NodeId>,
    metrics: RuntimeMetrics,
    /// How many tasks belonged to no node at the begin.
    unexplained: usize,
    allowed: Allowed,
    patience: Duration,
    pub(super) limit: Option<Duration>,
}

impl LeakCheck {
    /// Begins to watch the current runtime.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    #[track_caller]
    pub fn start() -> Self {
        Self::on(&Handle::current())
    }

    /// Begins to watch a runtime.
    pub fn on(runtime: &Handle) -> Self {
        let metrics = runtime.metrics();
        Self {
            roots: RootWatch::new(runtime.id()),
            older: Vec::new(),
            known: HashSet::new(),
            unexplained: metrics.num_alive_tasks(),
            metrics,
            allowed: Allowed::default(),
            patience: PATIENCE,
            limit: None,
        }
    }

    /// Also watches an older tree of the same runtime: what begins beneath this node from now on and is alive at the
    /// end is found, but not what is alive now. New tasks of an older root that is not watched look like raw ones.
    pub fn beneath(mut self, node: &NodeRef) -> Self {
        let known = node.snapshot_with(&EVERYTHING).nodes;
        self.known.extend(known.iter().map(|node| node.id));
        self.older.push(node.clone());
        let (alive, explained) = (self.metrics.num_alive_tasks(), self.look().explained);
        self.unexplained = alive.saturating_sub(explained);
        self
    }

    /// How long it goes on looking, on the runtime's clock. The default is a second. With zero it looks once, without
    /// waiting.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Allows a node with this path, and everything beneath it, to be alive at the end. `/` stands for all trees
    /// without a name. The owners of an allowed node are alive then as well, and are found unless they are allowed.
    pub fn allow_path(mut self, path: impl Into<String>) -> Self {
        self.allowed.paths.push(path.into());
        self
    }

    /// Allows nodes of this type, and everything beneath them, to be alive at the end. The name is as in a snapshot,
    /// with or without the module: `shop::Till` or `Till`.
    pub fn allow_type(mut self, name: impl Into<String>) -> Self {
        self.allowed.types.push(name.into());
        self
    }

    /// Allows nodes that were spawned at this place, and everything beneath them, to be alive at the end. The place is
    /// a file, such as `shop.rs`, or a line of it, such as `shop.rs:7`.
    pub fn allow_site(mut self, site: impl Into<String>) -> Self {
        self.allowed.sites.push(site.into());
        self
    }

    /// Allows this many more tasks without a node than at the begin.
    pub fn allow_outside(mut self, tasks: usize) -> Self {
        self.allowed.outside = tasks;
        self
    }

    /// How long the test may take, on the runtime's clock: see [`run`](LeakCheck::run). There is no limit by default.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Looks for what is alive, again and again until nothing is or the patience is over.
    ///
    /// # Errors
    ///
    /// [`Leaks`] lists what is alive.
    ///
    /// # Panics
    ///
    /// On a runtime without a timer, unless the patience is zero.
    ///
    /// # Cancel safety
    ///
    /// Dropping it ends the check and has no other effect.
    pub async fn finish(self) -> Result<(), Leaks> {
        let begin = Instant::now();
        let mut pause = SHORTEST_PAUSE;
        loop {
            let leaks = self.leaks();
            if leaks.is_empty() {
                return Ok(());
            }
            let left = self.patience.saturating_sub(begin.elapsed());
            if left.is_zero() {
                return Err(leaks);
            }
            sleep(pause.min(left)).await;
            pause = LONGEST_PAUSE.min(2 * pause);
        }
    }

    fn leaks(&self) -> Leaks {
        // The tasks are counted first, so that a task that ends in between cannot look like a raw one.
        let tasks = self.metrics.num_alive_tasks();
        let found = self.look();
        let expected = found.explained + self.unexplained + self.allowed.outside;
        Leaks::new(found.leaked, tasks.saturating_sub(expected))
    }

    /// Everything that is watched, as a tree.
    pub(super) fn tree(&self) -> String {
        let roots = self.watched();
        roots
            .iter()
            .map(|root| root.snapshot().to_string())
            .collect()
    }

    fn watched(&self) -> Vec<NodeRef> {
        let mut roots = self.older.clone();
        roots.extend(self.roots.alive().into_iter().map(NodeRef::new));
        roots
    }

    fn look(&self) -> Findings {
        let mut look = Findings::default();
        for root in self.watched() {
            look.at(&root, self);
        }
        look
    }
}

/// What one look finds.
#[derive(Default)]
struct Findings {
    leaked: Vec<NodeInfo>,
    /// How many tasks of the runtime belong to nodes.
    explained: usize,
}

impl Findings {
    fn at(&mut self, root: &NodeRef, check: &LeakCheck) {
        // The depth of the allowed node beneath which everything is allowed.
        let mut allowed = None;
        for node in root.snapshot_with(&EVERYTHING).nodes {
            // In a simulation nodes are not tasks of the runtime.
            self.explained += usize::from(is_task(node.kind) && !simulated::is_here());
            if allowed.is_some_and(|depth| node.depth > depth) {
                continue;
            }
            allowed = check.allowed.covers(&node).then_some(node.depth);
            if allowed.is_none() && !check.known.contains(&node.id) {
                self.leaked.push(node);
            }
        }
    }
}

impl System {
    /// Begins to watch this system: what begins in it from now on and is alive when the check is
    /// [finished](LeakCheck::finish) is found. So is anything else that begins on its runtime meanwhile.
    ///
    /// ```
    /// # use tenure::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let system = System::start().unwrap();
    /// let check = system.check_leaks();
    /// // What is to leave nothing behind:
    /// let task = system.task(async {}).unwrap();
    /// task.await.unwrap();
    /// check.finish().await.unwrap();
    /// # system.stop().await.unwrap();
    /// # }
    /// ```
    pub fn check_leaks(&self) -> LeakCheck {
        let node = self.node();
        LeakCheck::on(&node.any().shared.handle).beneath(&node)
    }
}
