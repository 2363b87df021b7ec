use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::time::Instant;

use super::stop_level::{Level, LevelStep, Manner, Next};
use crate::error::{Blocker, Kind, Unjoined};
use crate::sync::lock;
use crate::tree::node::signals::{Marks, Snapshot};
use crate::tree::node::{AT_ONCE, AnyNode, Awaited, Order, TaskWaits, request};
use crate::tree::waiting::{Naming, OverdueTimer, awaited_children, on_the_way};

/// Ends the children of a node, and joins them: tasks and blocking jobs first, all at once; then
/// the others, in the node's stop order.
///
/// It is a state machine to be polled, and not a future, so that a draining actor can go on
/// handling messages meanwhile (rule 4).
///
/// The code of the node has ended, or is between two messages. So a scope among the children is one whose
/// future somebody keeps, in the node's state for instance, and that nobody polls: what is beneath it is
/// told and joined here, as another level, and only its body goes with its future (rule 5).
///
/// Once the state is gone as well, such a scope is in the hands of somebody else, and may have a body that still
/// runs. Its owner then waits for it as for any other child, within the grace of the scope.
pub(crate) struct StopChildren {
    manner: Manner,
    /// The state of the owner is gone.
    last: bool,
    top: Level,
    /// The scopes that are being gone through, each beneath the one before it.
    scopes: Vec<(Arc<dyn AnyNode>, Level)>,
    /// Those that are waited for from now on, and are told nothing new: plain tasks, and who has been told before.
    unwoken: Vec<Arc<dyn AnyNode>>,
    /// The limit that whoever asked for the owner's end has set, until that is killed.
    bound: Option<Instant>,
    watch: OverdueTimer,
}

impl StopChildren {
    pub(crate) fn new(manner: Manner) -> Self {
        Self {
            manner,
            last: false,
            top: Level::new(),
            scopes: Vec::new(),
            unwoken: Vec::new(),
            bound: None,
            watch: OverdueTimer::default(),
        }
    }

    /// The same where nothing is left of the owner that could keep the future of a scope: it waits for the ends of
    /// those as well.
    pub(crate) fn last(manner: Manner) -> Self {
        Self {
            last: true,
            ..Self::new(manner)
        }
    }

    /// Whether all that is left to do is to wait.
    pub(crate) fn all_told(&self) -> bool {
        let inner = self.scopes.iter().map(|(_, level)| level);
        inner
            .chain([&self.top])
            .all(|level| level.step == LevelStep::AwaitAll)
    }

    /// When the owner is to be killed, because somebody's limit has passed.
    pub(crate) fn bound(&self) -> Option<Instant> {
        self.bound
    }

