use std::sync::Arc;
use std::task::Context;

use tokio::time::Instant;

use super::clock::Timer;
use super::exit::Exit;
use super::stop_children::StopChildren;
use super::stop_level::Manner;
use crate::error::Phase;
use crate::sync::lock;
use crate::tree::node::{AnyNode, Order, PolledBy, request};

/// The scopes that a node's code has opened, that were told to end, and that nobody polls: the code keeps their futures
/// in the state, for instance, and does something else. The node's shell does the work of their own shells (rule 5): it
/// tells and joins what is beneath them, and cuts a scope whose time is up.
#[derive(Default)]
pub(super) struct AttendedScopes {
    list: Vec<Attended>,
    timer: Timer,
    /// The owner had polled one of them at the last look, so it looks again at once.
    looks_again: bool,
}

struct Attended {
    scope: Arc<dyn AnyNode>,
    children: StopChildren,
    /// Only its future is left.
    is_quiet: bool,
}

impl Exit {
    /// Called before a poll of the node's code, if a scope beneath was told something: forgets who has polled the
    /// scopes.
    #[cold]
    pub(super) fn forget_polls(&self) {
        let mut pending = open_scopes(self.any());
        // A list, because scopes may be nested deeply (rule 15).
        while let Some(scope) = pending.pop() {
            scope.forget_poll();
            pending.append(&mut open_scopes(&scope));
        }
    }

    /// Called after a poll of the node's code: attends to the scopes beneath that this poll has not polled.
    #[cold]
    pub(super) fn attend_scopes(&mut self, cx: &mut Context<'_>) {
        let owner = Arc::clone(self.any());
        // A scope that is told something after this is seen at the next poll.
        owner.signals.look_at_scopes(false);
        let told = told_scopes(&owner);
        if !told.is_empty() {
            owner.signals.look_at_scopes(true);
        }
        self.clock().scopes().poll(told, cx);
    }
}

impl AttendedScopes {
    fn poll(&mut self, told: Vec<Arc<dyn AnyNode>>, cx: &mut Context<'_>) {
        let is_same = |one: &Arc<dyn AnyNode>, other: &Arc<dyn AnyNode>| one.id() == other.id();
        self.list
            .retain(|known| told.iter().any(|scope| is_same(scope, &known.scope)));
        for scope in told {
            if !self.list.iter().any(|known| is_same(&scope, &known.scope)) {
                self.list.push(Attended::new(scope));
            }
        }
        for attended in &mut self.list {
            attended.poll(cx);
        }
        // The code may have polled the scope once and then put it aside, with nothing else to wake it. A second look
        // shows whether the code still awaits the scope.
        let is_polled = self.list.iter().any(Attended::is_polled_by_owner);
        self.looks_again = is_polled && !self.looks_again;
        if self.looks_again {
            cx.waker().wake_by_ref();
        }
        let limits = self.list.iter().filter_map(Attended::limit);
        if let Some(first) = limits.min()
            && self.timer.poll(first, cx)
        {
            self.list.iter().for_each(Attended::cut_if_late);
        }
    }
}

impl Attended {
    fn new(scope: Arc<dyn AnyNode>) -> Self {
        Self {
            children: stop_children(&scope),
            is_quiet: false,
            scope,
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) {
        if self.scope.polled_by() != PolledBy::Nobody {
            // Somebody polls it, so its own shell does the work, though no longer than its time allows. If it is left
            // alone again, the children are gone through from the beginning.
            self.children = stop_children(&self.scope);
            return;
        }
        self.scope.signals.attend();
        while !self.is_quiet && self.children.poll(&self.scope, cx).is_ready() {
            self.is_quiet = self.scope.close_if_quiet();
        }
    }

    fn is_polled_by_owner(&self) -> bool {
        self.scope.polled_by() == PolledBy::Owner
    }

    /// When its time is up.
    fn limit(&self) -> Option<Instant> {
        self.scope.time_limit()
    }

    fn cut_if_late(&self) {
        if self.limit().is_some_and(|limit| limit <= Instant::now()) {
            request(&self.scope, Order::Cut);
        }
    }
}

fn stop_children(scope: &Arc<dyn AnyNode>) -> StopChildren {
    StopChildren::new(match scope.signals.load().is_stopped() {
        true => Manner::Stop,
        false => Manner::Drain,
    })
}

/// The scopes of this node's code that were told to end. A scope that was not told attends to the scopes within it
/// itself, unless nobody polls it.
fn told_scopes(owner: &Arc<dyn AnyNode>) -> Vec<Arc<dyn AnyNode>> {
    let mut told = Vec::new();
    let mut pending = open_scopes(owner);
    while let Some(scope) = pending.pop() {
        let signals = scope.signals.load();
        if signals.is_killed() || signals.is_adopted() || scope.phase() == Phase::Stopped {
            continue;
        }
        if signals.is_told_to_end() {
            told.push(scope);
        } else if scope.polled_by() == PolledBy::Nobody {
            pending.append(&mut open_scopes(&scope));
        }
    }
    told
}

fn open_scopes(node: &Arc<dyn AnyNode>) -> Vec<Arc<dyn AnyNode>> {
    let state = lock(&node.state);
    let table = state.children.as_ref();
    table.map_or_else(Vec::new, |table| table.scopes())
}
