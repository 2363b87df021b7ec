//! How often the most frequent operations allocate.
//!
//! Counted on the thread that runs everything, after a first round in which everything grows that grows only once.

mod common;

use allocation_counter::measure;
use common::current_thread;
use tenure::prelude::*;
use tokio::runtime::Runtime;

const ROUNDS: u64 = 1_000;

struct Sum(u64);

enum SumMsg {
    Add(u64),
    Get(ReplyTo<u64>),
}

impl Actor for Sum {
    type Msg = SumMsg;

    async fn handle(&mut self, msg: SumMsg, _ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            SumMsg::Add(n) => self.0 += n,
            SumMsg::Get(reply) => reply.send(self.0),
        }
        Ok(())
    }
}

/// How many allocations a round of twice the work makes more than a single one. That leaves out what the round itself
/// allocates.
fn of_rounds(runtime: &Runtime, round: impl AsyncFn(u64)) -> u64 {
    let count = |work| measure(|| runtime.block_on(round(work))).count_total;
    count(2 * ROUNDS);
    count(2 * ROUNDS) - count(ROUNDS)
}

#[test]
fn a_tell_does_not_allocate() {
    let runtime = current_thread();
    let system = runtime.block_on(async { System::start().unwrap() });
    let sum = system.spawn(Sum(0)).unwrap();
    let told = of_rounds(&runtime, async |tells| {
        for n in 0..tells {
            sum.tell(SumMsg::Add(n)).await.unwrap();
            if n % 10 == 0 {
                // The actor empties its mailbox, which is then filled once more.
                tokio::task::yield_now().await;
            }
        }
        tokio::task::yield_now().await;
    });
    assert_eq!(told, 0, "for {ROUNDS} tells");
    runtime.block_on(async { system.stop().await.unwrap() });
}

#[test]
fn a_tell_that_waits_for_room_does_not_allocate() {
    let runtime = current_thread();
    let system = runtime.block_on(async { System::start().unwrap() });
    let spec = ChildSpec::new(Sum(0)).mailbox(Mailbox::bounded(4));
    let sum = system.spawn(spec).unwrap();
    let told = of_rounds(&runtime, async |tells| {
        for n in 0..tells {
            sum.tell(SumMsg::Add(n)).await.unwrap();
        }
        tokio::task::yield_now().await;
    });
    assert_eq!(told, 0, "for {ROUNDS} tells");
    runtime.block_on(async { system.stop().await.unwrap() });
}

#[test]
fn an_ask_allocates_once_at_most() {
    let runtime = current_thread();
    let system = runtime.block_on(async { System::start().unwrap() });
    let sum = system.spawn(Sum(7)).unwrap();
    let asked = of_rounds(&runtime, async |asks| {
        for _ in 0..asks {
            assert_eq!(sum.ask(SumMsg::Get).await, Ok(7));
        }
    });
    assert!(asked <= ROUNDS, "{asked} for {ROUNDS} asks");
    runtime.block_on(async { system.stop().await.unwrap() });
}

#[test]
fn a_spawn_allocates_three_times_at_most() {
    let runtime = current_thread();
    let system = runtime.block_on(async { System::start().unwrap() });
    let round = || {
        let actors: Vec<_> = (0..ROUNDS).map(|n| system.spawn(Sum(n)).unwrap()).collect();
        // The actors are polled, because what an actor allocates at its start is a part of its spawn.
        runtime.block_on(async {
            tokio::task::yield_now().await;
            tokio::task::yield_now().await;
        });
        actors
    };
    let stop = |actors: Vec<ActorRef<SumMsg>>| {
        runtime.block_on(async {
            for actor in actors {
                actor.stop().await.unwrap();
            }
        });
    };
    stop(round());
    let mut actors = Vec::new();
    let spawned = measure(|| actors = round());
    stop(actors);
    // One allocation is the test's own vector.
    assert!(
        spawned.count_total <= 3 * ROUNDS + 1,
        "{spawned:?} for {ROUNDS} spawns"
    );
    runtime.block_on(async { system.stop().await.unwrap() });
}
