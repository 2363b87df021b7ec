//! For tests.
//!
//! Tests in many orders of events, each of which can be had again by a number, are in [`simulation`], behind the
//! feature of that name.

#[cfg(feature = "simulation")]
pub mod simulation;

#[cfg(feature = "simulation")]
pub use simulation::{
    Event, Fault, Faults, Finding, Outside, Participant, Schedule, Seeds, Sim, Simulation,
    SimulationError, Summary, simulate,
};
