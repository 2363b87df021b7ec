use std::fmt;
use std::marker::PhantomData;

use tenure::{ChildSpec, Context, Recipient, Result, Start, StopOrder};

use super::actor::Topic;

/// What happens to a value for which a subscriber has no room.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Slow {
    /// The topic waits for the subscriber, which slows down all who publish. If that wait would complete a cycle,
    /// because the subscriber waits for the topic, the value is dropped for this subscriber instead.
    #[default]
    Wait,
    /// Up to this many of the last values are kept, and sent when the subscriber has room; older values are dropped. 0
    /// is taken for 1. When the topic drains, values that still have no room are dropped.
    DropOldest(usize),
    /// The subscriber does not get the value.
    DropNewest,
    /// The subscription ends.
    Disconnect,
}

/// A subscriber, and what to do when it is slow.
pub struct Subscription<T: Send + 'static> {
    pub(super) recipient: Recipient<T>,
    pub(super) slow: Slow,
}

impl<T: Send + 'static> Subscription<T> {
    /// A subscription with [`Slow::Wait`]. An actor has one subscription to a topic: a new one replaces it.
    #[must_use]
    pub fn new(recipient: Recipient<T>) -> Self {
        Self {
            recipient,
            slow: Slow::default(),
        }
    }

    /// What happens to values that the subscriber has no room for.
    #[must_use]
    pub fn slow(mut self, slow: Slow) -> Self {
        self.slow = slow;
        self
    }
}

impl<T: Send + 'static> fmt::Debug for Subscription<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("recipient", &self.recipient)
            .field("slow", &self.slow)
            .finish()
    }
}

/// The recipe that a [`Topic`] is started from. It is `Clone`, so a topic can be restarted; its subscribers then have
/// to subscribe again.
#[must_use = "options do nothing until they are started"]
pub struct TopicOptions<T> {
    keeps_last: bool,
    values: PhantomData<fn(T)>,
}

impl<T: Clone + Send + 'static> TopicOptions<T> {
    /// A topic that keeps nothing.
    pub fn new() -> Self {
        Self {
            keeps_last: false,
            values: PhantomData,
        }
    }

    /// Keeps the last value, and sends it to new subscribers at once.
    pub fn keep_last(mut self) -> Self {
        self.keeps_last = true;
        self
    }

    /// The topic as a child.
    pub fn spec(self) -> ChildSpec<Self> {
        ChildSpec::new(self).stop_order(StopOrder::Concurrent)
    }
}

impl<T: Clone + Send + 'static> Start for TopicOptions<T> {
    type Actor = Topic<T>;

    async fn start(self, _: &mut Context<Topic<T>>) -> Result<Topic<T>> {
        Ok(Topic::new(self.keeps_last))
    }
}

impl<T> Clone for TopicOptions<T> {
    fn clone(&self) -> Self {
        Self {
            keeps_last: self.keeps_last,
            values: PhantomData,
        }
    }
}

impl<T: Clone + Send + 'static> Default for TopicOptions<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for TopicOptions<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TopicOptions")
            .field("keeps_last", &self.keeps_last)
            .finish()
    }
}
