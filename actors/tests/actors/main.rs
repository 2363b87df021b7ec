//! The ready-made actors: one program, which is linked once.

#[path = "../../../tests/common/mod.rs"]
mod common;
mod forwarding;
mod pool;
mod pool_blocking;
mod pool_dispatch;
mod pool_queue;
mod pool_size;
mod recorder;
