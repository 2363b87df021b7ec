use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Waker;

use slab::Slab;

use super::{Foreign, assert_unlocked, panic_message};

/// Wakes one who waits. The waker may be the user's, and a panic in it is nobody's here: it is traced,
/// and whoever else waits is woken all the same (rule 8).
#[inline]
pub(crate) fn wake(waker: Waker) {
    assert_unlocked();
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| waker.wake())) {
        let panic = panic_message(panic);
        tracing::warn!(name: "tenure.panic", panic, "a waker panicked");
    }
}

/// A waker under a lock.
pub(crate) type KeptWaker = Foreign<Waker>;

impl KeptWaker {
    /// Clones the waker, which is the user's code.
    #[inline]
    pub(crate) fn clone_of(waker: &Waker) -> Self {
        assert_unlocked();
        Self::new(waker.clone())
    }

    pub(crate) fn will_wake(&self, waker: &Waker) -> bool {
        self.get().is_some_and(|known| known.will_wake(waker))
    }
}

/// Wakers gathered under a lock, to be woken once it is released: a wake may drop a task, and with
/// it run user code.
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

/// Those who wait for one thing, under somebody's lock. Each enters and leaves in constant time, and
/// takes out itself what it has put in. Nearly always there is one of them.
///
/// No waker is cloned or dropped in here, since that may be the user's code: whoever enters brings a
/// spare one, and takes away the one that was there.
#[derive(Debug, Default)]
pub(crate) struct WakerSet {
    first: WakerPlace,
    rest: Option<Box<Slab<Option<KeptWaker>>>>,
}

#[derive(Debug, Default)]
enum WakerPlace {
    #[default]
    Free,
    /// Whose waker is `None` has been woken.
    Taken(Option<KeptWaker>),
}

/// Where one of those who wait is listed, if it is.
pub(crate) type WakerKey = Option<u32>;

/// That of the first.
const FIRST: u32 = u32::MAX;

impl WakerSet {
    /// It is `waker` that will be woken. `false` if a clone of it has to be in `spare` for that.
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

    /// Whether nobody is listed, woken or not.
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self.first, WakerPlace::Free) && self.rest.is_none()
    }

    /// One who had waited does so no longer.
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

    /// All, to be woken.
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
        // So many do not fit into memory.
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
