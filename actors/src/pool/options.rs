use std::fmt;
use std::hash::{BuildHasher, Hash, RandomState};
use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::time::Duration;

use tenure::{Actor, ChildSpec, Context, IntoChild, Mailbox, Overflow, Result, Start, StopOrder};

use super::actor::Pool;
use super::error::PoolError;
use super::queue::Queue;
use super::workers::Workers;

/// The message type of the actors that `S` starts.
pub(super) type MsgOf<S> = <<S as Start>::Actor as Actor>::Msg;

/// Makes the worker with this index.
type Make<S> = Box<dyn FnMut(usize) -> ChildSpec<S> + Send>;

/// Gives the hash of a message's key.
pub(super) type KeyOf<M> = Box<dyn Fn(&M) -> u64 + Send + Sync>;

pub(super) type PriorityOf<M> = Box<dyn Fn(&M) -> Priority + Send + Sync>;

/// Which of the workers that have room is handed the next message.
///
/// With [keys](PoolOptions::by_key), messages of one key go to one worker instead, even if others have room.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dispatch {
    /// The first by index, so that few workers are busy and the others idle.
    #[default]
    FirstFree,
    /// Each in turn, without those that have no room.
    RoundRobin,
    /// The one with the fewest messages in hand, and among equals the next in turn. It makes a difference with a
    /// [prefetch](PoolOptions::prefetch) of more than one.
    LeastLoaded,
}

/// How urgent a message is: see [`PoolOptions::priority`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// After the others.
    Low,
    /// Between the two.
    #[default]
    Normal,
    /// Before the others.
    High,
}

/// What a [`Pool`] is started from: how many workers it has, how they are made, and how messages are handed out.
///
/// It is the pool's recipe; [`spec`](PoolOptions::spec) gives a [`ChildSpec`] of it, for a name, a grace and the other
/// settings of a child.
///
/// ```
/// # use std::time::Duration;
/// use tenure::prelude::*;
/// use tenure_actors::pool::{PoolOptions, Priority};
///
/// # struct Thumbnails;
/// struct Picture { owner: u64, is_preview: bool }
/// # impl Actor for Thumbnails {
/// #     type Msg = Picture;
/// #     async fn handle(&mut self, _: Picture, _: &mut Context<Self>) -> tenure::Result { Ok(()) }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), RunError> {
/// tenure::scope(async |scope| {
///     // Two workers, and up to eight while pictures wait; previews first.
///     let pool = PoolOptions::elastic(2..=8, |_| Thumbnails)
///         .idle(Duration::from_secs(30))
///         .queue(Mailbox::bounded(200).drop_oldest())
///         .priority(|picture: &Picture| match picture.is_preview {
///             true => Priority::High,
///             false => Priority::Normal,
///         });
///     let pool = scope.spawn(pool.spec().name("thumbnails"))?;
///     pool.tell(Picture { owner: 7, is_preview: true }).await?;
///     Ok(())
/// })
/// .await
/// # }
/// ```
#[must_use = "options do nothing until they are started"]
pub struct PoolOptions<S: Start> {
    make: Make<S>,
    min: usize,
    max: usize,
    idle: Duration,
    grow_at: usize,
    dispatch: Dispatch,
    key: Option<KeyOf<MsgOf<S>>>,
    priority: Option<PriorityOf<MsgOf<S>>>,
    fairness: u32,
    prefetch: NonZeroUsize,
    queue: Mailbox,
}

impl<S: Start> PoolOptions<S> {
    /// A pool of `size` workers. `worker` makes each of them, as an actor, a recipe or a spec; it is given the index,
    /// from 0. A size of 0 is taken for 1, because a pool without workers would keep its messages for ever.
    ///
    /// The pool names the workers (`worker-0` and so on) and gives them their mailboxes; all else in their specs is
    /// kept.
    pub fn fixed<C: IntoChild<Start = S>>(
        size: usize,
        worker: impl FnMut(usize) -> C + Send + 'static,
    ) -> Self {
        Self::elastic(size..=size, worker)
    }

    /// A pool of at least `size.start()` workers. It grows by one worker at a time while messages
    /// [wait](PoolOptions::grow_at), up to `size.end()`, and shrinks while it is [idle](PoolOptions::idle). A minimum
    /// of 0 is taken for 1. If the range is empty, the start fails with [`PoolError::EmptyRange`].
    ///
    /// A worker that is starting, or waits for its next restart, is handed a message only if no other worker is free at
    /// that moment. The message then waits for the start, even if another worker becomes free before that; it is not held
    /// back, since a start that fails would otherwise be tried again and again for it.
    pub fn elastic<C: IntoChild<Start = S>>(
        size: RangeInclusive<usize>,
        mut worker: impl FnMut(usize) -> C + Send + 'static,
    ) -> Self {
        Self {
            make: Box::new(move |index| worker(index).into_spec()),
            min: *size.start(),
            max: *size.end(),
            idle: Duration::from_secs(10),
            grow_at: 1,
            dispatch: Dispatch::default(),
            key: None,
            priority: None,
            fairness: 8,
            prefetch: NonZeroUsize::MIN,
            queue: Mailbox::default(),
        }
    }

    /// Which worker is handed the next message; by default the first that is free.
    pub fn dispatch(mut self, dispatch: Dispatch) -> Self {
        self.dispatch = dispatch;
        self
    }

