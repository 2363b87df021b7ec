use std::fmt;
use std::time::Duration;

use tenure::{Actor, Context, Recipient, Result, SendError, Stashed};
use tokio::time::timeout;

use super::error::BatcherError;
use super::options::SizeOf;
use crate::caught;
use crate::held::{Held, tell_until_stopped};

/// Gathers items into batches. Started from [`BatcherOptions`](super::BatcherOptions).
pub struct Batcher<T: Send + 'static> {
    pub(super) sink: Recipient<Vec<T>>,
    pub(super) count: usize,
    /// The size limit of a batch, and the function that measures an item.
    pub(super) bytes: Option<(usize, SizeOf<T>)>,
    pub(super) time: Duration,
    /// An item that did not fit into the last batch, and its size.
    pub(super) ahead: Option<(Stashed<T>, usize)>,
}

impl<T: Send + 'static> Batcher<T> {
    /// The item and its size. `None` if the user's `size_of` has panicked: then this item alone is dropped.
    fn measure(&self, item: T, ctx: &Context<Self>) -> Option<(T, usize)> {
        let Some((_, size_of)) = &self.bytes else {
            return Some((item, 0));
        };
        match caught(|| size_of(&item)) {
            Ok(size) => Some((item, size)),
            Err(panic) => {
                tracing::warn!(panic, "an item has no size, and is dropped");
                drop(ctx.stash(item));
                None
            }
        }
    }

    fn limit(&self) -> usize {
        self.bytes.as_ref().map_or(usize::MAX, |(limit, _)| *limit)
    }

    /// Gathers the batch that begins with this item of this size.
    async fn gather(&mut self, first: T, mut size: usize, ctx: &mut Context<Self>) -> Vec<T> {
        let (time, mut held) = (self.time, Held::new(ctx, vec![first]));
        let more = async {
            while held.messages.len() < self.count && size < self.limit() {
                let Some(item) = held.ctx.next().await else {
                    break;
                };
                let Some((item, its_size)) = self.measure(item, held.ctx) else {
                    continue;
                };
                let with_it = size.saturating_add(its_size);
                if with_it > self.limit() {
                    // Stashed: if the batcher ends before the next batch, the item becomes a dead letter.
                    self.ahead = Some((held.ctx.stash(item), its_size));
                    break;
                }
                size = with_it;
                held.messages.push(item);
            }
        };
        // When the time is up, the items gathered so far are the batch.
        let is_full = timeout(time, more).await.is_ok();
        let batch = held.take();
        tracing::trace!(items = batch.len(), is_full, "a batch goes");
        batch
    }

    async fn flush(&mut self, batch: Vec<T>, ctx: &Context<Self>) -> Result {
        let items = batch.len();
        let lose = |batch| drop_all(batch, ctx);
        let Err(error) = tell_until_stopped(&self.sink, batch, ctx, lose).await else {
            return Ok(());
        };
        let why = match &error {
            SendError::Deadlock(..) => BatcherError::Deadlock { items },
            _ => BatcherError::SinkStopped { items },
        };
        drop_all(error.into_inner(), ctx);
        Err(why.into())
    }
}

/// Makes dead letters of these items: they were accepted, but are not handled.
fn drop_all<T: Send + 'static>(batch: Vec<T>, ctx: &Context<Batcher<T>>) {
    for item in batch {
        drop(ctx.stash(item));
    }
}

impl<T: Send + 'static> Actor for Batcher<T> {
    type Msg = T;

    /// Hands on one batch, or several if items are large. Nothing stays gathered between two calls, so a drain only has
    /// to end the wait for more items.
    async fn handle(&mut self, first: T, ctx: &mut Context<Self>) -> Result {
        let mut next = self.measure(first, ctx);
        while let Some((first, size)) = next {
            let batch = self.gather(first, size, ctx).await;
            self.flush(batch, ctx).await?;
            let ahead = self.ahead.take();
            next = ahead.map(|(item, size)| (item.into_inner(), size));
        }
        Ok(())
    }
}

impl<T: Send + 'static> fmt::Debug for Batcher<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batcher")
            .field("sink", &self.sink)
            .finish_non_exhaustive()
    }
}
