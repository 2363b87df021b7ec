//! Tests in many orders of events, each of which can be had again by a number: the feature `simulation`.
//!
//! ```toml
//! [dev-dependencies]
//! tenure = { version = "..", features = ["simulation"] }
//! ```
//!
//! A body is run once for each [seed](Seeds), on one thread and on a clock that is paused. Everything that this
//! crate starts in it (actors, tasks, blocking jobs, systems) and the body itself stand in a list of the
//! simulation's own, and the seed chooses which of those that are ready is polled next. Time passes only when
//! nobody is ready. What a test relies on without knowing it, such as who of two comes first, is different in
//! one of the runs, and a [`Finding`] comes with the one line that replays it.
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
//! A panic of the body, or an error that it returns; a wake that never comes (nobody is ready, no timer is set,
//! and something waits, [`Finding::Stuck`]), which is shown as the tree with what each waits for; something
//! that lives on after the body and never ends; more polls or more virtual time than
//! [allowed](Simulation::most_polls); and, if each seed is run [twice](Simulation::twice), two runs that
//! differ. A failure of an actor is what it is everywhere: it goes to its owner, and up to the body.
//!
//! What happened is shown as a list of [`Event`]s. Before that the run is made as plain as it can be: with as
//! few choices as possible that differ from first come, first served.
//!
//! # What goes wrong on purpose
//!
//! - [`Sim::at_each_await`] runs a body again and again and kills, stops or drains an actor, makes it panic, or
//!   lets its caller go or its deadline pass, at its first poll, at the second, and so on.
//! - [`Faults`] go wrong by rate: polls that come late, mailboxes that are full, starts that fail, callers that
//!   go.
//!
//! # What a seed does not decide
//!
//! - Raw tasks (`tokio::spawn`, a `JoinSet`) run, but in tokio's own order. [`Summary::outside`] counts them.
//! - Threads run by themselves. Wakes that come from one are counted. What waits for a thread looks as if it
//!   waited for ever, since nobody is ready: time is made to pass at once.
//! - Real IO is not there: the runtime has none, and tokio panics with that where it is asked for.
//! - `select!` and `join!` of tokio that are not `biased`, the order of a `HashMap`, random numbers and the
//!   machine's clock. [`Sim::random`] has numbers by seed, and [`Simulation::twice`] shows what leaks in.
//! - A blocking job is one poll: it runs to its end once it is chosen. Where it waits for an actor
//!   ([`blocking_ask`](crate::ActorRef::blocking_ask)), others are polled meanwhile, on the same thread. It panics
//!   if none of them can go on: they wait for the body, for time, or have yielded to tokio.
//! - One poll that never returns holds up the simulation as it would hold up a thread.
//! - What runs at the same time on several threads, and what the mailbox does between two instructions. That is
//!   this crate's part, and explored by itself.
//!
//! Each poll is free of tokio's budget for cooperation, which is for one task and would be used up by many.
//! Polls are fair only where the seed has them so: one that yields until another has done something may be
//! polled many times in between. [`Sim::until_idle`] waits until all others have done what they can.

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
