use tenure::{Actor, CancellationToken, Context, Recipient, Result, TrySendError};

/// Takes values to one subscriber that may be slow. Its mailbox keeps the last ones.
pub(super) struct Courier<T: Send + 'static> {
    pub(super) to: Recipient<T>,
    /// The topic drains: nobody is waited for any more.
    pub(super) is_last_call: CancellationToken,
}

impl<T: Clone + Send + 'static> Actor for Courier<T> {
    type Msg = T;

    async fn handle(&mut self, value: T, ctx: &mut Context<Self>) -> Result {
        let value = match self.to.try_tell(value) {
            Ok(()) => return Ok(()),
            // Its end comes to the topic.
            Err(TrySendError::Stopped(_)) => return Ok(()),
            Err(TrySendError::Full(value)) => value.into_inner(),
        };
        let told = tokio::select! {
            biased;
            told = self.to.tell(value.clone()).even_if_cyclic() => told,
            () = self.is_last_call.cancelled() => {
                // A dead letter.
                drop(ctx.stash(value));
                return Ok(());
            }
            () = ctx.cancelled() => return Ok(()),
        };
        if told.is_err() {
            tracing::debug!("a subscriber has ended before a value reached it");
        }
        Ok(())
    }
}
