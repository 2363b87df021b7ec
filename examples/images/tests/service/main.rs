//! The service, seen from outside.

mod bad_input;
mod client;
mod disk;
mod jobs;
mod kills;
mod load;
mod pictures;
mod power;
mod process;
mod readme;
mod restarts;
mod running;
mod store_faults;
