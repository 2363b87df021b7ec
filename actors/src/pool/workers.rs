use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::task;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tenure::{
    Actor, ActorRef, ChildSpec, Context, Mailbox, NodeId, Phase, Result, SendError, Start,
    TrySendError,
};

use super::error::PoolError;
use super::options::{Dispatch, MsgOf};
use crate::caught;

/// What has happened to a worker that had no room.
pub(super) enum Event {
    /// It has room again.
    Free { index: usize, id: NodeId },
    /// It has ended.
    Ended { index: usize, id: NodeId },
    /// The worker and the pool wait for each other.
    Deadlock(tenure::Error),
}

type Wait = Pin<Box<dyn Future<Output = Event> + Send>>;

/// The workers of a pool, and which of them have room.
///
/// A worker counts as having no room from when it is handed a message. The pool then waits for its room, or its end, in
/// `waits`, which is polled when the next message comes.
pub(super) struct Workers<S: Start> {
    make: Box<dyn FnMut(usize) -> ChildSpec<S> + Send>,
    slots: Vec<ActorRef<MsgOf<S>>>,
    free: BTreeSet<usize>,
    /// The slots whose workers have ended.
    vacant: BTreeSet<usize>,
    waits: FuturesUnordered<Wait>,
    prefetch: usize,
    dispatch: Dispatch,
    /// The index whose turn it is.
    turn: usize,
    /// There is never more than one worker, so a wait for it can complete a cycle.
    is_one: bool,
}

