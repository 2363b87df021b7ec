//! The lock and the atomics of what `tests/explore/` explores in all orders of steps: the standard library's or, there,
//! those of a model checker.
//!
//! A lock in a static is never one of these, and neither is an atomic whose order nothing relies on: each step of theirs
//! is one more that threads can be interrupted at.

#[cfg(all(test, tenure_loom))]
pub(crate) use loom::sync::{
    Mutex,
    atomic::{AtomicBool, AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence},
};
#[cfg(not(all(test, tenure_loom)))]
pub(crate) use std::sync::{
    Mutex,
    atomic::{AtomicBool, AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence},
};
