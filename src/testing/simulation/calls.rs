use std::collections::BTreeMap;
use std::task::Waker;

/// The calls that were made with [`Sim::call`](super::Sim::call) and are not over.
///
/// Wakers are a user's: whoever is handed one back drops it where the state of the run is free.
#[derive(Debug, Default)]
pub(super) struct Calls {
    open: BTreeMap<u64, Open>,
    next: u64,
}

#[derive(Debug, Default)]
struct Open {
    waker: Option<Waker>,
    /// After how many polls (of any node) its caller goes.
    goes_after: Option<u32>,
    has_gone: bool,
}

impl Calls {
    pub(super) fn enter(&mut self, goes_after: Option<u32>) -> u64 {
        let number = self.next;
        self.next += 1;
        let open = Open {
            goes_after,
            ..Open::default()
        };
        self.open.insert(number, open);
        number
    }

    /// Whether the caller has gone; if not, `waker` is woken when it does. Also a waker that is not needed any more.
    pub(super) fn poll(&mut self, number: u64, waker: Waker) -> (bool, Option<Waker>) {
        match self.open.get_mut(&number) {
            Some(open) if !open.has_gone => (false, open.waker.replace(waker)),
            open => (open.is_some(), Some(waker)),
        }
    }

    pub(super) fn leave(&mut self, number: u64) -> Option<Waker> {
        self.open.remove(&number)?.waker
    }

    /// Lets all callers go. Returns the wakers.
    pub(super) fn all_go(&mut self) -> Vec<Waker> {
        self.open.values_mut().filter_map(Open::go).collect()
    }

    /// Called after each poll. Returns the wakers of the callers that go now.
    pub(super) fn pass(&mut self) -> Vec<Waker> {
        let go = |open: &mut Open| match &mut open.goes_after {
            None => None,
            Some(0) => open.go(),
            Some(left) => {
                *left -= 1;
                None
            }
        };
        self.open.values_mut().filter_map(go).collect()
    }
}

impl Open {
    fn go(&mut self) -> Option<Waker> {
        self.has_gone = true;
        self.waker.take()
    }
}
