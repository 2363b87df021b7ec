//! For tests: what leaks, and what happens in other orders.
//!
//! - [`LeakCheck`] finds what is alive at the end of a test; `#[tenure::test]` does so around its body.
//! - [`simulation`] runs a test in many orders of events, behind the feature of that name.

mod leaks;
#[cfg(feature = "simulation")]
pub mod simulation;

pub use leaks::{LeakCheck, Leaks, TestOutput};
#[cfg(feature = "simulation")]
pub use simulation::{
    Event, Fault, Faults, Finding, Outside, Participant, Schedule, Seeds, Sim, Simulation,
    SimulationError, Summary, simulate,
};
