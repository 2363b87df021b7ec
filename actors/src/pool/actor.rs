use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tenure::{
    Actor, ChildExit, ChildSpec, Context, IntoChild, Kind, NodeId, Result, Start, Stashed,
    StopError, StopReason, TaskSpec,
};

use super::options::{KeyOf, MsgOf, PoolOptions, Priority, PriorityOf};
use super::queue::{Queue, Waiting};
use super::workers::Workers;
use crate::caught;

/// Spreads messages over workers that it owns.
///
/// Started from [`PoolOptions`], or from [`Pool::of`] with the default options.
pub struct Pool<S: Start> {
    pub(super) workers: Workers<S>,
    pub(super) queue: Queue<MsgOf<S>>,
    pub(super) key: Option<KeyOf<MsgOf<S>>>,
    pub(super) priority: Option<PriorityOf<MsgOf<S>>>,
    /// The least and the most workers.
    pub(super) size: (usize, usize),
    pub(super) idle: Duration,
    pub(super) grow_at: usize,
    /// How many messages may wait in `queue`, if the pool itself drops the oldest.
    pub(super) bound: Option<usize>,
    /// The most workers that were busy at the same time since the last idle check.
    pub(super) peak: usize,
    /// The task whose end triggers the next idle check.
    pub(super) idle_check: Option<NodeId>,
    /// Nothing is handed out until no worker has anything in hand, so that keys can move to a new worker.
    pub(super) is_growing: bool,
}

impl<S: Start> Pool<S> {
    /// The spec of a pool of `size` workers with the default options: see [`PoolOptions::fixed`].
    pub fn of<C: IntoChild<Start = S>>(
        size: usize,
        worker: impl FnMut(usize) -> C + Send + 'static,
    ) -> ChildSpec<PoolOptions<S>> {
        PoolOptions::fixed(size, worker).spec()
    }

    /// Whether the pool takes messages from its mailbox while others wait for workers.
    fn looks_ahead(&self) -> bool {
        self.key.is_some() || self.priority.is_some()
    }

    /// The priority and key of a message; `None` if the user's code for them has panicked.
    fn sort(&self, message: &MsgOf<S>) -> Option<(Priority, u64)> {
        let sorted = caught(|| {
            let priority = self.priority.as_ref().map(|of| of(message));
            let key = self.key.as_ref().map(|of| of(message));
            (priority.unwrap_or_default(), key.unwrap_or_default())
        });
        match sorted {
            Ok(sorted) => Some(sorted),
            Err(panic) => {
                tracing::warn!(panic, "a message has no key or priority, and is dropped");
                None
            }
        }
    }

    /// Hands the message to a free worker if no other message waits; otherwise puts it in the queue.
    fn accept(&mut self, message: MsgOf<S>, ctx: &Context<Self>) {
        let Some((priority, key)) = self.sort(&message) else {
            drop(ctx.stash(message));
            return;
        };
        let may_go = self.queue.is_empty() && self.key.is_none();
        let free = may_go.then(|| self.workers.choose()).flatten();
        let message = match free {
            None => message,
            Some(index) => {
                let send = |message, worker: &_| ctx.try_forward(worker, message);
                match self.workers.hand(index, message, send) {
                    Ok(()) => {
                        self.note_busy();
                        return;
                    }
                    Err(message) => message,
                }
            }
        };
        self.queue.push(Waiting {
            message: ctx.stash(message),
            priority,
            key,
        });
        if self.bound.is_some_and(|bound| self.queue.len() > bound) {
            // Dropping it makes it a dead letter.
            drop(self.queue.pop_oldest());
        }
    }

    /// Hands out the queue, until nothing waits, the pool is told to stop, or a worker has failed.
    async fn work_off(&mut self, ctx: &mut Context<Self>, is_drain: bool) -> Result {
        let mut cancelled = pin!(ctx.cancelled());
        let mut takes_more = self.looks_ahead() && !is_drain;
        loop {
            self.hand_out(ctx)?;
            if self.queue.is_empty() {
                return Ok(());
            }
            let event = tokio::select! {
                biased;
                () = &mut cancelled => return Ok(()),
                event = self.workers.next_event() => event,
                next = ctx.next(), if takes_more => {
                    match next {
                        Some(message) => self.accept(message, ctx),
                        None => takes_more = false,
                    }
                    continue;
                }
            };
            let ended = self.workers.note(event)?;
            if !is_drain && ended.is_some_and(|index| self.has_failed(index)) {
                // `on_child_exit` comes next, and learns whether the failure is contained.
                return Ok(());
            }
        }
    }

    fn has_failed(&self, index: usize) -> bool {
        let outcome = self.workers.all()[index].node().outcome();
        matches!(outcome, Some(Err(StopError::Failed(_))))
    }

    /// Hands out as much as possible, and adds workers if that is allowed.
    fn hand_out(&mut self, ctx: &Context<Self>) -> Result {
        while !self.queue.is_empty() {
            let progress = match self.key {
                None => self.hand_next(ctx)?,
                Some(_) => self.hand_by_key(ctx)?,
            };
            if !progress && !self.grow(ctx)? {
                break;
            }
        }
        Ok(())
    }

    /// Hands the next message to any worker. `false` if no worker has room.
    fn hand_next(&mut self, ctx: &Context<Self>) -> Result<bool> {
        let chosen = self.workers.choose();
        let index = match chosen.or_else(|| self.workers.first_vacant()) {
            Some(index) => index,
            None => return Ok(false),
        };
        self.workers.replace(index, ctx)?;
        self.hand_to(index, 0);
        Ok(true)
    }

