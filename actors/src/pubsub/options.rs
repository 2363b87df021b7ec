use std::fmt;
use std::marker::PhantomData;

use tenure::{ChildSpec, Context, Recipient, Result, Start, StopOrder};

use super::actor::Topic;

/// What becomes of a value for which a subscriber has no room.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Slow {
    /// The topic waits for it, and with the topic all who publish. A wait that would complete a cycle, because the
    /// subscriber waits for the topic, is not made: the value is dropped for this one.
    #[default]
    Wait,
    /// It has the last so many values kept for it, and is sent them as it has room; those before are dropped. 0 is
    /// taken for 1. When the topic drains, what it has no room for is dropped.
    DropOldest(usize),
    /// It does not get the value.
    DropNewest,
    /// It is no subscriber any more.
    Disconnect,
}

/// Who is to get what is published, and how.
pub struct Subscription<T: Send + 'static> {
    pub(super) recipient: Recipient<T>,
    pub(super) slow: Slow,
}

impl<T: Send + 'static> Subscription<T> {
    /// A subscription for which the topic waits. One actor has one to a topic: another takes its place.
    #[must_use]
    pub fn new(recipient: Recipient<T>) -> Self {
        Self {
            recipient,
            slow: Slow::default(),
        }
    }

    /// What becomes of what it has no room for.
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

/// What a [`Topic`] is started from: its recipe, which is `Clone`, so that a topic can be restarted; its subscribers then
/// subscribe anew.
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

    /// The last value is kept, and whoever subscribes later is sent it at once.
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
