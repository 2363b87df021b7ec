//! Actors started, stopped and joined, one by one and as trees.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{nanos, timed};
use crate::harness::{Sides, Work, compare, grouped, scaled};
use crate::kits::{Alive, Kit, Order, Plan, Room, until_alive};
use crate::runtime::On;

pub(crate) fn table<S: Sides>(on: &On) {
    let actors = scaled(100_000);
    compare::<S, _>(on, &Spawn { actors });
    compare::<S, _>(on, &StopEach { actors });
    for order in [Order::YoungestFirst, Order::AllAtOnce] {
        compare::<S, _>(on, &StopTree::new(&[actors], order));
        compare::<S, _>(on, &StopTree::new(&[actors / 100, 100], order));
    }
    let million = StopTree::new(&[scaled(1_000), 1_000], Order::AllAtOnce);
    compare::<S, _>(on, &WholeTree(million));
    compare::<S, _>(on, &Cycle);
    let messages = scaled(1_000_000);
    compare::<S, _>(on, &Backlog { messages });
}

/// Until all run: the last one has replied to an ask.
pub(crate) struct Spawn {
    pub(crate) actors: u64,
}

impl Work for Spawn {
    fn name(&self) -> String {
        format!("spawn {}", grouped(self.actors))
    }

    fn operations(&self) -> u64 {
        self.actors
    }

    fn run<K: Kit>(&self, on: &On) -> Option<u64> {
        Some(spawn_and_stop::<K>(on, self.actors).0)
    }
}

/// The owner of many actors stops and joins each by itself.
pub(crate) struct StopEach {
    pub(crate) actors: u64,
}

impl Work for StopEach {
    fn name(&self) -> String {
        format!("stop and join {}, one by one", grouped(self.actors))
    }

    fn operations(&self) -> u64 {
        self.actors
    }

    fn run<K: Kit>(&self, on: &On) -> Option<u64> {
        Some(spawn_and_stop::<K>(on, self.actors).1)
    }
}

fn spawn_and_stop<K: Kit>(on: &On, actors: u64) -> (u64, u64) {
    let threads = on.threads;
    K::run(on, async move {
        let world = K::open(threads);
        let alive = Arc::<AtomicU64>::default();
        let room = Room::usual::<K>();
        let mut sums = Vec::new();
        let spawned = timed(async {
            let spawn = |_| K::sum::<u64>(&world, room, Alive::new(&alive));
            sums.extend((0..actors).map(spawn));
            let last = sums.last().expect("there are some");
            assert_eq!(K::ask(&K::sender(last)).await, 0);
        })
        .await;
        until_alive(&alive, actors).await;
        let stopped = timed(async {
            for sum in sums.into_iter().rev() {
                K::stop(sum).await;
            }
            // If a kit's join comes before the drop, this waits for the drop.
            until_alive(&alive, 0).await;
        })
        .await;
        K::close(world).await;
        (spawned, stopped)
    })
}

/// The root of a tree is stopped; no node is alive when the time ends.
pub(crate) struct StopTree {
    widths: Arc<[u64]>,
    order: Order,
}

impl StopTree {
    pub(crate) fn new(widths: &[u64], order: Order) -> Self {
        let widths = widths.into();
        Self { widths, order }
    }

    fn plan(&self) -> Plan {
        Plan {
            widths: Arc::clone(&self.widths),
            level: 0,
            order: self.order,
            alive: Arc::default(),
        }
    }
}

impl Work for StopTree {
    fn name(&self) -> String {
        let order = match self.order {
            Order::YoungestFirst => "youngest first",
            Order::AllAtOnce => "all at once",
        };
        let widths: Vec<_> = self.widths.iter().map(|width| grouped(*width)).collect();
        format!("stop a tree of {}, {order}", widths.join(" x "))
    }

    fn operations(&self) -> u64 {
        self.plan().nodes()
    }

    fn run<K: Kit>(&self, on: &On) -> Option<u64> {
        Some(grow_and_stop::<K>(on, self.plan()).1)
    }
}

/// The same, and the start of the tree with it.
pub(crate) struct WholeTree(StopTree);

impl Work for WholeTree {
    fn name(&self) -> String {
        self.0.name().replace("stop", "start and stop")
    }

    fn operations(&self) -> u64 {
        self.0.operations()
    }

    fn run<K: Kit>(&self, on: &On) -> Option<u64> {
        let (grown, stopped) = grow_and_stop::<K>(on, self.0.plan());
        Some(grown + stopped)
    }
}

fn grow_and_stop<K: Kit>(on: &On, plan: Plan) -> (u64, u64) {
    let threads = on.threads;
    K::run(on, async move {
        let world = K::open(threads);
        let alive = Arc::clone(&plan.alive);
        let nodes = plan.nodes();
        let mut tree = None;
        let grown = timed(async {
            tree = Some(K::tree(&world, plan));
            until_alive(&alive, nodes).await;
        })
        .await;
        let stopped = timed(async {
            K::stop_tree(tree.take().expect("it has grown")).await;
            until_alive(&alive, 0).await;
        })
        .await;
        assert_eq!(alive.load(Ordering::Acquire), 0);
        K::close(world).await;
        (grown, stopped)
    })
}

/// One actor after the other, each for one ask.
pub(crate) struct Cycle;

impl Work for Cycle {
    fn name(&self) -> String {
        "spawn, ask, stop".to_owned()
    }

    fn operations(&self) -> u64 {
        scaled(20_000)
    }

    fn run<K: Kit>(&self, on: &On) -> Option<u64> {
        let (laps, threads) = (self.operations(), on.threads);
        Some(K::run(on, async move {
            let world = K::open(threads);
            let alive = Arc::<AtomicU64>::default();
            let time = timed(async {
                for _ in 0..laps {
                    let sum = K::sum::<u64>(&world, Room::usual::<K>(), Alive::new(&alive));
                    assert_eq!(K::ask(&K::sender(&sum)).await, 0);
                    K::stop(sum).await;
                }
                until_alive(&alive, 0).await;
            })
            .await;
            K::close(world).await;
            time
        }))
    }
}

/// From the order to stop until the actor has ended and all that was queued is dropped.
pub(crate) struct Backlog {
    pub(crate) messages: u64,
}

impl Work for Backlog {
    fn name(&self) -> String {
        format!("stop with {} queued", grouped(self.messages))
    }

    fn operations(&self) -> u64 {
        self.messages
    }

    fn run<K: Kit>(&self, on: &On) -> Option<u64> {
        let (messages, threads) = (self.messages, on.threads);
        K::run(on, async move {
            let world = K::open(threads);
            let time = K::stop_with_backlog(&world, messages).await;
            K::close(world).await;
            time.map(nanos)
        })
    }
}
