use std::task::Waker;

/// The waits until nobody else can go on.
#[derive(Debug, Default)]
pub(super) struct IdleWaits {
    wakers: Vec<Waker>,
    /// How often waits were woken.
    rounds: u64,
}

impl IdleWaits {
    pub(super) fn rounds(&self) -> u64 {
        self.rounds
    }

    /// Gives the waker back if there is one for the same.
    pub(super) fn add(&mut self, waker: Waker) -> Option<Waker> {
        if self.wakers.iter().any(|known| known.will_wake(&waker)) {
            return Some(waker);
        }
        self.wakers.push(waker);
        None
    }

    /// Called when nobody else is ready. Returns the wakers.
    pub(super) fn take(&mut self) -> Vec<Waker> {
        self.rounds += u64::from(!self.wakers.is_empty());
        std::mem::take(&mut self.wakers)
    }
}
