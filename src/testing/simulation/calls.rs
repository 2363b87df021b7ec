use std::collections::BTreeMap;
use std::task::Waker;

/// The calls that were made with [`Sim::call`](super::Sim::call) and are not over.
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

    /// Whether the caller has gone; if not, `waker` is woken when it does.
    pub(super) fn poll(&mut self, number: u64, waker: &Waker) -> bool {
        let Some(open) = self.open.get_mut(&number) else {
            return false;
        };
        if !open.has_gone {
            open.waker = Some(waker.clone());
        }
        open.has_gone
    }

    pub(super) fn leave(&mut self, number: u64) {
        self.open.remove(&number);
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
