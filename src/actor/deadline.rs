use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Poll, Waker};

use tokio::time::Instant;

use crate::mailbox::{AskPosition, Caller, DropReason};
use crate::sync::{WakerKey, limit_at, moment};
use crate::tree::{Node, inherited_beside};

/// Until when something is of use: of tasks ([`TaskSpec::deadline`](crate::TaskSpec::deadline)) and scopes
/// ([`Scope::set_deadline`](crate::Scope::set_deadline)), which an [`Instant`] also serves. Whoever keeps a clone can
/// move it while they run, from anywhere.
///
/// ```
/// use std::time::Duration;
/// # use tenure::prelude::*;
/// use tenure::{Deadline, TaskSpec};
/// use tokio::time::Instant;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), RunError> {
/// tenure::scope(async |scope| {
///     let deadline = Deadline::at(Instant::now() + Duration::from_secs(1));
///     let work = TaskSpec::new(async { tenure::Ok(42) }).deadline(deadline.clone());
///     let work = scope.task(work)?;
///     // It turns out to be worth more: what the task asks from now on has a minute.
///     deadline.set(Instant::now() + Duration::from_secs(60));
///     assert_eq!(work.await?, 42);
///     Ok(())
/// })
/// .await
/// # }
/// ```
#[derive(Clone)]
pub struct Deadline(Arc<Limits>);

impl Deadline {
    /// A deadline at this moment; one that never comes, such as one in a hundred years, is as good as none.
    #[must_use]
    pub fn at(limit: Instant) -> Self {
        Self(Arc::new(Limits {
            own: AtomicU64::new(moment::encode(limit_at(limit))),
            besides: None,
        }))
    }

    /// Moves it, to an earlier moment or a later one. An ask that has begun keeps the limit that it began with
    /// ([rule 10](crate::lifecycle#rule-10)).
    pub fn set(&self, limit: Instant) {
        let limit = moment::encode(limit_at(limit));
        self.0.own.store(limit, Ordering::Relaxed);
    }

    /// Takes it away, until it is [set](Deadline::set) again: what is asked from now on has the limit of what surrounds
    /// the task or scope, if any.
    pub fn lift(&self) {
        self.0.own.store(moment::encode(None), Ordering::Relaxed);
    }

    /// As the caller of a node that inherits from this one besides: nobody waits, and nobody goes.
    pub(super) fn into_caller(self, inherited: Option<Arc<dyn Caller>>) -> Arc<dyn Caller> {
        match inherited {
            None => self.0,
            Some(inherited) => Arc::new(Limits {
                own: AtomicU64::new(moment::encode(None)),
                besides: Some([self.0, inherited]),
            }),
        }
    }
}

impl From<Instant> for Deadline {
    fn from(limit: Instant) -> Self {
        Self::at(limit)
    }
}

impl fmt::Debug for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limit = moment::decode(self.0.limit());
        f.debug_tuple("Deadline").field(&limit).finish()
    }
}

/// Gives a node that has no caller a deadline, beside what the code here inherits; one that it had is replaced.
pub(crate) fn set_deadline(node: &Node, deadline: Deadline) {
    node.set_caller(Some(&deadline.into_caller(inherited_beside(node))));
}

/// The deadline of a task or scope, in the place of an ask's whose caller it would be.
struct Limits {
    /// None if it was lifted.
    own: AtomicU64,
    /// Of these and its own the earliest holds.
    besides: Option<[Arc<dyn Caller>; 2]>,
}

impl Caller for Limits {
    fn start(&self) -> bool {
        true
    }

    fn limit(&self) -> u64 {
        let own = self.own.load(Ordering::Relaxed);
        let besides = self.besides.iter().flatten();
        let besides = besides.filter(|caller| caller.is_open());
        let limits = besides.map(|caller| caller.limit()).chain([own]);
        limits.filter(|limit| *limit != 0).min().unwrap_or(0)
    }

    fn has_gone(&self) -> bool {
        false
    }

    fn is_open(&self) -> bool {
        true
    }

    fn is_waiting(&self) -> bool {
        false
    }

    fn poll_gone(&self, _served: bool, _key: &mut WakerKey, _waker: &Waker) -> Poll<()> {
        Poll::Pending
    }

    fn leave_gone(&self, _key: &mut WakerKey) {}

    fn set_number(&self, _number: u64) {}

    fn position(&self) -> AskPosition {
        AskPosition::Elsewhere
    }

    fn resolve(&self, _reason: DropReason) {}
}
