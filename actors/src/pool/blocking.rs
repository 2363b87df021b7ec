use std::fmt;
use std::sync::Arc;

use tenure::{Actor, CancellationToken, Context, Result, TaskError};

type Work<M> = dyn Fn(M, &CancellationToken) -> Result + Send + Sync;

/// A worker that handles messages on threads that may block: for work on the processor, or libraries that block.
///
/// A pool of them runs as many jobs at a time as it has workers. Each message is a job that its worker owns, so it is
/// listed and joined like any other node: a stop of the worker waits for it, within the grace. A thread cannot be ended
/// from outside, so a long job has to look at its token now and then. The token fires when the worker is told to stop,
/// and when the caller has gone.
///
/// A job that returns an error or panics fails its worker; put expected errors into the reply. If the job drops the
/// reply, the ask gets [`AskError::NoReply`](tenure::AskError::NoReply). A job that somebody stops or kills fails
/// nobody, even before a thread has begun it.
///
/// ```
/// use tenure::prelude::*;
/// use tenure_actors::pool::{Blocking, Pool};
///
/// struct Sum { upto: u64, reply: ReplyTo<u64> }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), RunError> {
/// tenure::scope(async |scope| {
///     let worker = Blocking::new(|Sum { upto, reply }, token| {
///         let mut sum = 0;
///         for number in 1..=upto {
///             if number % 1_000 == 0 && token.is_cancelled() {
///                 return Ok(());
///             }
///             sum += number;
///         }
///         reply.send(sum);
///         Ok(())
///     });
///     // Two at a time; one that fails is restarted.
///     let pool = scope.spawn(Pool::of(2, move |_| {
///         ChildSpec::new(worker.clone()).restart(Restart::OnFailure)
///     }))?;
///     let sums = [10, 100_000].map(|upto| pool.ask(|reply| Sum { upto, reply }).owned());
///     let [few, many] = sums;
///     assert_eq!(tokio::try_join!(few, many)?, (55, 5_000_050_000));
///     Ok(())
/// })
/// .await
/// # }
/// ```
pub struct Blocking<M> {
    work: Arc<Work<M>>,
}

impl<M: Send + 'static> Blocking<M> {
    /// A worker that calls `work` with each message.
    #[must_use]
    pub fn new(work: impl Fn(M, &CancellationToken) -> Result + Send + Sync + 'static) -> Self {
        Self {
            work: Arc::new(work),
        }
    }
}

impl<M: Send + 'static> Actor for Blocking<M> {
    type Msg = M;

    async fn handle(&mut self, message: M, ctx: &mut Context<Self>) -> Result {
        let work = Arc::clone(&self.work);
        let mut job = ctx.blocking(move |token| work(message, &token))?;
        let (gone, told_to_end) = (ctx.caller_gone(), ctx.cancelled());
        tokio::select! {
            biased;
            done = &mut job => return unless_stopped(done),
            () = gone => job.cancel(),
            // Passes the stop on: the tree tells the job to stop only after this handler has returned.
            () = told_to_end => job.cancel(),
        }
        unless_stopped(job.await)
    }
}

/// A job that was stopped is no failure: whether a thread had begun it by then, or whether it has seen its token in
/// time, is chance.
fn unless_stopped(done: Result<(), TaskError>) -> Result {
    match done {
        Err(TaskError::Stopped(_)) => Ok(()),
        done => Ok(done?),
    }
}

impl<M> Clone for Blocking<M> {
    fn clone(&self) -> Self {
        Self {
            work: Arc::clone(&self.work),
        }
    }
}

impl<M> fmt::Debug for Blocking<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blocking").finish_non_exhaustive()
    }
}
