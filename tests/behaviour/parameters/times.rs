//! Graces, patience and timers.

use std::time::Duration;

use super::{HOUR, LONG, MS, SHORT, ended, row};
use crate::common::node::{Msg, Node};
use crate::common::{Check, Count, Log, paused};
use tenure::Timer;
use tenure::prelude::*;
use tokio::time::{MissedTickBehavior, sleep};

/// An actor in a handler that takes an hour.
async fn with_an_hour(spawner: &Spawner, check: &Check, grace: Option<Duration>) -> ActorRef<Msg> {
    let mut spec = ChildSpec::new(Node::new(check, &Log::default()));
    if let Some(grace) = grace {
        spec = spec.grace(grace);
    }
    let actor = spawner.spawn(spec).unwrap();
    actor.tell(Msg::Sleep(HOUR)).await.unwrap();
    while actor.node().backlog() > 0 {
        tokio::task::yield_now().await;
    }
    actor
}

#[test]
fn grace_of_a_node() {
    paused(async |check| {
        let graces = SHORT.into_iter().map(|time| (time, "cut short"));
        for (time, right) in graces.chain(LONG.into_iter().map(|time| (time, "in order"))) {
            let system = System::start().unwrap();
            let actor = with_an_hour(&system, &check, Some(time)).await;
            let stop = async { ended(&actor.stop().await) };
            row("ChildSpec::grace and stop", time, right, stop).await;
            let actor = with_an_hour(&system, &check, Some(time)).await;
            let drain = async { ended(&actor.drain().await) };
            row("ChildSpec::grace and drain", time, right, drain).await;
            system.kill().await.unwrap();

            let system = System::builder().child_grace(time).start().unwrap();
            let actor = with_an_hour(&system, &check, None).await;
            let stop = async { ended(&actor.stop().await) };
            row("Builder::child_grace and stop", time, right, stop).await;
            system.kill().await.unwrap();

            let system = System::start().unwrap();
            let actor = with_an_hour(&system, &check, Some(Duration::MAX)).await;
            let within = async { ended(&actor.stop().within(time).await) };
            row("Stopping::within", time, right, within).await;
            let actor = with_an_hour(&system, &check, Some(Duration::MAX)).await;
            let twice = async { ended(&actor.drain().within(Duration::MAX).within(time).await) };
            row("Stopping::within, set twice", time, right, twice).await;
            system.kill().await.unwrap();
        }
    });
}

#[test]
fn grace_of_a_system() {
    paused(async |check| {
        let graces = SHORT.into_iter().map(|time| (time, "cut short"));
        for (time, right) in graces.chain(LONG.into_iter().map(|time| (time, "in order"))) {
            for drain in [false, true] {
                let builder = System::builder().grace(time).child_grace(Duration::MAX);
                let system = builder.start().unwrap();
                with_an_hour(&system, &check, None).await;
                let end = async {
                    let ending = if drain { system.drain() } else { system.stop() };
                    ended(&ending.await)
                };
                row("Builder::grace", (time, drain), right, end).await;
            }
            let run = System::builder()
                .grace(time)
                .run(Node::new(&check, &Log::default()).on_start(|ctx| ctx.stop()));
            let run = async {
                match run.await {
                    Ok(()) => "in order",
                    // With a grace of zero the system itself may be cut short.
                    Err(RunError::CutShort(_)) if time.is_zero() => "in order",
                    Err(_) => "badly",
                }
            };
            row("Builder::grace and run", time, "in order", run).await;
        }
    });
}

#[test]
fn patience_of_a_system() {
    paused(async |check| {
        for time in SHORT.into_iter().chain(LONG) {
            let system = System::builder().patience(time).start().unwrap();
            with_an_hour(&system, &check, None).await;
            let kill = async { ended(&system.kill().await) };
            row("Builder::patience and kill", time, "killed", kill).await;
            let system = System::builder().patience(time).start().unwrap();
            let scope = async {
                let (spawner, check) = (system.spawner(), &check);
                let actor = with_an_hour(&spawner, check, Some(MS)).await;
                ended(&actor.stop().await)
            };
            row("Builder::patience and a cut", time, "cut short", scope).await;
            system.kill().await.unwrap();
        }
    });
}

const POLICIES: [MissedTickBehavior; 3] = [
    MissedTickBehavior::Burst,
    MissedTickBehavior::Delay,
    MissedTickBehavior::Skip,
];

type SetUp = Box<dyn Fn(&mut Context<Timed>) -> Timer + Send>;

/// Sets up a timer in its start.
struct Timed {
    set_up: SetUp,
    ticks: Count,
}

impl Actor for Timed {
    type Msg = ();

    async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        let timer = (self.set_up)(ctx);
        assert!(timer.is_active());
        Ok(())
    }

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        self.ticks.add();
        Ok(())
    }
}

/// How the timer behaves within 1.5 seconds: whether it gives a message, and whether it gives more than one each
/// millisecond.
async fn ticking(set_up: impl Fn(&mut Context<Timed>) -> Timer + Send + 'static) -> &'static str {
    let ticks = Count::default();
    let system = System::start().unwrap();
    let timed = Timed {
        set_up: Box::new(set_up),
        ticks: ticks.clone(),
    };
    let actor = system.start(timed).await.unwrap();
    sleep(1_500 * MS).await;
    let got = match ticks.get() {
        0 => "waits",
        1..=1_501 => "ticks",
        _ => "spins",
    };
    actor.stop().await.unwrap();
    system.stop().await.unwrap();
    got
}

#[test]
fn times_of_timers() {
    paused(async |_| {
        let short = SHORT.into_iter().map(|time| (time, "ticks"));
        for (time, right) in short.chain(LONG.into_iter().map(|time| (time, "waits"))) {
            let once = ticking(move |ctx| ctx.send_after(time, ()));
            row("send_after", time, right, once).await;
            let every = ticking(move |ctx| ctx.send_every(time, || ()));
            row("send_every", time, right, every).await;
            let quiet = ticking(move |ctx| ctx.receive_timeout(time, || ()));
            row("receive_timeout", time, right, quiet).await;
            for policy in POLICIES {
                let every = ticking(move |ctx| ctx.send_every_with(time, policy, || ()));
                row("send_every_with", (time, policy), right, every).await;
            }
        }
    });
}
