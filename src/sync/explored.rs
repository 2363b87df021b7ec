//! The lock and the atomics of the code that `tests/explore/` explores in all orders of steps: normally those of the
//! standard library, in an exploration those of the model checker.
//!
//! Locks in plain statics, and atomics on whose order nothing relies, are not among these: each of their steps would be
//! one more at which threads can be interrupted.

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

/// A static of explored code. In an exploration each run has its own.
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
