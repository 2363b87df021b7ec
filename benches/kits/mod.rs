//! What each way of writing actors has to offer to be measured: the workloads in `work/` are written
//! once, for any [`Kit`], so that all have the same messages, producers and yields.

#![allow(dead_code, reason = "each bench uses a part of it")]

pub(crate) mod by_hand;
pub(crate) mod tenure;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;

use crate::runtime::{On, Threads};

/// How much fits into the mailbox of an actor that adds up.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Room {
    Bounded(usize),
    Unbounded,
}

impl Room {
    /// The default of tenure.
    pub(crate) const DEFAULT: Self = Self::Bounded(1_024);

    /// The default for this kit: unbounded, if it has no bounded mailboxes.
    pub(crate) fn usual<K: Kit>() -> Self {
        if K::has(Self::DEFAULT) {
            Self::DEFAULT
        } else {
            Self::Unbounded
        }
    }
}

/// In which order a node of a tree ends its children.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Order {
    /// Each is joined before the next is told to stop.
    YoungestFirst,
    AllAtOnce,
}

/// What an actor is told.
pub(crate) trait Payload: Send + Sync + 'static {
    fn new(n: u64) -> Self;
    fn value(&self) -> u64;
}

impl Payload for u64 {
    fn new(n: u64) -> Self {
        n
    }

    fn value(&self) -> u64 {
        *self
    }
}

/// A larger message: its value in each of its words.
pub(crate) struct Words<const N: usize>([u64; N]);

impl<const N: usize> Payload for Words<N> {
    fn new(n: u64) -> Self {
        Self([n; N])
    }

    fn value(&self) -> u64 {
        assert_eq!(self.0[0], self.0[N - 1], "the message arrives whole");
        self.0[0]
    }
}

/// Counts an actor from its start until the drop of its state.
pub(crate) struct Alive(Arc<AtomicU64>);

impl Alive {
    pub(crate) fn new(count: &Arc<AtomicU64>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Release);
    }
}

/// Waits until this many are alive. The time for that is not counted.
pub(crate) async fn until_alive(count: &AtomicU64, wanted: u64) {
    while count.load(Ordering::Acquire) != wanted {
        tokio::task::yield_now().await;
    }
}

/// A message that goes round a ring, with the number of hops that are left. Each member adds its weight.
#[derive(Clone, Copy)]
pub(crate) struct Hop {
    pub(crate) left: u64,
    pub(crate) sum: u64,
}

/// The state of a member of a ring; `R` refers to the next one.
pub(crate) struct Member<R> {
    pub(crate) next: Option<R>,
    pub(crate) weight: u64,
    /// Where the sum goes at the end.
    pub(crate) done: UnboundedSender<u64>,
}

impl<R> Member<R> {
    /// The next member and the message for it, unless the ring is done.
    pub(crate) fn take(&self, hop: Hop) -> Option<(&R, Hop)> {
        let sum = hop.sum + self.weight;
        let Some(left) = hop.left.checked_sub(1) else {
            self.done.send(sum).expect("the bench waits for the sum");
            return None;
        };
        let next = self.next.as_ref().expect("the ring is closed");
        Some((next, Hop { left, sum }))
    }
}

/// What a node of a tree starts: one node for each child in `widths[level]`, and so on down.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) widths: Arc<[u64]>,
    pub(crate) level: usize,
    pub(crate) order: Order,
    pub(crate) alive: Arc<AtomicU64>,
}

impl Plan {
    /// How many children the node has.
    pub(crate) fn width(&self) -> u64 {
        self.widths.get(self.level).copied().unwrap_or(0)
    }

    pub(crate) fn below(&self) -> Self {
        let mut plan = self.clone();
        plan.level += 1;
        plan
    }

    /// How many nodes the tree has, its root included.
    pub(crate) fn nodes(&self) -> u64 {
        let (mut nodes, mut width) = (1, 1);
        for children in self.widths.iter() {
            width *= children;
            nodes += width;
        }
        nodes
    }
}

/// A way of writing actors.
pub(crate) trait Kit: 'static {
    const NAME: &'static str;

    /// What actors are started in. It is closed after they have ended.
    type World: Send + Sync + 'static;
    /// An actor that adds up what it is told, with all that its stop needs.
    type Sum<P: Payload>: Send + Sync + 'static;
    type Sender<P: Payload>: Clone + Send + Sync + 'static;
    type Ring: Send + Sync + 'static;
    type Tree: Send + 'static;

    /// Runs work in a task, as programs do, and not on the thread that blocks.
    fn run<F>(on: &On, work: F) -> F::Output
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        on.run(work)
    }

    /// Whether senders wait when this much is in the mailbox.
    fn has(_room: Room) -> bool {
        true
    }

    fn open(threads: Threads) -> Self::World;
    fn close(world: Self::World) -> impl Future<Output = ()> + Send;

    fn sum<P: Payload>(world: &Self::World, room: Room, alive: Alive) -> Self::Sum<P>;
    fn sender<P: Payload>(sum: &Self::Sum<P>) -> Self::Sender<P>;
    fn tell<P: Payload>(to: &Self::Sender<P>, payload: P) -> impl Future<Output = ()> + Send;
    /// The sum of what it was told.
    fn ask<P: Payload>(to: &Self::Sender<P>) -> impl Future<Output = u64> + Send;
    /// As [`ask`](Kit::ask), for no longer than this.
    fn ask_within<P: Payload>(
        to: &Self::Sender<P>,
        limit: Duration,
    ) -> impl Future<Output = u64> + Send {
        async move {
            let asked = tokio::time::timeout(limit, Self::ask(to)).await;
            asked.expect("the limit is long enough")
        }
    }
    /// Returns when the actor has ended and, where the kit can tell, its state is dropped.
    fn stop<P: Payload>(sum: Self::Sum<P>) -> impl Future<Output = ()> + Send;

    /// Actors that each know the next one; the weights are 1, 2, 3 and so on.
    fn ring(
        world: &Self::World,
        members: u64,
        done: UnboundedSender<u64>,
    ) -> impl Future<Output = Self::Ring> + Send;
    /// Tells the first member of the ring.
    fn pass(ring: &Self::Ring, hop: Hop) -> impl Future<Output = ()> + Send;
    fn break_up(ring: Self::Ring) -> impl Future<Output = ()> + Send;

    fn tree(world: &Self::World, plan: Plan) -> Self::Tree;
    fn stop_tree(tree: Self::Tree) -> impl Future<Output = ()> + Send;

    /// The time from the order to stop until the actor has ended, with so many messages in its
    /// mailbox that nobody will handle. `None` for a kit whose stop handles them all first.
    fn stop_with_backlog(
        _world: &Self::World,
        _messages: u64,
    ) -> impl Future<Output = Option<Duration>> + Send {
        async { None }
    }
}
