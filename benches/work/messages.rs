//! Messages told and asked, to one actor, between two, round a ring and to many.

use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use tokio::sync::mpsc;

use super::timed;
use crate::harness::{Sides, Work, compare, grouped, scaled};
use crate::kits::{Alive, Hop, Kit, Payload, Room, Words};
use crate::runtime::On;

/// A producer lets others run after so many messages, whatever its mailbox makes it do.
const YIELD_EVERY: u64 = 256;

/// A time limit that no ask reaches.
const LIMIT: Duration = Duration::from_secs(60);

pub(crate) fn table<S: Sides>(on: &On) {
    for room in [Room::DEFAULT, Room::Unbounded] {
        for producers in [1, 4] {
            compare::<S, _>(on, &Tell::<u64>::new(producers, room));
        }
    }
    compare::<S, _>(on, &Tell::<Words<8>>::new(1, Room::DEFAULT));
    compare::<S, _>(on, &Tell::<Words<128>>::new(1, Room::DEFAULT));
    for within in [None, Some(LIMIT)] {
        compare::<S, _>(on, &Ask { askers: 1, within });
    }
    let within = None;
    compare::<S, _>(on, &Ask { askers: 64, within });
    compare::<S, _>(on, &Ring { members: 2 });
    compare::<S, _>(on, &Ring { members: 1_000 });
    compare::<S, _>(on, &FanOut { actors: 1_000 });
}

/// Many messages to one actor, which adds them up.
pub(crate) struct Tell<P> {
    producers: u64,
    room: Room,
    payload: PhantomData<fn(P)>,
}

impl<P> Tell<P> {
    pub(crate) fn new(producers: u64, room: Room) -> Self {
        Self {
            producers,
            room,
            payload: PhantomData,
        }
    }

    fn each(&self) -> u64 {
        scaled(400_000) / self.producers
    }
}

impl<P: Payload> Work for Tell<P> {
    fn name(&self) -> String {
        let room = match self.room {
            Room::Bounded(room) => format!("bounded {}", grouped(room as u64)),
            Room::Unbounded => "unbounded".to_owned(),
        };
        let bytes = size_of::<P>();
        format!(
            "tell, {} producer(s), {room}, {bytes} B",
            grouped(self.producers)
        )
    }

    fn operations(&self) -> u64 {
        self.each() * self.producers
    }

    fn run<K: Kit>(&self, on: &On) -> Option<u64> {
        let (producers, each, room) = (self.producers, self.each(), self.room);
        K::has(room).then_some(())?;
        let threads = on.threads;
        Some(K::run(on, async move {
            let world = K::open(threads);
            let sum = K::sum::<P>(&world, room, Alive::new(&Arc::default()));
            let sender = K::sender(&sum);
            let time = timed(async {
                let sender = &sender;
                concurrently((0..producers).map(|_| produce::<K, P>(sender.clone(), each))).await;
                let expected = producers * (1..=each).sum::<u64>();
                assert_eq!(settled::<K, P>(sender, expected).await, expected);
            })
            .await;
            drop(sender);
            K::stop(sum).await;
            K::close(world).await;
            time
        }))
    }
}

/// What the actor has added up. In one peer (xtra) an ask may overtake tells that were accepted
/// before it: it is asked again while the sum is short, but not for ever.
async fn settled<K: Kit, P: Payload>(of: &K::Sender<P>, expected: u64) -> u64 {
    for _ in 0..1_000 {
        let sum = K::ask(of).await;
        if sum >= expected {
            return sum;
        }
    }
    K::ask(of).await
}

async fn produce<K: Kit, P: Payload>(to: K::Sender<P>, messages: u64) {
    for n in 1..=messages {
        K::tell(&to, P::new(n)).await;
        if n.is_multiple_of(YIELD_EVERY) {
            tokio::task::yield_now().await;
        }
    }
}

/// Each in a task of its own.
async fn concurrently<F>(work: impl Iterator<Item = F>)
where
    F: Future<Output = ()> + Send + 'static,
{
    let tasks: Vec<_> = work.map(tokio::spawn).collect();
    for task in tasks {
        task.await.expect("a producer does not panic");
    }
}

/// Asks of one actor; each task asks one after the other.
pub(crate) struct Ask {
    pub(crate) askers: u64,
    /// Each has a time limit.
    pub(crate) within: Option<Duration>,
}