    /// Hands messages to the workers that have room, from their own lanes. `false` if nothing could be handed out.
    fn hand_by_key(&mut self, ctx: &Context<Self>) -> Result<bool> {
        if self.is_growing {
            return Ok(false);
        }
        let vacant = (0..self.workers.len()).filter(|index| self.workers.is_vacant(*index));
        let vacant: Vec<_> = vacant.filter(|index| self.queue.has(*index)).collect();
        for index in vacant {
            self.workers.replace(index, ctx)?;
        }
        let free: Vec<_> = self
            .workers
            .free()
            .filter(|index| self.queue.has(*index))
            .collect();
        for index in &free {
            self.hand_to(*index, *index);
        }
        Ok(!free.is_empty())
    }

    fn hand_to(&mut self, index: usize, lane: usize) {
        let Some(waiting) = self.queue.pop(lane) else {
            return;
        };
        let (priority, key) = (waiting.priority, waiting.key);
        let send = |message: Stashed<_>, worker: &_| message.try_forward(worker);
        if let Err(message) = self.workers.hand(index, waiting.message, send) {
            self.queue.put_back(Waiting {
                message,
                priority,
                key,
            });
        }
        self.note_busy();
    }

    fn note_busy(&mut self) {
        self.peak = self.peak.max(self.workers.busy());
    }

    /// Starts another worker, if enough messages wait and the size allows it. `true` if more may be handed out now.
    fn grow(&mut self, ctx: &Context<Self>) -> Result<bool> {
        let waiting = self.queue.len() as u64 + ctx.node().backlog();
        let had_begun = std::mem::take(&mut self.is_growing);
        let wants_more = had_begun || waiting >= self.grow_at as u64;
        if self.workers.len() >= self.size.1 || !wants_more || ctx.is_ending() {
            return Ok(had_begun);
        }
        if self.key.is_some() && self.workers.busy() > 0 {
            // A key may move only when its old worker has nothing of it in hand.
            self.is_growing = true;
            return Ok(false);
        }
        if !self.workers.add(ctx)? {
            return Ok(had_begun);
        }
        self.resize_lanes();
        tracing::debug!(workers = self.workers.len(), "the pool has grown");
        self.check_when_idle(ctx)?;
        Ok(true)
    }

    fn resize_lanes(&mut self) {
        if self.key.is_some() {
            self.queue.set_lanes(self.workers.len());
        }
    }

    /// Schedules a check whether all workers are still needed.
    fn check_when_idle(&mut self, ctx: &Context<Self>) -> Result {
        let is_large = self.workers.len() > self.size.0;
        if !is_large || self.idle_check.is_some() || ctx.is_ending() {
            return Ok(());
        }
        let idle = self.idle;
        let check = TaskSpec::with_token(move |token| async move {
            tokio::select! {
                () = tokio::time::sleep(idle) => {}
                () = token.cancelled() => {}
            }
        });
        // A task, since its end comes between two messages, and needs no message of the workers' type.
        let check = ctx.task(check.name("idle-check"))?;
        self.idle_check = Some(check.node().id());
        Ok(())
    }

    /// Drains the workers that were not needed since the last idle check.
    fn shrink(&mut self, ctx: &Context<Self>) -> Result {
        let needed = self.peak.max(self.workers.busy()).max(self.size.0);
        while self.workers.len() > needed && self.workers.retire_last() {}
        self.resize_lanes();
        self.peak = self.workers.busy();
        self.check_when_idle(ctx)
    }

    async fn note_events(&mut self) -> Result {
        poll_fn(|cx| Poll::Ready(self.workers.poll_events(cx))).await
    }
}

impl<S: Start> Actor for Pool<S> {
    type Msg = MsgOf<S>;

    async fn handle(&mut self, message: Self::Msg, ctx: &mut Context<Self>) -> Result {
        self.note_events().await?;
        self.accept(message, ctx);
        if self.queue.is_empty() {
            return Ok(());
        }
        self.work_off(ctx, false).await
    }

    /// A worker that somebody else has ended is replaced at once. A worker that has ended by itself, or with a
    /// contained failure, is replaced when it is needed: its successor might end the same way.
    async fn on_child_exit(&mut self, exit: ChildExit, ctx: &mut Context<Self>) -> Result {
        self.note_events().await?;
        if self.idle_check == Some(exit.id()) {
            self.idle_check = None;
            self.shrink(ctx)?;
        } else if exit.kind() == Kind::Actor {
            let is_ended_by_others =
                !matches!(exit.reason(), StopReason::Finished | StopReason::Failed(_));
            if let Some(index) = self.workers.vacate(exit.id())
                && is_ended_by_others
                && !ctx.is_ending()
            {
                self.workers.replace(index, ctx)?;
            }
        }
        exit.into_result()?;
        self.work_off(ctx, false).await
    }

    /// Hands out all accepted messages, as long as the workers take them.
    async fn on_drain(&mut self, ctx: &mut Context<Self>) -> Result {
        self.work_off(ctx, true).await
    }

    fn label(message: &Self::Msg) -> &'static str {
        S::Actor::label(message)
    }
}

impl<S: Start> fmt::Debug for Pool<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("workers", &self.workers.all())
            .field("waiting", &self.queue.len())
            .finish_non_exhaustive()
    }
}