    /// Ready once the node has no children. Until then the node's shell is woken when there is
    /// something to go on with.
    pub(crate) fn poll(&mut self, owner: &Arc<dyn AnyNode>, cx: &mut Context<'_>) -> Poll<()> {
        let signals = owner.signals.load();
        if !signals.is_joining() {
            owner.signals.begin_joining();
        }
        if signals.is_told_to_end() || signals.has_child_exits() {
            self.heed(owner, signals);
        }
        loop {
            match self.advance(owner) {
                Next::TellSome(children) => {
                    let count = children.len();
                    self.tell_some(children);
                    if count == AT_ONCE {
                        cx.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                }
                Next::TellAwaited(waits) => self.tell_awaited(owner, waits),
                Next::Tell(child) => self.tell(child),
                Next::Adopt(scope) => {
                    self.refuse_cycles(owner);
                    scope.signals.adopt();
                    self.scopes.push((scope, Level::new()));
                }
                Next::Wait => {
                    self.refuse_cycles(owner);
                    let Self {
                        scopes, top, watch, ..
                    } = self;
                    let (node, level) = match scopes.last() {
                        Some((scope, level)) => (scope, level),
                        None => (owner, &*top),
                    };
                    // If nobody has asked for an end, nobody else says what holds this up.
                    let naming = match signals.is_told_to_end() {
                        true => Naming::Nobody,
                        false => Naming::New,
                    };
                    let root = || level.awaited(node);
                    let blockers = ready!(watch.poll(owner, root, naming, cx));
                    if !blockers.is_empty() {
                        warn_of(owner, blockers);
                    }
                    self.skip_overdue(owner);
                }
                Next::Gone if self.scopes.is_empty() => {
                    if !self.last || !wait_for_kept_scopes(owner) {
                        owner.signals.end_joining();
                        return Poll::Ready(());
                    }
                    self.top.step = LevelStep::AwaitAll;
                    let root = || Some(Arc::clone(owner));
                    // Whoever waits for the owner says what holds it up.
                    let watch = &mut self.watch;
                    drop(ready!(watch.poll(owner, root, Naming::Nobody, cx)));
                }
                Next::Gone => self.leave_scope(owner),
            }
        }
    }

    /// Looks at what the owner has been told meanwhile.
    fn heed(&mut self, owner: &Arc<dyn AnyNode>, signals: Snapshot) {
        // An actor decides itself what the failure of a child is.
        let failed = signals.has_child_exits() && owner.kind() != Kind::Actor;
        let manner = match self.manner {
            Manner::Finish | Manner::Drain if signals.is_stopped() || failed => Manner::Stop,
            Manner::Finish if signals.is_drained() => Manner::Drain,
            same => same,
        };
        if std::mem::replace(&mut self.manner, manner) != manner {
            self.top = Level::new();
            self.scopes.clear();
        }
        if signals.is_killed() {
            // All beneath have been killed with their owner.
            self.top.step = LevelStep::AwaitAll;
        }
    }

    /// Whose children are being gone through.
    fn here<'a>(&'a self, owner: &'a Arc<dyn AnyNode>) -> &'a Arc<dyn AnyNode> {
        self.scopes.last().map_or(owner, |(scope, _)| scope)
    }

    fn advance(&mut self, owner: &Arc<dyn AnyNode>) -> Next {
        match self.scopes.last_mut() {
            Some((scope, level)) => {
                if scope.signals.load().is_killed() {
                    level.step = LevelStep::AwaitAll;
                }
                // Whoever asked for the end of the owner may set a limit at any time.
                self.bound = limit(owner);
                level.advance(scope, self.manner).0
            }
            None => {
                let (next, bound) = self.top.advance(owner, self.manner);
                self.bound = bound;
                next
            }
        }
    }

    #[inline]
    fn tell(&mut self, child: Arc<dyn AnyNode>) {
        let is_told = child.signals.load().is_told_gently();
        request(&child, self.order());
        if is_told {
            self.unwoken.push(child);
        }
    }

    fn tell_some(&mut self, children: Vec<Arc<dyn AnyNode>>) {
        for child in children {
            if self.manner == Manner::Finish && child.signals.marks().has(Marks::TOKENLESS) {
                self.unwoken.push(child);
            } else {
                self.tell(child);
            }
        }
    }

    /// What is asked of a node that waits for whoever asks would never end: they are to look again.
    #[inline]
    fn refuse_cycles(&mut self, owner: &Arc<dyn AnyNode>) {
        if self.unwoken.is_empty() {
            return;
        }
        let unwoken = std::mem::take(&mut self.unwoken);
        for node in on_the_way(unwoken, self.here(owner)) {
            node.wake();
        }
    }

    /// Tells those for whose ends tasks wait, or what is beneath them; also where they wait for a sibling that waits for
    /// that, or for its own order.
    fn tell_awaited(&mut self, owner: &Arc<dyn AnyNode>, waits: TaskWaits) {
        for child in awaited_children(self.here(owner), waits) {
            self.tell(child);
        }
    }

    /// Nobody is left beneath the scope that is being gone through.
    fn leave_scope(&mut self, owner: &Arc<dyn AnyNode>) {
        let Some((scope, _)) = self.scopes.last() else {
            return;
        };
        if !scope.close_if_quiet() {
            return;
        }
        scope.signals.end_joining();
        let scope = self.scopes.pop().map(|(scope, _)| scope);
        let above = self.here(owner);
        if let (Some(scope), Some(table)) = (scope, &mut lock(&above.state).children) {
            table.set_idle(scope.node());
        }
    }

    /// Goes on without those that do not yield. They stay owned, and the others still get their
    /// stop.
    fn skip_overdue(&mut self, owner: &Arc<dyn AnyNode>) {
        let finishes = self.manner == Manner::Finish;
        let (node, level) = match self.scopes.last_mut() {
            Some((scope, level)) => (&*scope, level),
            None => (owner, &mut self.top),
        };
        let mut state = lock(&node.state);
        let Some(table) = &mut state.children else {
            return;
        };
        match level.step {
            // They may still use the others.
            LevelStep::AwaitTasks if finishes && table.has_plain_task() => {}
            LevelStep::AwaitTasks => level.step = LevelStep::after_tasks(table, node.stop_order()),
            LevelStep::Reverse(Some(key)) => {
                table.pass(key);
                level.step = LevelStep::Reverse(None);
            }
            LevelStep::AwaitAll => {
                drop(state);
                self.pass_scope(owner);
            }
            LevelStep::Begin
            | LevelStep::TellTasks
            | LevelStep::Reverse(None)
            | LevelStep::TellAll => {}
        }
    }

    /// What does not yield is beneath a scope: those beside that are told meanwhile. At the top nothing is
    /// left to go on to, and what is overdue is for those who wait to report.
    fn pass_scope(&mut self, owner: &Arc<dyn AnyNode>) {
        let Some((scope, _)) = self.scopes.pop() else {
            return;
        };
        let (above, level) = match self.scopes.last_mut() {
            Some((above, level)) => (&*above, level),
            None => (owner, &mut self.top),
        };
        if let Some(table) = &mut lock(&above.state).children
            && let Some(key) = table.key_of(scope.node())
        {
            table.pass(key);
        }
        if let LevelStep::Reverse(_) = level.step {
            level.step = LevelStep::Reverse(None);
        }
    }

    fn order(&self) -> Order {
        match self.manner {
            Manner::Stop => Order::Stop,
            Manner::Drain | Manner::Finish => Order::Drain,
        }
    }
}

/// The owner waits for the scopes that are left, whose futures are in the hands of somebody else: from here on their own
/// time counts. `false` if there are none.
pub(super) fn wait_for_kept_scopes(owner: &Arc<dyn AnyNode>) -> bool {
    let mut state = lock(&owner.state);
    let Some(table) = state.children.as_mut().filter(|table| !table.is_empty()) else {
        return false;
    };
    table.awaited = Awaited::All;
    for scope in table.scopes() {
        scope.signals.outlive_owner();
    }
    true
}

/// Counts and traces what holds up a restart or an end.
fn warn_of(owner: &Arc<dyn AnyNode>, blockers: Vec<Blocker>) {
    owner.shared.ends.count_unjoined(&blockers);
    let unjoined = Unjoined::new(blockers);
    tracing::warn!(
        name: "tenure.unjoined",
        %unjoined,
        "a restart or an end waits for what does not yield"
    );
}

/// When the end of this node becomes a kill, unless it is one.
fn limit(node: &Arc<dyn AnyNode>) -> Option<Instant> {
    let killed = node.signals.load().is_killed();
    lock(&node.state).bound().filter(|_| !killed)
}
