use std::task::Waker;

use crate::sync::WakeList;

/// Those who wait for the end of a node. Nearly always there is one of them.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    first: Option<(u64, Waker)>,
    rest: Vec<(u64, Waker)>,
    last: u64,
}

impl Waiters {
    /// Lists one who waits, or keeps whom to wake if that is another now; gives the ticket, and
    /// what is to be dropped without the lock.
    pub(super) fn enter(&mut self, ticket: Option<u64>, waker: &Waker) -> (u64, Option<Waker>) {
        let mut all = self.first.iter_mut().chain(&mut self.rest);
        if let Some((known, stale)) = all.find(|(known, _)| Some(*known) == ticket) {
            let stale = (!stale.will_wake(waker)).then(|| std::mem::replace(stale, waker.clone()));
            return (*known, stale);
        }
        self.last += 1;
        let entry = (self.last, waker.clone());
        match self.first {
            None => self.first = Some(entry),
            Some(_) => self.rest.push(entry),
        }
        (self.last, None)
    }

    /// One who had waited does so no longer.
    pub(super) fn leave(&mut self, ticket: u64) -> Option<(u64, Waker)> {
        if let Some(first) = self.first.take_if(|(known, _)| *known == ticket) {
            return Some(first);
        }
        let index = self.rest.iter().position(|(known, _)| *known == ticket)?;
        Some(self.rest.swap_remove(index))
    }

    /// All, to be woken.
    pub(super) fn wake_all(&mut self, wakes: &mut WakeList) {
        let Some((_, first)) = self.first.take() else {
            // The first may have left before others.
            return wakes.extend(self.rest.drain(..).map(|(_, waker)| waker));
        };
        wakes.push(first);
        if !self.rest.is_empty() {
            wakes.extend(self.rest.drain(..).map(|(_, waker)| waker));
        }
    }
}
