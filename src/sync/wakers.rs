use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Waker;

use slab::Slab;

use super::{Foreign, assert_unlocked, panic_message};

/// Wakes a waiter. The waker may be a user's. A panic in it is traced and fails nobody, and the other waiters are still
/// woken (rule 8).
#[inline]
pub(crate) fn wake(waker: Waker) {
    assert_unlocked();
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| waker.wake())) {
        let panic = panic_message(panic);
        tracing::warn!(name: "tenure.panic", panic, "a waker panicked");
    }
}

/// A waker that is kept under a lock.
pub(crate) type KeptWaker = Foreign<Waker>;

impl KeptWaker {
    /// Clones the waker, which may run user code.
    #[inline]
    pub(crate) fn clone_of(waker: &Waker) -> Self {
        assert_unlocked();
        Self::new(waker.clone())
    }

    pub(crate) fn will_wake(&self, waker: &Waker) -> bool {
        self.get().is_some_and(|known| known.will_wake(waker))
    }
}

/// Wakers that were collected under a lock, to be woken after it is released: a wake may drop a task and thereby run
/// user code.
#[derive(Debug, Default)]
#[must_use = "whoever waits stays asleep until these are woken"]
pub(crate) struct WakeList(Option<Gathered>);

#[derive(Debug)]
struct Gathered {
    first: KeptWaker,
    #[expect(clippy::box_collection, reason = "hardly any list has more than one")]
    rest: Option<Box<Vec<KeptWaker>>>,
}

impl WakeList {
    pub(crate) const fn new() -> Self {
        Self(None)
    }

    #[inline]
    pub(crate) fn push(&mut self, waker: KeptWaker) {
        match &mut self.0 {
            None => {
                self.0 = Some(Gathered {
                    first: waker,
                    rest: None,
                });
            }
            Some(gathered) => gathered.rest.get_or_insert_default().push(waker),
        }
    }

    #[inline]
    pub(crate) fn wake(self) {
        if let Some(gathered) = self.0 {
            gathered.wake();
        }
    }
}

impl Gathered {
    fn wake(self) {
        wake(self.first.into_inner());
        if let Some(rest) = self.rest {
            for waker in *rest {
                wake(waker.into_inner());
            }
        }
    }
}

impl Extend<KeptWaker> for WakeList {
    #[inline]
    fn extend<I: IntoIterator<Item = KeptWaker>>(&mut self, wakers: I) {
        for waker in wakers {
            self.push(waker);
        }
    }
}

/// The wakers of those who wait for one thing, kept under a lock. Each waiter enters and leaves in constant time, and
/// removes its own entry. There is nearly always just one.
///
/// No waker is cloned or dropped in here, since that may run user code: a wait that enters brings a spare clone, and
/// takes away the waker that was there.
#[derive(Debug, Default)]
pub(crate) struct WakerSet {
    first: WakerPlace,
    rest: Option<Box<Slab<Option<KeptWaker>>>>,
}

#[derive(Debug, Default)]
enum WakerPlace {
    #[default]
    Free,
    /// `None` once the waiter was woken.
    Taken(Option<KeptWaker>),
}

/// The place of a waiter, if it is listed.
pub(crate) type WakerKey = Option<u32>;

/// The key of the first place.
const FIRST: u32 = u32::MAX;

impl WakerSet {
    /// Lists `waker` to be woken. `false` if this needs a clone of it in `spare`.
    #[inline]
    pub(crate) fn enter(
        &mut self,
        key: &mut WakerKey,
        waker: &Waker,
        spare: &mut Option<KeptWaker>,
    ) -> bool {
        let known = key.and_then(|key| self.place(key));
        if let Some(Some(known)) = &known
            && known.will_wake(waker)
        {
            return true;
        }
        let Some(own) = spare.take() else {
            return false;
        };
        match known {
            Some(known) => *spare = known.replace(own),
            None => *key = Some(self.insert(own)),
        }
        true
    }

    /// Whether no waiter is listed, woken or not.
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self.first, WakerPlace::Free) && self.rest.is_none()
    }

    /// Removes a waiter. Returns its waker, to be dropped after the lock is released.
    #[inline]
    pub(crate) fn leave(&mut self, key: &mut WakerKey) -> Option<KeptWaker> {
        match key.take()? {
            FIRST => match std::mem::take(&mut self.first) {
                WakerPlace::Taken(waker) => waker,
                WakerPlace::Free => None,
            },
            key => {
                let rest = self.rest.as_mut()?;
                let left = rest.try_remove(key as usize);
                if rest.is_empty() {
                    self.rest = None;
                }
                left.flatten()
            }
        }
    }

    /// Adds all wakers to those to be woken.
    #[inline]
    pub(crate) fn wake_all(&mut self, wakes: &mut WakeList) {
        if let WakerPlace::Taken(waker) = &mut self.first {
            wakes.extend(waker.take());
        }
        if let Some(rest) = &mut self.rest {
            for (_, waker) in rest.iter_mut() {
                wakes.extend(waker.take());
            }
        }
    }

    fn insert(&mut self, waker: KeptWaker) -> u32 {
        if matches!(self.first, WakerPlace::Free) {
            self.first = WakerPlace::Taken(Some(waker));
            return FIRST;
        }
        let key = self.rest.get_or_insert_default().insert(Some(waker));
        // More do not fit into memory.
        u32::try_from(key).unwrap_or(FIRST)
    }

    fn place(&mut self, key: u32) -> Option<&mut Option<KeptWaker>> {
        match (key, &mut self.first) {
            (FIRST, WakerPlace::Taken(waker)) => Some(waker),
            (FIRST, WakerPlace::Free) => None,
            (key, _) => self.rest.as_mut()?.get_mut(key as usize),
        }
    }
}
