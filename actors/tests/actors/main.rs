//! The tests of the ready-made actors. They are one program, which is linked once.

mod batching;
mod caching;
#[path = "../../../tests/common/mod.rs"]
mod common;
mod forwarding;
mod gauge;
mod groups;
mod last_values;
mod layout;
mod limiting;
mod pool;
mod pool_blocking;
mod pool_dispatch;
mod pool_queue;
mod pool_size;
#[cfg(all(feature = "process", unix))]
mod processes;
mod pubsub;
mod recorder;
mod scheduling;
mod users_code;
