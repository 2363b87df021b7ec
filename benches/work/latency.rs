//! How long one ask takes while the runtime, or the actor that is asked, has other work.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::nanos;
use crate::harness::{Sides, Work, compare, percentile, scaled};
use crate::kits::{Alive, Kit, Room};
use crate::runtime::On;

/// A producer yields after this many messages.
const YIELD_EVERY: u64 = 64;

/// In the busy system, this many producers each tell an actor of their own without a pause.
const PRODUCERS: usize = 8;

pub(crate) fn table<S: Sides>(on: &On) {
    for busy in [Busy::System, Busy::Actor] {
        for thousandths in [500, 990, 999] {
            compare::<S, _>(on, &Latency { busy, thousandths });
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Busy {
    /// Other actors have work.
    System,
    /// Four producers tell the actor that is asked.
    Actor,
}

/// A percentile of the time that an ask takes.
pub(crate) struct Latency {
    busy: Busy,
    thousandths: usize,
}

impl Work for Latency {
    fn name(&self) -> String {
        let busy = match self.busy {
            Busy::System => "system",
            Busy::Actor => "actor",
        };
        let (whole, tenths) = (self.thousandths / 10, self.thousandths % 10);
        format!("ask of a busy {busy}, percentile {whole}.{tenths}")
    }

    fn operations(&self) -> u64 {
        1
    }

    fn run<K: Kit>(&self, on: &On) -> Option<u64> {
        let (busy, threads) = (self.busy, on.threads);
        // Without backpressure the queue of a busy actor has no bound.
        if busy == Busy::Actor && !K::has(Room::DEFAULT) {
            return None;
        }
        let mut samples = K::run(on, async move {
            let world = K::open(threads);
            let room = Room::usual::<K>();
            let spawn = |_| K::sum::<u64>(&world, room, Alive::new(&Arc::default()));
            let asked = spawn(0);
            let others: Vec<_> = match busy {
                Busy::System => (0..PRODUCERS).map(spawn).collect(),
                Busy::Actor => Vec::new(),
            };
            let mut targets: Vec<_> = others.iter().map(K::sender).collect();
            if busy == Busy::Actor {
                targets = vec![K::sender(&asked); PRODUCERS / 2];
            }
            let samples = ask_beside::<K>(&K::sender(&asked), targets).await;
            for sum in others {
                K::stop(sum).await;
            }
            K::stop(asked).await;
            K::close(world).await;
            samples
        });
        Some(percentile(&mut samples, self.thousandths))
    }
}

/// The times of asks, one after the other, while tasks of their own tell the targets.
async fn ask_beside<K: Kit>(asked: &K::Sender<u64>, targets: Vec<K::Sender<u64>>) -> Vec<u64> {
    let over = Arc::new(AtomicBool::new(false));
    let start = |target| tokio::spawn(keep_busy::<K>(target, Arc::clone(&over)));
    let producers: Vec<_> = targets.into_iter().map(start).collect();
    let mut samples = Vec::new();
    for _ in 0..scaled(20_000) {
        let start = Instant::now();
        K::ask(asked).await;
        samples.push(nanos(start.elapsed()));
    }
    over.store(true, Ordering::Relaxed);
    for producer in producers {
        producer.await.expect("a producer does not panic");
    }
    samples
}

/// Keeps an actor busy. At most so many messages wait for it, whatever its mailbox holds: otherwise the kits without
/// backpressure would have more to do.
async fn keep_busy<K: Kit>(target: K::Sender<u64>, over: Arc<AtomicBool>) {
    let mut told = 0;
    while !over.load(Ordering::Relaxed) {
        for _ in 0..YIELD_EVERY {
            K::tell(&target, 1).await;
            told += 1;
        }
        if told % (16 * YIELD_EVERY) == 0 {
            K::ask(&target).await;
        }
        tokio::task::yield_now().await;
    }
}
