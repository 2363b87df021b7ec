use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Poll, Waker};

use tokio::time::Instant;

use crate::mailbox::{AskPosition, Caller, DropReason};
use crate::sync::{WakerKey, limit_at, moment};
use crate::tree::{Node, inherited_beside};

/// A deadline of a task ([`TaskSpec::deadline`](crate::TaskSpec::deadline)) or scope
/// ([`Scope::set_deadline`](crate::Scope::set_deadline)) that can be moved while it runs, from anywhere, by a clone.
/// Where it need not be moved, an [`Instant`] will do.
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
    /// A deadline at this moment. One that never comes, such as one in a hundred years, means none.
    #[must_use]
    pub fn at(limit: Instant) -> Self {
        Self(Arc::new(Limits {
            own: AtomicU64::new(moment::encode(limit_at(limit))),
            besides: None,
        }))
    }

    /// Moves it to an earlier or a later moment. An ask that has begun keeps the limit with which it began ([rule
    /// 10](crate::lifecycle#rule-10)).
    pub fn set(&self, limit: Instant) {
        let limit = moment::encode(limit_at(limit));
        self.0.own.store(limit, Ordering::Relaxed);
    }

    /// Removes it until it is [set](Deadline::set) again. Asks from now on have only the limit that the task or scope
    /// itself inherits, if any.
    pub fn lift(&self) {
        self.0.own.store(moment::encode(None), Ordering::Relaxed);
    }

    /// Turns it into the caller of a node that also inherits from `inherited`.
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

/// Gives a node without a caller this deadline, besides what the code here inherits. Replaces an earlier one.
pub(crate) fn set_deadline(node: &Node, deadline: Deadline) {
    node.set_caller(Some(&deadline.into_caller(inherited_beside(node))));
}

/// The deadline of a task or scope, in the form of a caller. Nobody waits for a reply, and this caller never goes.
struct Limits {
    /// 0 if it was lifted.
    own: AtomicU64,
    /// The earliest of these and its own holds.
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
