use std::task::Waker;

/// Those who wait until nobody else can go on.
#[derive(Debug, Default)]
pub(super) struct IdleWaits {
    wakers: Vec<Waker>,
    /// How often they have been woken.
    rounds: u64,
}

impl IdleWaits {
    pub(super) fn rounds(&self) -> u64 {
        self.rounds
    }

    pub(super) fn add(&mut self, waker: &Waker) {
        if !self.wakers.iter().any(|known| known.will_wake(waker)) {
            self.wakers.push(waker.clone());
        }
    }

    /// Nobody else is ready. Gives whom to wake.
    pub(super) fn take(&mut self) -> Vec<Waker> {
        self.rounds += u64::from(!self.wakers.is_empty());
        std::mem::take(&mut self.wakers)
    }
}
