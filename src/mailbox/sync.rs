//! The lock and the atomics of the mailbox: the standard library's or, in
//! `tests/explore/mailbox.rs`, those of a model checker.

#[cfg(all(test, tenure_loom))]
pub(super) use loom::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicBool, AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering, fence},
};
#[cfg(not(all(test, tenure_loom)))]
pub(super) use std::sync::{
    Mutex,
    atomic::{AtomicBool, AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering, fence},
};

#[cfg(not(all(test, tenure_loom)))]
pub(super) use crate::sync::{Guard as MutexGuard, lock};

#[cfg(all(test, tenure_loom))]
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
