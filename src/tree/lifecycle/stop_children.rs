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
/// A state machine to be polled and not a future, so that a draining actor can handle messages meanwhile (rule 4).
///
/// The code of the node has ended, or is between two messages. So nobody polls a scope among the children: its future
/// is kept, in the node's state for instance. What is beneath such a scope is told and joined here, as another level;
/// only its body ends with its future (rule 5).
///
/// Once the state is gone as well, somebody else holds the future of such a scope, and its body may still run. The
/// owner then waits for it as for any other child, within the scope's grace.
pub(crate) struct StopChildren {
    manner: Manner,
    /// The owner's state is gone, so that scopes whose futures others hold are waited for as well.
    is_state_gone: bool,
    top: Level,
    /// The scopes that are being gone through, each beneath the one before it.
    scopes: Vec<(Arc<dyn AnyNode>, Level)>,
    /// Children that are waited for from now on without a new order: plain tasks, and those that were told before.
    unwoken: Vec<Arc<dyn AnyNode>>,
    /// The bound of the owner's end, unless the owner is killed.
    bound: Option<Instant>,
    overdue: OverdueTimer,
}

impl StopChildren {
    pub(crate) fn new(manner: Manner) -> Self {
        Self {
            manner,
            is_state_gone: false,
            top: Level::new(),
            scopes: Vec::new(),
            unwoken: Vec::new(),
            bound: None,
            overdue: OverdueTimer::default(),
        }
    }

    /// As [`new`](StopChildren::new), for an owner whose state is gone, so that it no longer keeps the future of a
    /// scope: scopes are waited for as well.
    pub(crate) fn last(manner: Manner) -> Self {
        Self {
            is_state_gone: true,
            ..Self::new(manner)
        }
    }

    /// Whether everyone was told, so that only waiting is left.
    pub(crate) fn all_told(&self) -> bool {
        let inner = self.scopes.iter().map(|(_, level)| level);
        inner
            .chain([&self.top])
            .all(|level| level.step == LevelStep::AwaitAll)
    }

    /// When the owner is to be killed because of the bound of its end.
    pub(crate) fn bound(&self) -> Option<Instant> {
        self.bound
    }

    /// Ready once the node has no children. Until then the node's shell is woken whenever the next step is possible.
    pub(crate) fn poll(&mut self, owner: &Arc<dyn AnyNode>, cx: &mut Context<'_>) -> Poll<()> {
        let signals = owner.signals.load();
        if !signals.is_joining() {
            owner.signals.begin_joining();
        }
        if signals.is_told_to_end() || signals.has_child_exits() {
            self.update_manner(owner, signals);
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
                        scopes,
                        top,
                        overdue,
                        ..
                    } = self;
                    let (node, level) = match scopes.last() {
                        Some((scope, level)) => (scope, level),
                        None => (owner, &*top),
                    };
                    // In a restart nobody waits from outside, so it is named here what holds this up.
                    let naming = match signals.is_told_to_end() {
                        true => Naming::Nobody,
                        false => Naming::New,
                    };
                    let root = || level.awaited(node);
                    let blockers = ready!(overdue.poll(owner, root, naming, cx));
                    if !blockers.is_empty() {
                        warn_of(owner, blockers);
                    }
                    self.skip_overdue(owner);
                }
                Next::Gone if self.scopes.is_empty() => {
                    if !self.is_state_gone || !wait_for_kept_scopes(owner) {
                        owner.signals.end_joining();
                        return Poll::Ready(());
                    }
                    self.top.step = LevelStep::AwaitAll;
                    let root = || Some(Arc::clone(owner));
                    // A wait for the owner's end names what holds it up.
                    let overdue = &mut self.overdue;
                    drop(ready!(overdue.poll(owner, root, Naming::Nobody, cx)));
                }
                Next::Gone => self.leave_scope(owner),
            }
        }
    }

    /// Changes the manner if the owner has been told something else meanwhile.
    fn update_manner(&mut self, owner: &Arc<dyn AnyNode>, signals: Snapshot) {
        // For an actor, its `on_child_exit` decides about the failure of a child.
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
            // Everything beneath was killed with the owner.
            self.top.step = LevelStep::AwaitAll;
        }
    }

    /// The node whose children are being gone through.
    fn here<'a>(&'a self, owner: &'a Arc<dyn AnyNode>) -> &'a Arc<dyn AnyNode> {
        self.scopes.last().map_or(owner, |(scope, _)| scope)
    }

    fn advance(&mut self, owner: &Arc<dyn AnyNode>) -> Next {
        match self.scopes.last_mut() {
            Some((scope, level)) => {
                if scope.signals.load().is_killed() {
                    level.step = LevelStep::AwaitAll;
                }
                // A bound may be set at any time.
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

    /// A child that waits for its owner, directly or not, would never end. Wakes the waits on the way, so that one of
    /// them is refused.
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

    /// Tells the children that tasks wait for, or beneath which such a node is: directly, or through siblings that wait
    /// in turn, also for their own order.
    fn tell_awaited(&mut self, owner: &Arc<dyn AnyNode>, waits: TaskWaits) {
        for child in awaited_children(self.here(owner), waits) {
            self.tell(child);
        }
    }

    /// Leaves the scope that is being gone through, if nobody is left beneath it.
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

    /// Skips the children that do not yield. They stay owned, and the others are still stopped.
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
            // A plain task may still use the other children.
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

    /// Skips a scope beneath which something does not yield, so that its siblings are told. At the top there is nothing
    /// to go on to: those who wait report what is overdue.
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

/// Has the owner wait for the scopes that are left, whose futures somebody else holds. Their own time counts from here
/// on. `false` if there are none.
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

/// Counts and traces what holds up a restart, or an end that nobody asked for.
fn warn_of(owner: &Arc<dyn AnyNode>, blockers: Vec<Blocker>) {
    owner.shared.ends.count_unjoined(&blockers);
    let unjoined = Unjoined::new(blockers);
    tracing::warn!(
        name: "tenure.unjoined",
        %unjoined,
        "a restart or an end waits for what does not yield"
    );
}

/// The bound of this node's end; `None` once it is killed.
fn limit(node: &Arc<dyn AnyNode>) -> Option<Instant> {
    let killed = node.signals.load().is_killed();
    lock(&node.state).bound().filter(|_| !killed)
}
