//! Runs a script, and checks the rules after each step and at the end.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tenure::System;
use tokio::runtime::Runtime;
use tokio::time::sleep;

use crate::actor::Msg;
use crate::perform::{Here, Place, perform};
use crate::script::{Order, Script, Step};
use crate::world::{Boxed, ROOT, Sort, World};

/// After this time, everything that can go on by itself has done so.
const QUIET: Duration = Duration::from_secs(1_000);

/// For how many pauses an event may be late on a busy machine. In an order of events nothing is.
const LATE: u32 = 4_000;

/// Runs a script on several threads, in real time.
pub fn threaded(runtime: &Runtime, script: &Script) -> Result<(), String> {
    in_world(runtime, &World::new(false, false), script)
}

pub fn in_world(runtime: &Runtime, world: &Arc<World>, script: &Script) -> Result<(), String> {
    let driven = catch_unwind(AssertUnwindSafe(|| runtime.block_on(drive(world, script))));
    let verdict = world.verdict();
    world.clear();
    verdict?;
    driven.map_err(|_| String::from("the driver panicked"))
}

pub async fn drive(world: &Arc<World>, script: &Script) {
    let seen = Arc::clone(world);
    let mut builder = System::builder()
        .name("model")
        .on_dead_letter(move |letter| {
            if let Some(msg) = letter.downcast_ref::<Msg>() {
                seen.dead_letter(msg.id);
            }
        });
    if !world.simulated {
        builder = builder
            .child_grace(Duration::from_millis(60))
            .grace(Duration::from_millis(400));
    }
    let system = builder.start().expect("there is a runtime");
    let root = world.reserve(None, Sort::System, None);
    assert_eq!(root, ROOT);
    world.know(root, system.node(), None, Some(system.spawner()));
    let mut clients = Clients::new(world);
    for step in &script.steps.0 {
        match step {
            Step::Sleep(millis) => clients.meanwhile(sleep(world.millis(*millis))).await,
            Step::Yield(times) => {
                for _ in 0..*times {
                    clients.meanwhile(tokio::task::yield_now()).await;
                }
            }
            step => clients.add(&system, step.clone()),
        }
        clients.look().await;
        world.look();
    }
    if world.simulated {
        clients.meanwhile(sleep(QUIET)).await;
        world.is_quiet();
    }
    end(world, script, &system, &mut clients).await;
    world.at_the_end(&system);
}

async fn end(world: &Arc<World>, script: &Script, system: &System, clients: &mut Clients) {
    let stopping = world.orders(ROOT, script.end, || match script.end {
        Order::Stop => system.stop(),
        Order::Drain => system.drain(),
        Order::Kill => system.kill(),
    });
    let stopping = match script.within {
        Some(millis) => stopping.within(world.millis(millis)),
        None => stopping,
    };
    let outcome = clients.meanwhile(stopping).await;
    world.ended(ROOT, "the stop of the whole", &outcome);
    // Whoever waits for something in it has been told by then.
    let pause = Duration::from_millis(if world.simulated { 1_000 } else { 5 });
    for _ in 0..LATE {
        clients.meanwhile(sleep(pause)).await;
        if world.simulated || !world.has_open_asks() {
            break;
        }
    }
    world.all_are_answered();
    // The scopes of clients may wait for themselves. Their drop kills what is in them.
    clients.all.clear();
    for _ in 0..LATE {
        // What runs on for a moment may have given away another future.
        drop(world.take_given());
        sleep(pause).await;
        if world.simulated || !world.is_anything_left() {
            break;
        }
    }
}

/// The clients act from outside, all at once.
struct Clients {
    world: Arc<World>,
    all: Vec<Boxed>,
}

impl Clients {
    fn new(world: &Arc<World>) -> Self {
        let world = Arc::clone(world);
        Self {
            world,
            all: Vec::new(),
        }
    }

    fn add(&mut self, system: &System, step: Step) {
        let place = Place::Spawner(system.spawner());
        let mut here = Here::new(Arc::clone(&self.world), None, false, place);
        self.all.push(Box::pin(async move {
            // A failure of a client is its own affair.
            drop(perform(&mut here, std::slice::from_ref(&step)).await);
        }));
    }

    async fn look(&mut self) {
        self.meanwhile(std::future::ready(())).await;
    }

    /// Lets the clients go on while the future is awaited.
    async fn meanwhile<F: Future>(&mut self, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|cx| {
            self.all.extend(self.world.take_given());
            self.all.retain_mut(|client| {
                let poll = || Pin::new(client).poll(cx).is_pending();
                // A panic of a scope's body resumes here.
                catch_unwind(AssertUnwindSafe(poll)).unwrap_or_else(|panic| {
                    let text = panic.downcast_ref::<String>();
                    if !text.is_some_and(|text| text.starts_with("planned-")) {
                        self.world
                            .breach("a client has panicked, and was not made to");
                    }
                    false
                })
            });
            match future.as_mut().poll(cx) {
                Poll::Ready(output) => Poll::Ready(output),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }
}
