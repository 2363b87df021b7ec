use std::fmt;

use tenure::{Actor, ActorRef, Context, Result};

use super::bucket::Bucket;

/// Hands what it gets on to another actor, one for each token of its [`Bucket`]. It waits in a drain, too, so its grace has
/// to be long enough for what waits.
#[derive(Clone)]
pub struct Limiter<M: Send + 'static> {
    bucket: Bucket,
    to: ActorRef<M>,
}

impl<M: Send + 'static> Limiter<M> {
    /// A limiter in front of this actor.
    #[must_use]
    pub fn new(bucket: Bucket, to: ActorRef<M>) -> Self {
        Self { bucket, to }
    }
}

impl<M: Send + 'static> Actor for Limiter<M> {
    type Msg = M;

    /// # Errors
    ///
    /// Fails if the actor behind it takes no more messages.
    async fn handle(&mut self, message: M, ctx: &mut Context<Self>) -> Result {
        // Whoever gives up on an ask while it waits takes it along, and no token.
        let message = ctx.stash(message);
        let mut gone = std::pin::pin!(ctx.caller_gone());
        tokio::select! {
            biased;
            () = ctx.cancelled() => return Ok(()),
            () = &mut gone => return Ok(()),
            taken = self.bucket.take(1) => taken?,
        }
        tokio::select! {
            biased;
            () = ctx.cancelled() => {}
            () = &mut gone => {}
            forwarded = message.forward(&self.to) => forwarded?,
        }
        Ok(())
    }
}

impl<M: Send + 'static> fmt::Debug for Limiter<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limiter")
            .field("bucket", &self.bucket)
            .field("to", &self.to)
            .finish()
    }
}
