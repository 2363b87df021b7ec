//! Who sees to it that no wait for the end of a node lasts for ever, at no cost for those that are
//! over at once.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use slab::Slab;
use tokio::runtime::Handle;
use tokio::time::{Sleep, sleep};

use super::{AnyNode, Shared};
use crate::sync::lock;

/// How long a wait may last, at least, before it sets timers of its own.
const BRIEF: Duration = Duration::from_millis(10);

/// The waits of a system for the ends of nodes, for as long as they are brief.
///
/// Nearly every end is only a poll of another task away. A timer for each wait would cost more than
/// all else of a stop, and a yield instead of it invites an idle worker to carry the waiting task
/// off. So a wait is only listed here; the shell of the root, which runs no code but this crate's,
/// tells those that have lasted, and they set their timers then.
///
/// Invariants:
/// 1. Each wait has an entry from its first poll until it is dropped, or looks after itself.
/// 2. While there is an entry that has not been told, and the root's shell has not ended, that has a
///    timer set, or has been woken to set one.
#[derive(Debug, Default)]
pub(crate) struct Lookout(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    waits: Slab<Entry>,
    /// The root's shell, when it has last been polled.
    root: Option<Waker>,
    awake: bool,
    closed: bool,
}

#[derive(Debug)]
struct Entry {
    waker: Waker,
    age: Age,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Age {
    New,
    /// It has lasted for a tick, or a part of one.
    Seen,
    /// It has been told that it lasts.
    Told,
}

impl Lookout {
    /// Runs the shell of a system or scope; if that is a root, it looks out meanwhile.
    pub(crate) async fn keep<F: Future>(root: Arc<dyn AnyNode>, shell: F) -> F::Output {
        let mut shell = pin!(shell);
        let is_root = root.node().owner().is_none();
        let lookout = is_root.then(|| &root.node().shared.lookout);
        let mut timer = None;
        poll_fn(|cx| {
            let polled = shell.as_mut().poll(cx);
            if let (Poll::Pending, Some(lookout)) = (&polled, lookout) {
                lookout.poll_ticks(&mut timer, cx);
            }
            polled
        })
        .await
    }

    /// The root's shell has ended: whoever waits looks after itself.
    pub(super) fn close(&self) {
        let (wakers, root) = {
            let mut state = lock(&self.0);
            state.closed = true;
            (state.tell(|_| true), state.root.take())
        };
        wakers.into_iter().for_each(Waker::wake);
        // This is kept for as long as there are references, and the root's task must not be.
        drop(root);
    }

    /// Lists a wait; `None` if nobody looks out.
    fn enter(&self, waker: Waker) -> Option<usize> {
        let mut state = lock(&self.0);
        if state.closed {
            return None;
        }
        let age = Age::New;
        let key = state.waits.insert(Entry { waker, age });
        let root = match std::mem::replace(&mut state.awake, true) {
            true => None,
            false => state.root.clone(),
        };
        drop(state);
        if let Some(root) = root {
            root.wake();
        }
        Some(key)
    }

    /// Whether this wait has been told that it lasts.
    fn has_told(&self, key: usize, waker: &Waker) -> bool {
        let mut state = lock(&self.0);
        let Some(entry) = state.waits.get_mut(key) else {
            return true;
        };
        let stale = (!entry.waker.will_wake(waker))
            .then(|| std::mem::replace(&mut entry.waker, waker.clone()));
        let told = entry.age == Age::Told;
        drop(state);
        drop(stale);
        told
    }

    fn leave(&self, key: usize) {
        let entry = lock(&self.0).waits.try_remove(key);
        drop(entry);
    }

    fn poll_ticks(&self, timer: &mut Option<Pin<Box<Sleep>>>, cx: &mut Context<'_>) {
        while self.is_awake(cx.waker()) {
            let ticks = timer.get_or_insert_with(|| Box::pin(sleep(BRIEF)));
            if ticks.as_mut().poll(cx).is_pending() {
                return;
            }
            *timer = None;
            for waker in self.tick() {
                waker.wake();
            }
        }
    }

    fn is_awake(&self, root: &Waker) -> bool {
        let mut state = lock(&self.0);
        let stale = match &mut state.root {
            Some(known) if known.will_wake(root) => None,
            known => known.replace(root.clone()),
        };
        let awake = state.awake;
        drop(state);
        drop(stale);
        awake
    }

    /// Tells those that have seen a whole tick.
    fn tick(&self) -> Vec<Waker> {
        let mut state = lock(&self.0);
        let told = state.tell(|age| age == Age::Seen);
        let mut awake = false;
        for (_, entry) in &mut state.waits {
            if entry.age == Age::New {
                entry.age = Age::Seen;
                awake = true;
            }
        }
        state.awake = awake;
        told
    }
}

impl State {
    fn tell(&mut self, whom: impl Fn(Age) -> bool) -> Vec<Waker> {
        let mut wakers = Vec::new();
        for (_, entry) in &mut self.waits {
            if entry.age != Age::Told && whom(entry.age) {
                entry.age = Age::Told;
                wakers.push(entry.waker.clone());
            }
        }
        wakers
    }
}

/// The first part of a wait, which is nearly always all of it.
#[derive(Debug, Default)]
pub(super) enum Brief {
    #[default]
    New,
    Listed(Listed),
    Over,
}

/// A wait's entry, for as long as it has one.
#[derive(Debug)]
pub(super) struct Listed {
    shared: Arc<Shared>,
    key: usize,
}

impl Brief {
    /// Ready once the wait for the end of this node, or of one beneath it, lasts; it is to set its
    /// timers then.
    pub(super) fn poll(&mut self, node: &Arc<dyn AnyNode>, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::New => self.begin(node, cx),
            Self::Listed(listed) if !listed.has_told(cx.waker()) => Poll::Pending,
            Self::Listed(_) => {
                *self = Self::Over;
                Poll::Ready(())
            }
            Self::Over => Poll::Ready(()),
        }
    }

    /// Without a list: most waits are over after a yield.
    pub(super) fn yield_once(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if matches!(self, Self::New) {
            *self = Self::Over;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    }

    fn begin(&mut self, node: &Arc<dyn AnyNode>, cx: &mut Context<'_>) -> Poll<()> {
        let is_near = |shared: &Arc<Shared>| {
            // All workers of another runtime may be stuck, and the root's shell with them.
            Handle::try_current().map_or(true, |here| here.id() == shared.handle.id())
        };
        let shared = Some(&node.node().shared).filter(|shared| is_near(shared));
        let listed = shared.and_then(|shared| Listed::new(shared, cx.waker()));
        match listed {
            Some(listed) => *self = Self::Listed(listed),
            None => ready!(self.yield_once(cx)),
        }
        Poll::Pending
    }
}

impl Listed {
    fn new(shared: &Arc<Shared>, waker: &Waker) -> Option<Self> {
        let key = shared.lookout.enter(waker.clone())?;
        let shared = Arc::clone(shared);
        Some(Self { shared, key })
    }

    fn has_told(&self, waker: &Waker) -> bool {
        self.shared.lookout.has_told(self.key, waker)
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.shared.lookout.leave(self.key);
    }
}
