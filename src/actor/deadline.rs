use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
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
            _within: None,
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

    /// Whether anything holds it besides this handle and the one scope or task to which it was given. That is another clone,
    /// or what was started there and has inherited it. If nothing does, [set](Deadline::set) can reuse it for the next piece
    /// of work there, which costs less than a new deadline.
    ///
    /// It becomes shared only by a clone, and by what the scope or task starts. It may stop being shared at any time. One that
    /// was given to a scope or task which inherits another deadline always counts as shared.
    ///
    /// ```
    /// # use tenure::prelude::*;
    /// use tenure::Deadline;
    /// use tokio::time::Instant;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), RunError> {
    /// tenure::scope(async |scope| {
    ///     let deadline = Deadline::at(Instant::now());
    ///     scope.set_deadline(deadline.clone());
    ///     assert!(!deadline.is_shared());
    ///
    ///     let task = scope.task(async { tenure::Ok(()) })?;
    ///     assert!(deadline.is_shared(), "by the task");
    ///     task.await?;
    ///     Ok(())
    /// })
    /// .await
    /// # }
    /// ```
    #[must_use]
    pub fn is_shared(&self) -> bool {
        Arc::strong_count(&self.0) > 2 || Arc::weak_count(&self.0) > 0
    }

    /// Turns it into the caller of a node that also inherits from `inherited`.
    pub(super) fn into_caller(self, inherited: Option<Arc<dyn Caller>>) -> Arc<dyn Caller> {
        match inherited {
            None => self.0,
            Some(inherited) => Arc::new(Limits {
                own: AtomicU64::new(moment::encode(None)),
                _within: Some(Arc::downgrade(&self.0)),
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
    /// The node's own deadline, if these are that and an inherited one. What is started there inherits these and not the
    /// deadline itself, which therefore always counts as shared.
    _within: Option<Weak<Limits>>,
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
