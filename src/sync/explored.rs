//! The lock and the atomics of what `tests/explore/` explores in all orders of steps: the standard library's or, there,
//! those of a model checker.
//!
//! A lock in a plain static is never one of these, and neither is an atomic whose order nothing relies on: each step of
//! theirs is one more that threads can be interrupted at.

#[cfg(all(test, tenure_loom))]
pub(crate) use loom::sync::{
    Condvar, Mutex,
    atomic::{AtomicBool, AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence},
};
#[cfg(not(all(test, tenure_loom)))]
pub(crate) use std::sync::{
    Condvar, Mutex,
    atomic::{AtomicBool, AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence},
};

/// A static of what is explored: in an exploration each of its runs has one of its own.
macro_rules! explored_static {
    ($(#[$doc:meta])* static $name:ident: $type:ty = $value:expr;) => {
        #[cfg(not(all(test, tenure_loom)))]
        $(#[$doc])*
        static $name: $type = $value;

        #[cfg(all(test, tenure_loom))]
        loom::lazy_static! {
            static ref $name: $type = $value;
        }
    };
}

pub(crate) use explored_static;
