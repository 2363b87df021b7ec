use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tenure::{Actor, CancellationToken, Context, Recipient, Result};

use super::actor::panicked;
use crate::held::Telling;
use crate::{caught, caught_while};

/// Delivers values to one subscriber that may be slow. Its mailbox keeps the last values.
pub(super) struct Courier<T: Send + 'static> {
    pub(super) to: Recipient<T>,
    /// Fires when the topic drains: from then on the courier does not wait for the subscriber.
    pub(super) is_last_call: CancellationToken,
    /// How many values the subscriber did not get.
    pub(super) dropped: Arc<AtomicU64>,
}

impl<T: Send + 'static> Actor for Courier<T> {
    type Msg = T;

    /// A value that does not reach its subscriber is a dead letter, whatever has ended: the subscriber, the subscription
    /// or the topic.
    async fn handle(&mut self, value: T, ctx: &mut Context<Self>) -> Result {
        let value = match caught(|| self.to.try_tell(value)) {
            Ok(Ok(())) => return Ok(()),
            // If the subscriber has ended, the tell below is refused at once.
            Ok(Err(refused)) => refused.into_inner(),
            Err(panic) => {
                self.panicked(&panic);
                return Ok(());
            }
        };
        let lose = |value| drop(ctx.stash(value));
        let mut tell = Telling::new(self.to.tell(value).even_if_cyclic(), lose);
        let told = tokio::select! {
            biased;
            told = caught_while(&mut tell) => told,
            () = self.is_last_call.cancelled() => return Ok(()),
            () = ctx.cancelled() => return Ok(()),
        };
        match told {
            Ok(Ok(())) => {}
            Ok(Err(refused)) => {
                tracing::debug!("a subscriber has ended before a value reached it");
                lose(refused.into_inner());
            }
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