    /// Messages of one key go to one worker, in the order in which they came (within one priority). This holds also
    /// while the pool grows or shrinks: a key moves only when no worker has a message of it in hand. The pool looks
    /// ahead, so messages do not wait behind one whose worker is busy.
    ///
    /// A message for which `key` panics is dropped, as a dead letter. With keys, [`dispatch`](PoolOptions::dispatch)
    /// and [`prefetch`](PoolOptions::prefetch) have no effect.
    pub fn by_key<K: Hash>(mut self, key: impl Fn(&MsgOf<S>) -> K + Send + Sync + 'static) -> Self {
        let hasher = RandomState::new();
        self.key = Some(Box::new(move |message| hasher.hash_one(key(message))));
        self
    }

    /// Messages of a higher priority are handed out before those of a lower one. So that those do not wait for ever,
    /// one of a lower priority goes after [`fairness`](PoolOptions::fairness) others. The pool looks ahead and orders
    /// all messages that it has accepted. A message for which `priority` panics is dropped, as a dead letter.
    pub fn priority(
        mut self,
        priority: impl Fn(&MsgOf<S>) -> Priority + Send + Sync + 'static,
    ) -> Self {
        self.priority = Some(Box::new(priority));
        self
    }

    /// How many messages of higher priorities may overtake one that waits; by default 8. With 0 or 1 they take turns.
    pub fn fairness(mut self, passed: u32) -> Self {
        self.fairness = passed.max(1);
        self
    }

    /// How many messages a worker may have in hand, including the one that it handles; by default 1, so that no message
    /// is queued behind a slow one. With more, a worker with short messages need not wait for its next one. The
    /// messages in hand are lost with the worker. 0 is taken for 1.
    pub fn prefetch(mut self, messages: usize) -> Self {
        self.prefetch = NonZeroUsize::new(messages).unwrap_or(NonZeroUsize::MIN);
        self
    }

    /// The one queue in front of all workers, which is the pool's mailbox: how many messages may wait in all, and what
    /// happens to a message without room. By default the capacity is 1,024, and senders wait;
    /// [`try_tell`](tenure::ActorRef::try_tell) and [`try_ask`](tenure::ActorRef::try_ask) fail instead. Dropped
    /// messages are counted as dead letters. With priorities, the oldest message of the lowest priority is dropped.
    ///
    /// A queue that drops the oldest has additional room for messages that the pool has not looked at yet: for one
    /// message or, if the pool looks ahead, for as many again.
    pub fn queue(mut self, queue: Mailbox) -> Self {
        self.queue = queue;
        self
    }

    /// The pool shrinks when fewer workers would have been enough for this long; by default 10 s. Zero is taken for a
    /// millisecond.
    pub fn idle(mut self, time: Duration) -> Self {
        self.idle = time.max(Duration::from_millis(1));
        self
    }

    /// How many messages have to wait, while no worker is free, before another worker is started; by default 1. 0 is
    /// taken for 1.
    pub fn grow_at(mut self, waiting: usize) -> Self {
        self.grow_at = waiting.max(1);
        self
    }

    /// The pool as a child: its queue is its mailbox, and its workers are stopped all at once. Another mailbox in the
    /// spec is another queue.
    ///
    /// In a drain the workers handle what the pool has accepted before. The time in which the pool waits for free
    /// workers counts as its own, and is bounded by its grace.
    pub fn spec(self) -> ChildSpec<Self> {
        let mailbox = self.mailbox();
        ChildSpec::new(self)
            .mailbox(mailbox)
            .stop_order(StopOrder::Concurrent)
    }

    /// The pool itself drops the oldest of the messages that it has put aside. Those take room in the mailbox, so it is
    /// larger: otherwise the mailbox would drop the newer message first.
    fn mailbox(&self) -> Mailbox {
        let (queue, looks_ahead) = (self.queue, self.key.is_some() || self.priority.is_some());
        let capacity = queue.capacity().filter(|room| *room > 0);
        let Some(room) = capacity.filter(|_| queue.overflow() == Overflow::DropOldest) else {
            return queue;
        };
        let larger = Mailbox::bounded(room.saturating_add(if looks_ahead { room } else { 1 }));
        match queue.counts_current() {
            true => larger.drop_oldest().including_current(),
            false => larger.drop_oldest(),
        }
    }
}

/// Starts the workers before the pool takes its first message.
impl<S: Start> Start for PoolOptions<S> {
    type Actor = Pool<S>;

    async fn start(self, ctx: &mut Context<Pool<S>>) -> Result<Pool<S>> {
        let (min, max) = (self.min.max(1), self.max.max(1));
        if self.max < self.min || max < min {
            let (min, max) = (self.min, self.max);
            return Err(PoolError::EmptyRange { min, max }.into());
        }
        let is_by_key = self.key.is_some();
        let prefetch = if is_by_key { 1 } else { self.prefetch.get() };
        let mut workers = Workers::new(self.make, prefetch, self.dispatch, max == 1);
        for _ in 0..min {
            workers.start(ctx).await?;
        }
        let drops_oldest = self.queue.overflow() == Overflow::DropOldest;
        Ok(Pool {
            queue: Queue::new(if is_by_key { min } else { 1 }, self.fairness),
            workers,
            key: self.key,
            priority: self.priority,
            size: (min, max),
            idle: self.idle,
            grow_at: self.grow_at,
            bound: self.queue.capacity().filter(|_| drops_oldest),
            peak: 0,
            idle_check: None,
            is_growing: false,
        })
    }
}

impl<S: Start> fmt::Debug for PoolOptions<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolOptions")
            .field("size", &(self.min..=self.max))
            .field("dispatch", &self.dispatch)
            .field("is_by_key", &self.key.is_some())
            .field("queue", &self.queue)
            .finish_non_exhaustive()
    }
}
