//! What the model knows: every node, message and wait, and what has happened to them.
//!
//! Under its lock no code of the crate is called that could run users' code, and no reference is dropped.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tenure::{ActorRef, NodeRef, Phase, Spawner};

use crate::actor::Msg;
use crate::script::{At, Child, Held, Millis, Order, Work};
use crate::waits::Waits;

/// A node's number, in the order in which the nodes were to be started.
pub type Tag = usize;

/// The system.
pub const ROOT: Tag = 0;

/// Among how many of the newest nodes one is picked.
const KNOWN: usize = 12;

pub type Boxed = Pin<Box<dyn Future<Output = ()> + Send>>;

pub struct World {
    /// It runs on one thread and a paused clock, so events have one order.
    pub simulated: bool,
    /// The simulation delays nothing on purpose.
    pub exact: bool,
    pub state: Mutex<State>,
}

#[derive(Default)]
pub struct State {
    /// Counts events, as a clock.
    pub now: u64,
    pub nodes: Vec<Node>,
    pub messages: Vec<Message>,
    pub waits: Waits,
    pub breaches: Vec<String>,
    log: Vec<String>,
    planned: usize,
    /// Futures that were given away, for whoever takes them.
    given: Vec<Boxed>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    System,
    Actor,
    Task(Work),
    Scope(Held),
}

pub struct Node {
    pub owner: Option<Tag>,
    pub sort: Sort,
    pub child: Option<Arc<Child>>,
    pub known: Option<NodeRef>,
    /// When it was first known to be in its owner's table.
    pub registered: Option<u64>,
    pub actor: Option<ActorRef<Msg>>,
    spawner: Option<Spawner>,
    /// How many of its states, recipes and futures are alive.
    pub pieces: isize,
    /// Some of its code has run.
    pub ran: bool,
    pub incarnations: Vec<Incarnation>,
    pub orders: Vec<Told>,
    pub phase: Phase,
    /// The outcome that all who asked were told.
    pub outcome: Option<String>,
    pub handling: Option<usize>,
    pub start_is_awaited: bool,
    /// It has asked for its own end.
    pub finishes: bool,
    /// Since when it may have been killed by the drop of the future of its scope or start.
    pub let_go: Option<u64>,
    /// It is a task whose failures are contained.
    pub contained: bool,
    /// The failures that its code was meant to have, and has had.
    pub failures: Vec<String>,
}

/// An order to end.
#[derive(Debug, Clone, Copy)]
pub struct Told {
    pub order: Order,
    /// The moment just before it was given.
    pub before: u64,
    /// A moment after it was given. On several threads, much may happen between the two.
    pub after: Option<u64>,
}

/// One incarnation of an actor.
#[derive(Debug, Default, Clone)]
pub struct Incarnation {
    pub began: u64,
    pub is_made: bool,
    /// Its recipe has returned the actor, so its hooks run from now on.
    pub is_given: bool,
    pub has_started: bool,
    pub panicked: bool,
    /// Its code has returned an error, perhaps one that is not a failure.
    pub has_erred: bool,
    pub on_stop: u32,
    pub on_stop_done: u32,
    pub on_drain: u32,
    pub dropped: Option<u64>,
    /// It has ended to be followed by another.
    pub is_followed: bool,
}

#[derive(Debug, Default, Clone)]
pub struct Message {
    pub sender: u64,
    pub target: Tag,
    /// It is an ask, whose caller may go.
    pub is_ask: bool,
    pub from_source: bool,
    pub accepted: Option<u64>,
    /// It was given back, or dropped with the future that was to send it.
    pub refused: bool,
    pub begun: Option<u64>,
    pub never_started: bool,
    pub caller_left: bool,
    pub dead: u32,
    pub dropped: bool,
    /// The actors to which its reply was forwarded.
    pub forwarded: Vec<Tag>,
}

impl World {
    pub fn new(simulated: bool, exact: bool) -> Arc<Self> {
        Arc::new(Self {
            simulated,
            exact,
            state: Mutex::default(),
        })
    }

    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn log(&self, text: impl Into<String>) {
        self.lock().log(text);
    }

    pub fn breach(&self, text: impl Into<String>) {
        let mut state = self.lock();
        let text = text.into();
        state.log(format!("BREACH: {text}"));
        state.breaches.push(text);
    }

    /// The breaches and the log of events, if there are breaches.
    pub fn verdict(&self) -> Result<(), String> {
        let state = self.lock();
        match state.breaches.as_slice() {
            [] => Ok(()),
            breaches => Err(format!(
                "{}\nwhat happened:\n  {}",
                breaches.join("\n"),
                state.log.join("\n  ")
            )),
        }
    }

    pub fn millis(&self, millis: Millis) -> Duration {
        let scale = if self.simulated { 1_000 } else { 40 };
        Duration::from_micros(u64::from(millis) * scale)
    }

    /// Notes a node that is about to be started.
    pub fn reserve(&self, owner: Option<Tag>, sort: Sort, child: Option<Arc<Child>>) -> Tag {
        let mut state = self.lock();
        let tag = state.nodes.len();
        state.log(format!(
            "#{tag} is to be started beneath {owner:?}: {sort:?}"
        ));
        state.nodes.push(Node {
            owner,
            sort,
            child,
            known: None,
            registered: None,
            actor: None,
            spawner: None,
            pieces: 0,
            ran: false,
            incarnations: Vec::new(),
            orders: Vec::new(),
            phase: Phase::Starting,
            outcome: None,
            handling: None,
            start_is_awaited: false,
            finishes: false,
            let_go: None,
            contained: false,
            failures: Vec::new(),
        });
        tag
    }

