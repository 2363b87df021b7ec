use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Instant;

use slab::Slab;

use super::monitor;
use super::monitor::TICK;
use crate::sync::explored::Mutex;
use crate::sync::{KeptWaker, WakeList, lock};

/// The waits of a system for ends of nodes, if they have no timer of their own. The [monitor](super::monitor) wakes
/// those that last.
///
/// Nearly every end is only one poll of another task away. A timer for each wait would cost more than the rest of the
/// stop, and a yield would invite an idle worker to steal the waiting task. So a wait is only listed here.
///
/// Invariants:
/// 1. A wait has an entry from its first poll until it is dropped. An entry without a waker has been woken and not
///    polled since.
/// 2. While there is an entry, the monitor watches the system. It looks here within a tick if `awake`, otherwise when
///    the first entry is due.
#[derive(Debug, Default)]
pub(crate) struct Stalls(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    waits: Slab<ListedWait>,
    /// The monitor looks at this system within a tick.
    awake: bool,
}

#[derive(Debug)]
struct ListedWait {
    waker: Option<KeptWaker>,
    due: Due,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    /// At the tick after the next, so that each wait lasts for at least a whole tick.
    AfterNextTick,
    AtNextTick,
    At(Instant),
    /// It is woken, or about to be.
    Now,
}

/// The entry of a wait, removed on drop.
#[derive(Debug)]
pub(in crate::tree) struct Listed {
    stalls: Arc<Stalls>,
    key: usize,
}

impl Listed {
    /// Lists a wait. `None` if there is no monitor, because the process may not start a thread.
    pub(in crate::tree) fn new(stalls: &Arc<Stalls>, waker: KeptWaker) -> Option<Self> {
        let mut state = lock(&stalls.0);
        if !state.wake_monitor(stalls) {
            return None;
        }
        let key = state.waits.insert(ListedWait {
            waker: Some(waker),
            due: Due::AfterNextTick,
        });
        Some(Self {
            stalls: Arc::clone(stalls),
            key,
        })
    }

    /// Ready when the wait has lasted for a tick, or the moment that was set last has come.
    pub(in crate::tree) fn poll(&self, waker: &Waker) -> Poll<()> {
        let mut state = lock(&self.stalls.0);
        let Some(entry) = state.waits.get_mut(self.key) else {
            return Poll::Ready(());
        };
        if entry.due == Due::Now {
            return Poll::Ready(());
        }
        let known = entry.waker.as_ref();
        if known.is_some_and(|known| known.will_wake(waker)) {
            return Poll::Pending;
        }
        drop(state);
        self.change_waker(waker)
    }

    #[cold]
    fn change_waker(&self, waker: &Waker) -> Poll<()> {
        let fresh = KeptWaker::clone_of(waker);
        let mut state = lock(&self.stalls.0);
        let Some(entry) = state.waits.get_mut(self.key) else {
            return Poll::Ready(());
        };
        let stale = entry.waker.replace(fresh);
        let due = entry.due == Due::Now;
        drop(state);
        drop(stale);
        if due { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Sets the moment of the next look.
    pub(in crate::tree) fn set(&self, at: Instant) {
        let mut state = lock(&self.stalls.0);
        if let Some(entry) = state.waits.get_mut(self.key) {
            entry.due = Due::At(at);
        }
        // The monitor was started before this wait was listed, and never ends, so this cannot fail.
        state.wake_monitor(&self.stalls);
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        let entry = lock(&self.stalls.0).waits.try_remove(self.key);
        drop(entry);
    }
}

impl State {
    /// Has the monitor look at `stalls`, whose state this is, within a tick; `false` if there is no monitor. The lock
    /// is held, so that nobody sees `awake` before the monitor knows.
    fn wake_monitor(&mut self, stalls: &Arc<Stalls>) -> bool {
        self.awake = self.awake || monitor::watch(stalls);
        self.awake
    }
}

impl Stalls {
    /// Wakes the waits that are due. Returns when to look again; `None` if there is no wait left to wake.
    pub(in crate::tree) fn tick(&self, now: Instant) -> Option<Instant> {
        let mut wakes = WakeList::new();
        let mut state = lock(&self.0);
        let mut next: Option<Instant> = None;
        for (_, entry) in &mut state.waits {
            match entry.due {
                Due::AfterNextTick => entry.due = Due::AtNextTick,
                Due::At(at) if at > now => {}
                Due::AtNextTick | Due::At(_) => {
                    entry.due = Due::Now;
                    wakes.extend(entry.waker.take());
                }
                Due::Now => continue,
            }
            let at = match entry.due {
                Due::AtNextTick => now + TICK,
                Due::At(at) => at,
                Due::AfterNextTick | Due::Now => continue,
            };
            next = Some(next.map_or(at, |first| first.min(at)));
        }
        state.awake = next.is_some_and(|next| next <= now + TICK);
        drop(state);
        wakes.wake();
        // A wait that was woken sets its next look itself.
        next
    }
}
