//! Tools for tests: for leaks, for the messages between actors, and for other orders of events. [The
//! guide](crate::guide::testing) shows all of them at work.
//!
//! - [`LeakCheck`] finds what is alive at the end of a test; [`#[tenure::test]`](macro@crate::test) puts it around the
//!   body of a test.
//! - A [`Probe`] replaces an actor and shows what it was sent. [`handle_once`], [`ask_once`] and [`with_context`] run
//!   an actor's code without a system.
//! - [`simulation`] runs a test in many orders of events, behind the feature of that name.

#[doc(hidden)]
pub mod for_macros;
mod leaks;
mod one_handler;
mod probe;
#[cfg(feature = "simulation")]
pub mod simulation;

pub use leaks::{LeakCheck, Leaks, TestOutput};
pub use one_handler::{ask_once, handle_once, with_context};
pub use probe::{Probe, ProbeActor};
#[cfg(feature = "simulation")]
pub use simulation::{
    Event, Fault, Faults, Finding, Outside, Participant, Schedule, Seeds, Sim, Simulation,
    SimulationError, Summary, simulate,
};
