//! Runs tests in many orders of events, each of which a number reproduces: the feature `simulation`.
//!
//! ```toml
//! [dev-dependencies]
//! tenure = { version = "..", features = ["simulation"] }
//! ```
//!
//! A body is run once for each [seed](Seeds), on one thread and with a paused clock. The simulation has a list of
//! everything that this crate starts in it (actors, tasks, blocking jobs, systems) and of the body itself, and the seed
//! chooses which ready one is polled next. Time passes only when nobody is ready. If a test relies on something without
//! knowing it, such as which of two comes first, it fails in one of the runs, and the [`Finding`] comes with the one
//! line that replays it.
//!
//! ```
//! use tenure::prelude::*;
//! use tenure::testing::{Seeds, simulate};
//!
//! struct Counter(u32);
//!
//! impl Actor for Counter {
//!     type Msg = ReplyTo<u32>;
//!
//!     async fn handle(&mut self, reply: ReplyTo<u32>, _: &mut Context<Self>) -> tenure::Result {
//!         self.0 += 1;
//!         reply.send(self.0);
//!         Ok(())
//!     }
//! }
//!
//! simulate(Seeds::first(100), async |_sim| {
//!     tenure::scope(async |scope| {
//!         let counter = scope.spawn(Counter(0))?;
//!         let ask = |counter: ActorRef<_>| async move { counter.ask(|reply| reply).await };
//!         let first = scope.task(ask(counter.clone()))?;
//!         let second = scope.task(ask(counter))?;
//!         // `assert_eq!(first.await?, 1)` fails: `cargo test` says with which seed.
//!         assert_eq!(first.await? + second.await?, 3);
//!         Ok(())
//!     })
//!     .await
//! });
//! ```
//!
//! [The guide](guide) finds a bug with it in an actor that looks right.
//!
//! # What fails a run
//!
//! A panic of the body, or an error that it returns; a wake that never comes (nobody is ready, no timer is set, and
//! something waits: [`Finding::Stuck`]), which is shown as a tree with what each node waits for; something that
//! outlives the body and never ends; more polls or more virtual time than [allowed](Simulation::most_polls); and, if
//! each seed is run [twice](Simulation::twice), two runs that differ. A failure of an actor is handled as usual: it
//! goes to its owner, and on up to the body.
//!
//! What happened is shown as a list of [`Event`]s. Before that the run is made as plain as possible: with as few
//! departures as possible from first come, first served.
//!
//! # What goes wrong on purpose
//!
//! - [`Sim::at_each_await`] runs a body again and again and injects a fault at the first poll of an actor, at the
//!   second, and so on: it kills, stops or drains the actor, makes it panic, lets its caller go or its deadline pass.
//! - [`Faults`] happen at a rate: late polls, full mailboxes, failing starts, callers that go.
//!
//! # What a seed does not decide
//!
//! - Raw tasks (`tokio::spawn`, a `JoinSet`) run, but in tokio's own order. [`Summary::outside`] counts them.
//! - Threads run by themselves. Wakes from them are counted. A wait for a thread looks like a wait for ever: nobody is
//!   ready, so time passes at once. Only what tokio's own pool runs (`spawn_blocking`) is waited for.
//! - There is no real IO: the runtime has none, and tokio panics where IO is used.
//! - Tokio's `select!` and `join!` if not `biased`, the order of a `HashMap`, random numbers and the machine's clock.
//!   [`Sim::random`] gives numbers by seed, and [`Simulation::twice`] shows what leaks in. After `tokio::time::resume` time
//!   is the machine's.
//! - A blocking job is one poll: once it is chosen, it runs to its end. While it waits for an actor
//!   ([`blocking_ask`](crate::ActorRef::blocking_ask)), others are polled on the same thread. It panics if none of them
//!   can go on, because they wait for the body or for time, or have yielded to tokio. Delays ([`Faults::delays`]) end then
//!   before their time.
//! - A poll that never returns blocks the simulation, as it would block a thread. So does a raw task that is always ready,
//!   once nobody else is.
//! - Parallel steps on several threads, such as those inside a mailbox. They are explored by this crate's own tests.
//!
//! Polls are not subject to tokio's cooperative budget, which is for one task and would be used up by many. Polls are
//! only as fair as the seed: a task that yields until another has done something may be polled many times in between, by
//! priority up to 256 times. [`Sim::until_idle`] waits until all others have done what they can.

mod attempt;
mod calls;
mod choices;
mod fault;
#[cfg(any(doc, doctest))]
#[doc = include_str!("../../../docs/simulation.md")]
pub mod guide {}
mod idle;
mod looks;
mod nodes;
mod random;
mod ready;
mod report;
mod run;
mod schedule;
mod seeds;
mod shrink;
mod sim;
#[expect(clippy::module_inception, reason = "it holds the type of that name")]
mod simulation;
mod trace;
mod world;

pub use fault::{Fault, Faults};
pub use report::{Finding, SimulationError};
pub use run::Outside;
pub use schedule::Schedule;
pub use seeds::Seeds;
pub use sim::Sim;
pub use simulation::{Simulation, Summary, simulate};
pub use trace::{Event, Participant};