    /// Notes that a node has started.
    pub fn know(
        &self,
        tag: Tag,
        node: NodeRef,
        actor: Option<ActorRef<Msg>>,
        spawner: Option<Spawner>,
    ) {
        let mut state = self.lock();
        let now = state.tick();
        let entry = &mut state.nodes[tag];
        entry.registered.get_or_insert(now);
        // A reference that is known already must not be dropped under the lock.
        entry.known.get_or_insert(node);
        if let Some(actor) = actor {
            entry.actor.get_or_insert(actor);
        }
        if let Some(spawner) = spawner {
            entry.spawner.get_or_insert(spawner);
        }
    }

    pub fn pick_actor(&self, at: At) -> Option<(Tag, ActorRef<Msg>)> {
        self.pick(at, |node| node.actor.clone())
    }

    pub fn pick_node(&self, at: At) -> Option<(Tag, NodeRef)> {
        self.pick(at, |node| {
            node.known.clone().filter(|_| node.sort != Sort::System)
        })
    }

    pub fn pick_spawner(&self, at: At) -> Option<(Tag, Spawner)> {
        self.pick(at, |node| node.spawner.clone())
    }

    fn pick<T>(&self, at: At, what: impl Fn(&Node) -> Option<T>) -> Option<(Tag, T)> {
        let state = self.lock();
        let newest = state.nodes.iter().enumerate().rev();
        let found = newest.filter_map(|(tag, node)| what(node).map(|it| (tag, it)));
        let mut found: Vec<_> = found.take(KNOWN).collect();
        (!found.is_empty()).then(|| found.swap_remove(usize::from(at) % found.len()))
    }

    /// The text of a failure on purpose.
    pub fn plan(&self, tag: Option<Tag>) -> String {
        let mut state = self.lock();
        state.planned += 1;
        let text = format!("planned-{}.", state.planned);
        if let Some(tag) = tag {
            state.nodes[tag].failures.push(text.clone());
        }
        state.log(format!("#{tag:?} fails: {text}"));
        text
    }

    pub fn give(&self, future: Boxed) {
        self.lock().given.push(future);
    }

    pub fn take_given(&self) -> Vec<Boxed> {
        std::mem::take(&mut self.lock().given)
    }

    /// Notes that code of a node runs.
    pub fn runs(&self, tag: Tag) {
        self.lock().nodes[tag].ran = true;
    }

    /// Changes the current incarnation of an actor.
    pub fn incarnation<T>(
        &self,
        tag: Tag,
        change: impl FnOnce(&mut Incarnation, u64) -> T,
    ) -> Option<T> {
        let mut state = self.lock();
        let now = state.tick();
        state.nodes[tag]
            .incarnations
            .last_mut()
            .map(|incarnation| change(incarnation, now))
    }

    /// Drops all references, so that nothing keeps itself alive.
    pub fn clear(&self) {
        let (references, given) = {
            let state = &mut *self.lock();
            let nodes = state.nodes.iter_mut();
            let references: Vec<_> = nodes
                .map(|node| (node.known.take(), node.actor.take(), node.spawner.take()))
                .collect();
            (references, std::mem::take(&mut state.given))
        };
        drop((references, given));
    }
}

impl State {
    pub fn tick(&mut self) -> u64 {
        self.now += 1;
        self.now
    }

    pub fn log(&mut self, text: impl Into<String>) {
        let now = self.tick();
        self.log.push(format!("{now}: {}", text.into()));
    }

    pub fn breach(&mut self, text: impl Into<String>) {
        let text = text.into();
        self.log(format!("BREACH: {text}"));
        self.breaches.push(text);
    }

    /// The node, and those above it.
    pub fn upward(&self, tag: Tag) -> impl Iterator<Item = Tag> {
        std::iter::successors(Some(tag), |tag| self.nodes[*tag].owner)
    }

    /// Whether its code goes on whenever it can, and not only when somebody looks at the scope that it is in.
    pub fn is_polled_by_a_node(&self, tag: Tag) -> bool {
        let sorts = self.upward(tag).map(|tag| self.nodes[tag].sort);
        !sorts
            .take_while(|sort| matches!(sort, Sort::Scope(_)))
            .any(|sort| matches!(sort, Sort::Scope(Held::InState | Held::Elsewhere)))
    }

    pub fn is_beneath(&self, tag: Tag, above: Tag) -> bool {
        tag != above && self.upward(tag).any(|tag| tag == above)
    }

    /// The nodes beneath it that were started.
    pub fn beneath(&self, above: Tag) -> impl Iterator<Item = Tag> {
        (above + 1..self.nodes.len())
            .filter(move |tag| self.nodes[*tag].known.is_some() && self.is_beneath(*tag, above))
    }
}

/// A part of a node, whose destructor notes that it is gone.
pub struct Piece {
    pub world: Arc<World>,
    pub tag: Tag,
}

impl Piece {
    pub fn new(world: &Arc<World>, tag: Tag) -> Self {
        world.lock().nodes[tag].pieces += 1;
        Self {
            world: Arc::clone(world),
            tag,
        }
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        let mut state = self.world.lock();
        state.nodes[self.tag].pieces -= 1;
    }
}