impl Ask {
    fn each(&self) -> u64 {
        scaled(64_000) / self.askers
    }
}

impl Work for Ask {
    fn name(&self) -> String {
        let limited = match self.within {
            None => "",
            Some(_) => ", with a deadline",
        };
        match self.askers {
            1 => format!("ask, one after the other{limited}"),
            askers => format!("ask, from {askers} tasks{limited}"),
        }
    }

    fn operations(&self) -> u64 {
        self.each() * self.askers
    }

    fn run<K: Kit>(&self, on: &On) -> Option<u64> {
        let (askers, each, threads) = (self.askers, self.each(), on.threads);
        let within = self.within;
        Some(K::run(on, async move {
            let world = K::open(threads);
            let room = Room::usual::<K>();
            let sum = K::sum::<u64>(&world, room, Alive::new(&Arc::default()));
            let sender = K::sender(&sum);
            K::tell(&sender, 7).await;
            let time = timed(async {
                let sender = &sender;
                concurrently((0..askers).map(|_| ask::<K>(sender.clone(), each, within))).await;
            })
            .await;
            drop(sender);
            K::stop(sum).await;
            K::close(world).await;
            time
        }))
    }
}

async fn ask<K: Kit>(of: K::Sender<u64>, asks: u64, within: Option<Duration>) {
    for _ in 0..asks {
        let sum = match within {
            None => K::ask(&of).await,
            Some(limit) => K::ask_within(&of, limit).await,
        };
        assert_eq!(sum, 7);
    }
}

/// One message that goes round; between two members it is a ping-pong.
pub(crate) struct Ring {
    pub(crate) members: u64,
}

impl Work for Ring {
    fn name(&self) -> String {
        match self.members {
            2 => "ping-pong by tell".to_owned(),
            members => format!("ring of {}", grouped(members)),
        }
    }

    fn operations(&self) -> u64 {
        scaled(200_000)
    }

    fn run<K: Kit>(&self, on: &On) -> Option<u64> {
        let (members, hops, threads) = (self.members, self.operations(), on.threads);
        Some(K::run(on, async move {
            let world = K::open(threads);
            let (done, mut sums) = mpsc::unbounded_channel();
            let ring = K::ring(&world, members, done).await;
            let time = timed(async {
                let hop = Hop {
                    left: hops - 1,
                    sum: 0,
                };
                K::pass(&ring, hop).await;
                let expected = hops / members * (1..=members).sum::<u64>();
                assert_eq!(sums.recv().await, Some(expected));
            })
            .await;
            K::break_up(ring).await;
            K::close(world).await;
            time
        }))
    }
}

/// One task tells many actors in turn.
pub(crate) struct FanOut {
    pub(crate) actors: u64,
}

impl FanOut {
    fn laps(&self) -> u64 {
        scaled(200_000) / self.actors
    }
}

impl Work for FanOut {
    fn name(&self) -> String {
        format!("fan-out to {}", grouped(self.actors))
    }

    fn operations(&self) -> u64 {
        self.laps() * self.actors
    }

    fn run<K: Kit>(&self, on: &On) -> Option<u64> {
        let (actors, laps, threads) = (self.actors, self.laps(), on.threads);
        Some(K::run(on, async move {
            let world = K::open(threads);
            let alive = Arc::<AtomicU64>::default();
            let room = Room::usual::<K>();
            let spawn = |_| K::sum::<u64>(&world, room, Alive::new(&alive));
            let sums: Vec<_> = (0..actors).map(spawn).collect();
            let time = timed(tell_all::<K>(sums.iter().map(K::sender).collect(), laps)).await;
            for sum in sums {
                K::stop(sum).await;
            }
            K::close(world).await;
            time
        }))
    }
}

async fn tell_all<K: Kit>(all: Vec<K::Sender<u64>>, laps: u64) {
    let mut told = 0;
    for lap in 1..=laps {
        for sender in &all {
            K::tell(sender, lap).await;
            told += 1;
            if told % YIELD_EVERY == 0 {
                tokio::task::yield_now().await;
            }
        }
    }
    for sender in &all {
        let expected = (1..=laps).sum::<u64>();
        assert_eq!(settled::<K, u64>(sender, expected).await, expected);
    }
}
