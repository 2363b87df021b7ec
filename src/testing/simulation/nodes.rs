use std::collections::HashMap;
use std::sync::Arc;
use std::task::Waker;

use super::ready::ReadyList;
use super::trace::{Event, Participant};
use super::world::BODY;
use crate::error::{Kind, Phase, StopReason};
use crate::observe::bounded;
use crate::tree::simulated::Shell;
use crate::tree::{AnyNode, NodeId};

/// The participants of a run, in the order in which they came, which gives their keys. The first is the body.
pub(super) struct Nodes {
    entries: Vec<NodeEntry>,
    keys: HashMap<NodeId, usize>,
    /// The keys of those that have not ended.
    alive: Vec<usize>,
}

struct NodeEntry {
    name: Participant,
    waker: Option<Waker>,
    /// `None` while it is polled, once it has ended, and for a scope.
    shell: Option<Shell>,
    /// `None` once it has ended.
    node: Option<Arc<dyn AnyNode>>,
    seen: LastLook,
    polls: u64,
}

/// What was seen at the last look.
struct LastLook {
    phase: Phase,
    accepted: u64,
    /// How many messages had left the mailbox.
    taken: u64,
    started: u64,
}

impl Nodes {
    pub(super) fn new() -> Self {
        let body = NodeEntry {
            name: Participant("the body".into()),
            waker: None,
            shell: None,
            node: None,
            seen: LastLook::nothing(),
            polls: 0,
        };
        Self {
            entries: vec![body],
            keys: HashMap::new(),
            alive: Vec::new(),
        }
    }

    pub(super) fn name(&self, key: usize) -> Participant {
        self.entries[key].name.clone()
    }

