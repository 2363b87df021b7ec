use std::fmt;
use std::num::NonZeroUsize;

use tenure::{
    Actor, ActorRef, ChildExit, ChildSpec, Context, IntoChild, Kind, Phase, Result, SendError,
    Start, StopOrder, StopReason, TrySendError,
};

/// The message of the actors that `S` starts.
type MsgOf<S> = <<S as Start>::Actor as Actor>::Msg;

/// Makes the worker with this index.
type Make<S> = Box<dyn FnMut(usize) -> ChildSpec<S> + Send>;

/// Spreads messages over workers that it owns, in turn, and past those that are full.
///
/// A worker that fails fails the pool, unless its spec says that it is restarted or contained.
pub struct Pool<S: Start> {
    workers: Vec<ActorRef<MsgOf<S>>>,
    make: Make<S>,
    next: usize,
}

impl<S: Start> Pool<S> {
    /// A pool of `size` workers, of which `worker` makes the actors, recipes or specs: it is given
    /// each one's index, from 0. A size of 0 is taken for 1, because a pool without workers would keep what it
    /// is sent for ever.
    ///
    /// The workers are named `worker-0` and so on, and are stopped all at once.
    pub fn of<C: IntoChild<Start = S>>(
        size: usize,
        mut worker: impl FnMut(usize) -> C + Send + 'static,
    ) -> ChildSpec<impl Start<Actor = Self>> {
        let size = NonZeroUsize::new(size).unwrap_or(NonZeroUsize::MIN);
        let make: Make<S> = Box::new(move |index| {
            let spec = worker(index).into_spec();
            spec.name(format!("worker-{index}"))
        });
        ChildSpec::new(Recipe { size, make }).stop_order(StopOrder::Concurrent)
    }

    /// Hands a message to the first worker that has room for it, from the one whose turn it is on. Gives it back
    /// with whether any of them is full, and not only ending.
    fn try_each(
        &mut self,
        mut msg: MsgOf<S>,
        ctx: &Context<Self>,
    ) -> Result<(), (MsgOf<S>, Option<usize>)> {
        let (size, first) = (self.workers.len(), self.next);
        self.next = (first + 1) % size;
        let mut full = None;
        for index in (first..first + size).map(|turn| turn % size) {
            match ctx.try_forward(&self.workers[index], msg) {
                Ok(()) => return Ok(()),
                Err(refused) => {
                    if matches!(refused, TrySendError::Full(_)) {
                        full = full.or(Some(index));
                    }
                    msg = refused.into_inner();
                }
            }
        }
        Err((msg, full))
    }

    /// Starts a worker in the place of each that has ended.
    fn replace_ended(&mut self, ctx: &Context<Self>) -> Result {
        for index in 0..self.workers.len() {
            if self.workers[index].is_stopped() {
                self.replace(index, ctx)?;
            }
        }
        Ok(())
    }

    fn replace(&mut self, index: usize, ctx: &Context<Self>) -> Result {
        let ended = &self.workers[index];
        tracing::warn!(
            path = ended.path(),
            "a worker has ended: another takes its place"
        );
        self.workers[index] = ctx.spawn((self.make)(index))?;
        Ok(())
    }

    /// The end of one that is ending already.
    async fn wait_for_an_end(&mut self) {
        let ending = |worker: &&ActorRef<_>| worker.node().phase() >= Phase::Stopping;
        if let Some(worker) = self.workers.iter().find(ending)
            && let Err(error) = worker.stopped().await
        {
            // How it ended is told to `on_child_exit`.
            tracing::debug!(%error, "a worker did not end well");
        }
    }
}

impl<S: Start> Actor for Pool<S> {
    type Msg = MsgOf<S>;

    async fn handle(&mut self, mut msg: Self::Msg, ctx: &mut Context<Self>) -> Result {
        loop {
            let full;
            (msg, full) = match self.try_each(msg, ctx) {
                Ok(()) => return Ok(()),
                Err(refused) => refused,
            };
            let Some(full) = full else {
                // None is left that could take it.
                self.wait_for_an_end().await;
                self.replace_ended(ctx)?;
                continue;
            };
            match ctx.forward(&self.workers[full], msg).await {
                Ok(()) => return Ok(()),
                Err(SendError::Stopped(refused)) => msg = refused.into_inner(),
                Err(other) => return Err(other.into()),
            }
            self.replace_ended(ctx)?;
        }
    }

    /// A worker that somebody has ended is replaced at once; one that has ended by itself, or with a failure that is
    /// contained, when it is needed: its next might do the same.
    async fn on_child_exit(&mut self, exit: ChildExit, ctx: &mut Context<Self>) -> Result {
        let is_ended_by_others =
            !matches!(exit.reason(), StopReason::Finished | StopReason::Failed(_));
        if exit.kind() == Kind::Actor && is_ended_by_others && !ctx.is_ending() {
            self.replace_ended(ctx)?;
        }
        exit.into_result()
    }

    fn label(msg: &Self::Msg) -> &'static str {
        S::Actor::label(msg)
    }
}

impl<S: Start> fmt::Debug for Pool<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("workers", &self.workers)
            .finish_non_exhaustive()
    }
}

/// Starts the workers before the pool takes its first message.
struct Recipe<S> {
    size: NonZeroUsize,
    make: Make<S>,
}

impl<S: Start> Start for Recipe<S> {
    type Actor = Pool<S>;

    async fn start(mut self, ctx: &mut Context<Self::Actor>) -> Result<Self::Actor> {
        let mut workers = Vec::with_capacity(self.size.get());
        for index in 0..self.size.get() {
            workers.push(ctx.start((self.make)(index)).await?);
        }
        Ok(Pool {
            workers,
            make: self.make,
            next: 0,
        })
    }
}
