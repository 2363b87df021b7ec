use std::fmt;

use tenure::{Actor, ActorRef, Context, Result};

use super::bucket::Bucket;

/// Forwards messages to another actor, one for each token of its [`Bucket`]. It waits for tokens in a drain too, so its
/// grace has to be long enough for the messages that wait.
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
    /// Fails if the other actor takes no more messages.
    async fn handle(&mut self, message: M, ctx: &mut Context<Self>) -> Result {
        // An ask that its caller gives up while it waits is dropped, and takes no token.
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
