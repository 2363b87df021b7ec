//! The lock, and in debug builds a check that no user code runs under it.
//!
//! Values of users that are kept under a lock of the crate (wakers, messages, outputs) are wrapped in [`Foreign`]. In a
//! debug build its drop panics if the thread holds a lock, and so does a wake; any test that takes such a path finds
//! the mistake. A release build has neither the count nor the check.

#[cfg(not(all(test, tenure_loom)))]
use std::sync::{Mutex, PoisonError};

#[cfg(all(debug_assertions, not(all(test, tenure_loom))))]
pub(crate) use checked::{Foreign, Guard, assert_unlocked};
#[cfg(all(test, tenure_loom))]
pub(crate) use modelled::{Guard, lock};
#[cfg(all(not(debug_assertions), not(all(test, tenure_loom))))]
pub(crate) use std::sync::MutexGuard as Guard;
#[cfg(any(not(debug_assertions), all(test, tenure_loom)))]
pub(crate) use unchecked::{Foreign, assert_unlocked};

/// Locks and ignores poisoning: no user code runs under a lock of this crate, so no panic can leave the guarded value
/// half-changed.
#[cfg(not(all(test, tenure_loom)))]
#[inline]
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> Guard<'_, T> {
    let guard = mutex.lock().unwrap_or_else(PoisonError::into_inner);
    #[cfg(debug_assertions)]
    let guard = Guard::new(guard);
    guard
}

#[cfg(all(debug_assertions, not(all(test, tenure_loom))))]
mod checked {
    use std::cell::Cell;
    use std::fmt;
    use std::ops::{Deref, DerefMut};
    use std::sync::MutexGuard;

    thread_local! {
        /// How many locks of the crate this thread holds.
        static HELD: Cell<usize> = const { Cell::new(0) };
    }

    /// Called before user code runs.
    pub(crate) fn assert_unlocked() {
        // A second panic while one unwinds would abort.
        assert!(
            std::thread::panicking() || HELD.get() == 0,
            "code of a user's under a lock of the crate"
        );
    }

    /// A held lock, which is counted.
    pub(crate) struct Guard<'a, T: ?Sized> {
        guard: MutexGuard<'a, T>,
        _held: Held,
    }

    struct Held;

    impl Drop for Held {
        fn drop(&mut self) {
            HELD.set(HELD.get() - 1);
        }
    }

    impl<'a, T: ?Sized> Guard<'a, T> {
        pub(super) fn new(guard: MutexGuard<'a, T>) -> Self {
            HELD.set(HELD.get() + 1);
            Self { guard, _held: Held }
        }
    }

    impl<T: ?Sized> Deref for Guard<'_, T> {
        type Target = T;

        fn deref(&self) -> &T {
            &self.guard
        }
    }

    impl<T: ?Sized> DerefMut for Guard<'_, T> {
        fn deref_mut(&mut self) -> &mut T {
            &mut self.guard
        }
    }

    /// A user's value that is kept under a lock.
    pub(crate) struct Foreign<T>(Option<T>);

    impl<T> Foreign<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(Some(value))
        }

        pub(crate) fn get(&self) -> Option<&T> {
            self.0.as_ref()
        }

        pub(crate) fn into_inner(mut self) -> T {
            // Only this takes it out.
            self.0.take().expect("it is taken once")
        }
    }

    impl<T> Drop for Foreign<T> {
        fn drop(&mut self) {
            if self.0.is_some() && std::mem::needs_drop::<T>() {
                assert_unlocked();
            }
        }
    }

    impl<T> fmt::Debug for Foreign<T> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("Foreign(..)")
        }
    }
}

#[cfg(any(not(debug_assertions), all(test, tenure_loom)))]
mod unchecked {
    use std::fmt;

    #[inline(always)]
    pub(crate) fn assert_unlocked() {}

    /// A user's value that is kept under a lock.
    pub(crate) struct Foreign<T>(T);

    impl<T> Foreign<T> {
        #[inline(always)]
        pub(crate) fn new(value: T) -> Self {
            Self(value)
        }

        #[inline(always)]
        pub(crate) fn get(&self) -> Option<&T> {
            Some(&self.0)
        }

        #[inline(always)]
        pub(crate) fn into_inner(self) -> T {
            self.0
        }
    }

    impl<T> fmt::Debug for Foreign<T> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("Foreign(..)")
        }
    }
}

/// For an exploration: the model checker's locks, and plain locks in statics, which outlive its runs.
#[cfg(all(test, tenure_loom))]
mod modelled {
    use std::sync::PoisonError;

    pub(crate) use loom::sync::MutexGuard as Guard;

    pub(crate) trait Lock {
        type Guard<'a>
        where
            Self: 'a;

        fn guard(&self) -> Self::Guard<'_>;
    }

    impl<T: ?Sized> Lock for loom::sync::Mutex<T> {
        type Guard<'a>
            = Guard<'a, T>
        where
            T: 'a;

        fn guard(&self) -> Guard<'_, T> {
            self.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }

    impl<T: ?Sized> Lock for std::sync::Mutex<T> {
        type Guard<'a>
            = std::sync::MutexGuard<'a, T>
        where
            T: 'a;

        fn guard(&self) -> std::sync::MutexGuard<'_, T> {
            self.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }

    impl<M: Lock> Lock for std::sync::Arc<M> {
        type Guard<'a>
            = M::Guard<'a>
        where
            M: 'a;

        fn guard(&self) -> M::Guard<'_> {
            (**self).guard()
        }
    }

    pub(crate) fn lock<M: Lock + ?Sized>(mutex: &M) -> M::Guard<'_> {
        mutex.guard()
    }
}
