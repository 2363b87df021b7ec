use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::time::{Instant, Sleep, sleep_until};

use super::list::{Listed, Stalls};
use crate::sync::{KeptWaker, poll_timer};
use crate::tree::simulated;

/// Wakes a wait for an end once it has lasted, and after that at each moment that was set.
///
/// Nearly all waits are over before that, and set no timer.
#[derive(Debug, Default)]
pub(in crate::tree) enum LookTimer {
    #[default]
    New,
    /// It has yielded once, after which most waits are over.
    Yielded,
    /// On a runtime of one thread.
    Own(OwnTimer),
    /// Everywhere else.
    Listed(Listed),
    /// In a simulation, which distinguishes looks from timers of users.
    Simulated(Instant),
}

#[derive(Debug)]
pub(in crate::tree) struct OwnTimer {
    sleep: Pin<Box<Sleep>>,
    /// The waker of the last poll; `None` before it is polled.
    waker: Option<Waker>,
}

impl LookTimer {
    /// Ready when it is time to look. The caller then has to [set](LookTimer::set) the next time.
    pub(in crate::tree) fn poll(&mut self, stalls: &Arc<Stalls>, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::New => {
                *self = Self::begin(stalls, cx.waker());
                Poll::Pending
            }
            Self::Yielded => Poll::Ready(()),
            Self::Own(timer) => timer.poll(cx),
            Self::Listed(listed) => listed.poll(cx.waker()),
            Self::Simulated(at) => simulated::poll_look(*at, cx.waker()),
        }
    }

    /// Sets the time of the next look.
    pub(in crate::tree) fn set(&mut self, at: Instant) {
        match self {
            Self::Simulated(set) => *set = at,
            Self::New | Self::Yielded if simulated::is_here() => *self = Self::Simulated(at),
            Self::New | Self::Yielded => {
                *self = Self::Own(OwnTimer {
                    sleep: Box::pin(sleep_until(at)),
                    waker: None,
                });
            }
            Self::Own(timer) => {
                timer.sleep.as_mut().reset(at);
                timer.waker = None;
            }
            Self::Listed(listed) => {
                // The monitor uses the machine's clock.
                let left = at.saturating_duration_since(Instant::now());
                listed.set(std::time::Instant::now() + left);
            }
        }
    }

    fn begin(stalls: &Arc<Stalls>, waker: &Waker) -> Self {
        if !has_one_thread()
            && let Some(listed) = Listed::new(stalls, KeptWaker::clone_of(waker))
        {
            return Self::Listed(listed);
        }
        waker.wake_by_ref();
        Self::Yielded
    }
}

impl OwnTimer {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let known = self.waker.as_ref();
        if known.is_some_and(|known| known.will_wake(cx.waker())) && !self.sleep.is_elapsed() {
            return Poll::Pending;
        }
        self.waker = Some(cx.waker().clone());
        poll_timer(self.sleep.as_mut(), cx)
    }
}

/// Whether the code here runs on a runtime of one thread.
fn has_one_thread() -> bool {
    Handle::try_current().is_ok_and(|here| here.runtime_flavor() == RuntimeFlavor::CurrentThread)
}
