use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tenure::{Actor, CancellationToken, Context, Recipient, Result, TrySendError};

use super::actor::panicked;
use crate::{caught, caught_while};

/// Delivers values to one subscriber that may be slow. Its mailbox keeps the last values.
pub(super) struct Courier<T: Send + 'static> {
    pub(super) to: Recipient<T>,
    /// Fires when the topic drains: from then on the courier does not wait for the subscriber.
    pub(super) is_last_call: CancellationToken,
    /// How many values the subscriber did not get.
    pub(super) dropped: Arc<AtomicU64>,
}

impl<T: Clone + Send + 'static> Actor for Courier<T> {
    type Msg = T;

    async fn handle(&mut self, value: T, ctx: &mut Context<Self>) -> Result {
        let value = match caught(|| self.to.try_tell(value)) {
            Ok(Ok(())) => return Ok(()),
            // The topic is told of its end.
            Ok(Err(TrySendError::Stopped(_))) => return Ok(()),
            Ok(Err(TrySendError::Full(value))) => value.into_inner(),
            Err(panic) => {
                self.panicked(&panic);
                return Ok(());
            }
        };
        let told = tokio::select! {
            biased;
            told = caught_while(self.to.tell(value.clone()).even_if_cyclic()) => told,
            () = self.is_last_call.cancelled() => {
                // Makes it a dead letter.
                drop(ctx.stash(value));
                return Ok(());
            }
            () = ctx.cancelled() => return Ok(()),
        };
        match told {
            Ok(Ok(())) => {}
            Ok(Err(_)) => tracing::debug!("a subscriber has ended before a value reached it"),
            Err(panic) => self.panicked(&panic),
        }
        Ok(())
    }
}

impl<T: Send + 'static> Courier<T> {
    fn panicked(&self, panic: &str) {
        panicked(panic);
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }
}