impl<S: Start> Workers<S> {
    pub(super) fn new(
        make: Box<dyn FnMut(usize) -> ChildSpec<S> + Send>,
        prefetch: usize,
        dispatch: Dispatch,
        is_one: bool,
    ) -> Self {
        Self {
            make,
            slots: Vec::new(),
            free: BTreeSet::new(),
            vacant: BTreeSet::new(),
            waits: FuturesUnordered::new(),
            prefetch,
            dispatch,
            turn: 0,
            is_one,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// How many workers have something in hand, as far as is known.
    pub(super) fn busy(&self) -> usize {
        self.slots.len() - self.free.len() - self.vacant.len()
    }

    pub(super) fn all(&self) -> &[ActorRef<MsgOf<S>>] {
        &self.slots
    }

    /// Starts one more worker, and waits for its start.
    pub(super) async fn start<A: Actor>(&mut self, ctx: &Context<A>) -> Result {
        let index = self.slots.len();
        let worker = ctx.start(self.spec(index)?).await?;
        self.slots.push(worker);
        self.free.insert(index);
        Ok(())
    }

    /// Starts one more worker, unless the last worker of that name has not ended yet.
    pub(super) fn add<A: Actor>(&mut self, ctx: &Context<A>) -> Result<bool> {
        let index = self.slots.len();
        if ctx.child(&name_of(index)).is_some() {
            return Ok(false);
        }
        let worker = ctx.spawn(self.spec(index)?)?;
        self.slots.push(worker);
        self.free.insert(index);
        Ok(true)
    }

    /// Drains the last worker, if it has nothing in hand.
    pub(super) fn retire_last(&mut self) -> bool {
        let last = self.slots.len() - 1;
        if !self.free.contains(&last) || self.slots[last].node().in_hand() > 0 {
            return false;
        }
        self.free.remove(&last);
        if let Some(worker) = self.slots.pop() {
            worker.request_drain();
        }
        true
    }

    /// Starts a new worker in place of one that has ended.
    pub(super) fn replace<A: Actor>(&mut self, index: usize, ctx: &Context<A>) -> Result {
        if !self.vacant.contains(&index) {
            return Ok(());
        }
        tracing::warn!(
            path = self.slots[index].path(),
            "a worker has ended: another takes its place"
        );
        self.slots[index] = ctx.spawn(self.spec(index)?)?;
        self.vacant.remove(&index);
        self.free.insert(index);
        Ok(())
    }

    /// Marks the slot of an ended worker as vacant, and gives its index.
    pub(super) fn vacate(&mut self, id: NodeId) -> Option<usize> {
        let index = self.slots.iter().position(|worker| worker.id() == id)?;
        self.free.remove(&index);
        self.vacant.insert(index);
        Some(index)
    }

    pub(super) fn first_vacant(&self) -> Option<usize> {
        self.vacant.first().copied()
    }

    pub(super) fn is_vacant(&self, index: usize) -> bool {
        self.vacant.contains(&index)
    }

    pub(super) fn free(&self) -> impl Iterator<Item = usize> + '_ {
        self.free.iter().copied()
    }

    /// Chooses a worker that has room. One whose start has not returned, or that is between two restarts, is the last
    /// choice: there a message would wait.
    pub(super) fn choose(&mut self) -> Option<usize> {
        let in_turn = || {
            let from_turn = self
                .free
                .range(self.turn..)
                .chain(self.free.range(..self.turn));
            from_turn.copied()
        };
        let runs = |index: &usize| self.slots[*index].node().phase() == Phase::Running;
        let load = |index: &usize| self.slots[*index].node().in_hand();
        let chosen = match self.dispatch {
            Dispatch::FirstFree => {
                let first = self.free.iter().copied().find(runs);
                first.or_else(|| self.free.first().copied())
            }
            Dispatch::RoundRobin => in_turn().find(runs).or_else(|| in_turn().next()),
            Dispatch::LeastLoaded => in_turn().min_by_key(|index| (!runs(index), load(index))),
        }?;
        self.turn = chosen + 1;
        Some(chosen)
    }

    /// Hands a message to a worker that had room. Gives the message back if the worker has no room after all.
    pub(super) fn hand<T, R>(
        &mut self,
        index: usize,
        message: T,
        send: impl FnOnce(T, &ActorRef<MsgOf<S>>) -> Result<(), TrySendError<R>>,
    ) -> Result<(), R> {
        let worker = self.slots[index].clone();
        let sent = send(message, &worker);
        self.free.remove(&index);
        self.waits.push(Box::pin(wait(worker, index, self.is_one)));
        sent.map_err(TrySendError::into_inner)
    }

    /// Notes all events that have happened so far.
    pub(super) fn poll_events(&mut self, cx: &mut task::Context<'_>) -> Result {
        while let task::Poll::Ready(Some(event)) = self.waits.poll_next_unpin(cx) {
            self.note(event)?;
        }
        Ok(())
    }

    /// The next event of a worker without room. Pending for ever if all have room.
    ///
    /// A future that is cancelled before it is ready has taken no event.
    pub(super) async fn next_event(&mut self) -> Event {
        match self.waits.next().await {
            Some(event) => event,
            None => std::future::pending().await,
        }
    }

    /// Notes an event. Gives the index of the worker if it has ended.
    pub(super) fn note(&mut self, event: Event) -> Result<Option<usize>> {
        match event {
            Event::Free { index, id } => {
                if self.is_at(index, id) && !self.vacant.contains(&index) {
                    self.free.insert(index);
                }
                Ok(None)
            }
            Event::Ended { index, id } => {
                let is_there = self.is_at(index, id);
                Ok(if is_there { self.vacate(id) } else { None })
            }
            Event::Deadlock(error) => Err(error),
        }
    }

    fn is_at(&self, index: usize, id: NodeId) -> bool {
        let worker = self.slots.get(index);
        worker.is_some_and(|worker| worker.id() == id)
    }

    fn spec(&mut self, index: usize) -> Result<ChildSpec<S>, PoolError> {
        let made = caught(|| (self.make)(index));
        let spec = made.map_err(|message| PoolError::FactoryPanicked { index, message })?;
        Ok(spec
            .name(name_of(index))
            .mailbox(Mailbox::bounded(self.prefetch).including_current()))
    }
}

fn name_of(index: usize) -> String {
    format!("worker-{index}")
}

/// Waits until the worker has room, or has ended.
async fn wait<M: Send + 'static>(worker: ActorRef<M>, index: usize, is_one: bool) -> Event {
    let id = worker.id();
    let room = match is_one {
        true => worker.reserve(),
        // Another may have room first.
        false => worker.reserve().even_if_cyclic(),
    };
    match room.await {
        Ok(room) => {
            drop(room);
            Event::Free { index, id }
        }
        Err(SendError::Deadlock(_, cycle)) => {
            Event::Deadlock(format!("the wait for a worker would never end: {cycle}").into())
        }
        Err(_) => {
            // `on_child_exit` is told how it ended.
            if let Err(error) = worker.stopped().even_if_cyclic().await {
                tracing::debug!(%error, "a worker did not end well");
            }
            Event::Ended { index, id }
        }
    }
}
