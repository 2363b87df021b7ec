use std::collections::VecDeque;
use std::sync::Arc;

use tokio::time::Instant;
use tracing::Span;

use super::caller::{Caller, CallerTracking};
use crate::sync::explored::{AtomicU64, Ordering};
use crate::sync::{Foreign, moment};

/// What a mailbox has to know about a message besides its content, as the sender passes it.
pub(crate) struct Sender<'a> {
    /// Who waits for its reply.
    pub(crate) tracking: CallerTracking<'a>,
    /// Where it comes from, if its system notes that.
    pub(crate) sent: Option<Sent>,
}

/// Where a message comes from.
pub(crate) struct Sent {
    /// When it was sent, as a [`moment`], if that is timed.
    at: u64,
    /// The span in which it was sent, if there was one. Dropping it calls the subscriber, which is user code.
    span: Option<Foreign<Box<Span>>>,
    is_ask: bool,
}

impl Sent {
    pub(crate) fn new(
        at: Option<Instant>,
        span: Option<Span>,
        tracking: &CallerTracking<'_>,
    ) -> Self {
        Self {
            at: moment::encode(at),
            span: span.map(|span| Foreign::new(Box::new(span))),
            is_ask: !matches!(tracking, CallerTracking::Nobody),
        }
    }

    pub(crate) fn at(&self) -> Option<Instant> {
        moment::decode(self.at)
    }

    pub(crate) fn span(&self) -> Option<&Span> {
        self.span.as_ref()?.get().map(|span| &**span)
    }

    /// Whether somebody waits for the reply.
    pub(crate) fn is_ask(&self) -> bool {
        self.is_ask
    }
}

/// What a mailbox knows about a message besides its content.
#[derive(Default)]
pub(super) struct Origin {
    /// Who waits for its reply, if the ask has a time limit or was handed on.
    pub(super) caller: Option<Arc<dyn Caller>>,
    pub(super) sent: Option<Sent>,
}

impl Origin {
    pub(super) fn of_caller(caller: Arc<dyn Caller>) -> Self {
        let caller = Some(caller);
        Self { caller, sent: None }
    }
}

/// The known origins of queued messages, each with its message's number, in the order of the numbers.
pub(super) type Origins = VecDeque<(u64, Origin)>;

/// When the next message of the loop's batch, which is the oldest one that waits, was sent. The batch publishes this
/// for looks at the queue, which cannot see into the batch.
#[derive(Clone)]
pub(super) struct Oldest(Arc<AtomicU64>);

impl Oldest {
    pub(super) fn new() -> Self {
        Self(Arc::new(AtomicU64::new(0)))
    }

    /// Publishes the next of these, which are left in the batch.
    pub(super) fn note(&self, batch: &Origins) {
        self.0.store(first_sent(batch), Ordering::Relaxed);
    }

    /// When the oldest message was sent. Messages in the queue are younger than all in the batch.
    pub(super) fn at(&self, queue: &Origins) -> Option<Instant> {
        let in_batch = Some(self.0.load(Ordering::Relaxed)).filter(|at| *at != 0);
        moment::decode(in_batch.unwrap_or_else(|| first_sent(queue)))
    }
}

fn first_sent(origins: &Origins) -> u64 {
    let first = origins.front().and_then(|(_, origin)| origin.sent.as_ref());
    first.map_or(0, |sent| sent.at)
}