    pub(super) fn node(&self, key: usize) -> Option<&Arc<dyn AnyNode>> {
        self.entries[key].node.as_ref()
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Adds a node to be run, and the nodes above it that are not known yet.
    pub(super) fn add(
        &mut self,
        node: Arc<dyn AnyNode>,
        shell: Shell,
        ready: &Arc<ReadyList>,
        trace: &mut Vec<Event>,
    ) -> usize {
        let mut above = Vec::new();
        let mut next = node.node().owner();
        while let Some(owner) = next.filter(|owner| !self.keys.contains_key(&owner.node().id())) {
            above.push(Arc::clone(owner));
            next = owner.node().owner();
        }
        for owner in above.into_iter().rev() {
            self.enter(owner, trace);
        }
        let key = self.enter(node, trace);
        let entry = &mut self.entries[key];
        entry.waker = Some(ready.waker(key));
        entry.shell = Some(shell);
        key
    }

    fn enter(&mut self, node: Arc<dyn AnyNode>, trace: &mut Vec<Event>) -> usize {
        let key = self.entries.len();
        let owner = node.node().owner();
        let owner = owner.and_then(|owner| self.keys.get(&owner.node().id()));
        let owner = owner.map(|key| self.name(*key));
        let name = Participant(format!("{}#{key}", base_name(&node)).into());
        self.keys.insert(node.node().id(), key);
        self.alive.push(key);
        trace.push(Event::Spawned {
            node: name.clone(),
            owner,
        });
        self.entries.push(NodeEntry {
            name,
            waker: None,
            shell: None,
            node: Some(node),
            seen: LastLook::nothing(),
            polls: 0,
        });
        key
    }

    pub(super) fn are_alive(&self) -> bool {
        !self.alive.is_empty()
    }

    /// Whether any node with this key or a later one is still alive.
    pub(super) fn are_alive_since(&self, first: usize) -> bool {
        self.alive.last().is_some_and(|key| *key >= first)
    }

    pub(super) fn can_be_polled(&self, key: usize) -> bool {
        self.entries[key].shell.is_some()
    }

    /// Takes the shell for a poll.
    pub(super) fn take(&mut self, key: usize) -> Option<(Shell, Waker)> {
        let entry = &mut self.entries[key];
        entry.polls += 1;
        entry.shell.take().zip(entry.waker.clone())
    }

    pub(super) fn put_back(&mut self, key: usize, shell: Shell) {
        self.entries[key].shell = Some(shell);
    }

    pub(super) fn take_all(&mut self) -> Vec<Shell> {
        let shells = self.entries.iter_mut().map(|entry| entry.shell.take());
        shells.flatten().collect()
    }

    /// Records what has changed since the last look. Returns the ended nodes, to be dropped where user code may run.
    pub(super) fn look(&mut self, trace: &mut Vec<Event>) -> Vec<Arc<dyn AnyNode>> {
        let mut ended = Vec::new();
        let entries = &mut self.entries;
        self.alive.retain(|key| {
            let entry = &mut entries[*key];
            let is_there = entry.look(trace);
            if !is_there {
                ended.extend(entry.node.take());
            }
            is_there
        });
        ended
    }

    /// The live nodes by their live owner, in the order in which they came; those without one come under `None`.
    pub(super) fn by_owner(&self) -> HashMap<Option<usize>, Vec<usize>> {
        let mut by_owner: HashMap<_, Vec<_>> = HashMap::new();
        for key in self.alive.iter().copied() {
            by_owner.entry(self.owner_of(key)).or_default().push(key);
        }
        by_owner
    }

    fn owner_of(&self, key: usize) -> Option<usize> {
        let owner = self.node(key)?.node().owner()?;
        let key = *self.keys.get(&owner.node().id())?;
        self.node(key).is_some().then_some(key)
    }

    /// Its name if it takes part, otherwise its path.
    pub(super) fn name_of(&self, node: &Arc<dyn AnyNode>) -> String {
        match self.keys.get(&node.node().id()) {
            Some(key) => self.name(*key).to_string(),
            None => bounded(&node.node().path(node.type_name())).into_owned(),
        }
    }

    /// Whether its name or type matches.
    pub(super) fn is_called(&self, key: usize, name: &str) -> bool {
        key != BODY
            && self.node(key).is_some_and(|node| {
                node.node().name().as_deref() == Some(name)
                    || node.node().kind() == Kind::Actor && short(node.type_name()) == name
            })
    }
}

impl NodeEntry {
    /// Records what has changed. `false` if it has ended.
    fn look(&mut self, trace: &mut Vec<Event>) -> bool {
        let Some(node) = &self.node else {
            return false;
        };
        let name = || self.name.clone();
        let (taken, _) = node.progress();
        let accepted = taken + node.backlog();
        if accepted > self.seen.accepted {
            let messages = accepted - self.seen.accepted;
            trace.push(Event::Told {
                node: name(),
                messages,
            });
            self.seen.accepted = accepted;
        }
        if taken > self.seen.taken {
            self.seen.taken = taken;
            // What is skipped, dropped or discarded is taken as well.
            let started = node.look_at_mail().map_or(0, |mail| mail.started);
            if started > self.seen.started {
                trace.push(Event::Handled {
                    node: name(),
                    messages: started - self.seen.started,
                    label: node.node().label(),
                });
                self.seen.started = started;
            }
        }
        let phase = node.node().phase();
        if phase == Phase::Stopped {
            let reason = node.node().reason();
            let reason = reason.as_ref().map_or("killed", how);
            trace.push(Event::Stopped {
                node: name(),
                reason,
            });
            return false;
        }
        if phase != self.seen.phase {
            trace.push(Event::Entered {
                node: name(),
                phase,
            });
            self.seen.phase = phase;
        }
        true
    }
}

impl LastLook {
    fn nothing() -> Self {
        Self {
            phase: Phase::Starting,
            accepted: 0,
            taken: 0,
            started: 0,
        }
    }
}

/// The reason without numbers of nodes, which differ from run to run.
fn how(reason: &StopReason) -> &'static str {
    match reason {
        StopReason::Finished => "finished",
        StopReason::Stopped => "stopped",
        StopReason::Drained => "drained",
        StopReason::Killed => "killed",
        StopReason::Failed(_) => "failed",
        StopReason::CutShort(_) => "cut short",
    }
}

fn base_name(node: &Arc<dyn AnyNode>) -> String {
    if let Some(name) = node.node().name() {
        return bounded(&name).into_owned();
    }
    let kind = match node.node().kind() {
        Kind::Actor => short(node.type_name()),
        Kind::Task => "task",
        Kind::Blocking => "blocking",
        Kind::Scope => "scope",
        Kind::System => "system",
    };
    kind.to_owned()
}

/// A type's name without its modules and parameters.
fn short(type_name: &str) -> &str {
    let plain = type_name.split('<').next().unwrap_or(type_name);
    plain.rsplit("::").next().unwrap_or(plain)
}
