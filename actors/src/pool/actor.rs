use std::fmt;
use std::num::NonZeroUsize;

use tenure::{
    Actor, ActorRef, ChildSpec, Context, IntoChild, Result, Start, StopOrder, TrySendError,
};

/// The message of the actors that `S` starts.
type MsgOf<S> = <<S as Start>::Actor as Actor>::Msg;

/// Spreads messages over workers that it owns, in turn, and past those that are full.
///
/// A worker that fails fails the pool, unless its spec says that it is restarted.
pub struct Pool<S: Start> {
    workers: Vec<ActorRef<MsgOf<S>>>,
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
        worker: impl FnMut(usize) -> C + Send + 'static,
    ) -> ChildSpec<impl Start<Actor = Self>> {
        let size = NonZeroUsize::new(size).unwrap_or(NonZeroUsize::MIN);
        ChildSpec::new(Recipe { size, worker }).stop_order(StopOrder::Concurrent)
    }
}

impl<S: Start> Actor for Pool<S> {
    type Msg = MsgOf<S>;

    async fn handle(&mut self, mut msg: Self::Msg, _ctx: &mut Context<Self>) -> Result {
        let first = self.next;
        self.next = (first + 1) % self.workers.len();
        for turn in 0..self.workers.len() {
            let worker = &self.workers[(first + turn) % self.workers.len()];
            match worker.try_tell(msg) {
                Ok(()) => return Ok(()),
                Err(full @ TrySendError::Full(_)) => msg = full.into_inner(),
                Err(stopped) => return Err(stopped.into()),
            }
        }
        self.workers[first].tell(msg).await?;
        Ok(())
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
struct Recipe<F> {
    size: NonZeroUsize,
    worker: F,
}

impl<C: IntoChild, F: FnMut(usize) -> C + Send + 'static> Start for Recipe<F> {
    type Actor = Pool<C::Start>;

    async fn start(mut self, ctx: &mut Context<Self::Actor>) -> Result<Self::Actor> {
        let mut workers = Vec::with_capacity(self.size.get());
        for index in 0..self.size.get() {
            let spec = (self.worker)(index).into_spec();
            let worker = spec.name(format!("worker-{index}"));
            workers.push(ctx.start(worker).await?);
        }
        Ok(Pool { workers, next: 0 })
    }
}
