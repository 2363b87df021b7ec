//! The stall monitor: makes sure that every wait for the end of a node that lasts is looked at, in whatever task it is
//! and whatever the runtime's workers do.
//!
//! It is one thread of the process, started by the first wait on a runtime of several threads. It runs no user code: it
//! only wakes waits that have lasted. These wakes come from outside of the runtime, so any idle worker can take the
//! task. A runtime of one thread needs no monitor: each wait has a timer of its own, which is cheap there because no
//! other thread has to be woken for it, and which works on a paused clock.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::list::Stalls;
use crate::sync::explored::{Condvar, Mutex, explored_static};
use crate::sync::lock;
#[cfg(not(all(test, tenure_loom)))]
use crate::tree::launch::launch_thread;

#[cfg(all(test, tenure_loom))]
#[path = "../../../tests/explore/stalls.rs"]
mod explore;

/// How long a wait lasts at least before it is looked at.
pub(in crate::tree) const TICK: Duration = Duration::from_millis(10);

explored_static! {
    /// Systems with a wait that has to be looked at earlier than the monitor would. Of brief waits, only the first in a
    /// tick takes this lock.
    static MONITOR: Monitor = Monitor {
        state: Mutex::new(State {
            added: Vec::new(),
            is_running: false,
        }),
        news: Condvar::new(),
    };
}

struct Monitor {
    state: Mutex<State>,
    news: Condvar,
}

struct State {
    added: Vec<Arc<Stalls>>,
    is_running: bool,
}

/// Has the monitor look at a system's waits within a tick. `false` if the process may not start its
/// thread.
pub(in crate::tree) fn watch(stalls: &Arc<Stalls>) -> bool {
    let mut state = lock(&MONITOR.state);
    if !state.is_running {
        state.is_running = start();
        if !state.is_running {
            return false;
        }
    }
    state.added.push(Arc::clone(stalls));
    drop(state);
    MONITOR.news.notify_one();
    true
}

#[cfg(not(all(test, tenure_loom)))]
fn start() -> bool {
    launch_thread("tenure-monitor", || {
        let mut watched = WatchedSystems::default();
        loop {
            let news = wait_for_news(watched.next());
            watched.look(news, Instant::now());
        }
    })
}

/// An exploration runs the monitor on a thread of its own, with a clock that advances only when it has to.
#[cfg(all(test, tenure_loom))]
fn start() -> bool {
    true
}

/// The systems that have waits.
#[derive(Default)]
struct WatchedSystems(Vec<WatchedSystem>);

struct WatchedSystem {
    stalls: Arc<Stalls>,
    /// When to look at them.
    next: Instant,
}

impl WatchedSystems {
    fn next(&self) -> Option<Instant> {
        self.0.iter().map(|each| each.next).min()
    }

    /// Looks at the waits that are due. Systems with news are looked at a whole tick later.
    fn look(&mut self, news: Vec<Arc<Stalls>>, now: Instant) {
        for stalls in news {
            self.0.retain(|each| !Arc::ptr_eq(&each.stalls, &stalls));
            let next = now + TICK;
            self.0.push(WatchedSystem { stalls, next });
        }
        self.0.retain_mut(|each| {
            if each.next > now {
                return true;
            }
            let next = each.stalls.tick(now);
            next.inspect(|next| each.next = *next).is_some()
        });
    }
}

/// Sleeps until this moment, or until a system has news.
fn wait_for_news(until: Option<Instant>) -> Vec<Arc<Stalls>> {
    // The plain lock of std, because a condition variable needs its guard.
    let state = MONITOR.state.lock();
    let mut state = state.unwrap_or_else(PoisonError::into_inner);
    loop {
        if !state.added.is_empty() {
            return std::mem::take(&mut state.added);
        }
        state = match until.map(|until| until.saturating_duration_since(Instant::now())) {
            None => MONITOR
                .news
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner),
            Some(Duration::ZERO) => return Vec::new(),
            Some(time) => {
                let woken = MONITOR.news.wait_timeout(state, time);
                woken.unwrap_or_else(PoisonError::into_inner).0
            }
        };
    }
}
