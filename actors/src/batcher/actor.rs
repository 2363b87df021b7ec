use std::fmt;
use std::time::Duration;

use futures_util::FutureExt;
use tenure::{Actor, Context, Recipient, Result, SendError};
use tokio::time::timeout;

use super::error::BatcherError;
use super::options::SizeOf;

/// Gathers items into batches. Started from [`BatcherOptions`](super::BatcherOptions).
pub struct Batcher<T: Send + 'static> {
    pub(super) sink: Recipient<Vec<T>>,
    pub(super) count: usize,
    /// How large a batch may become, and how large an item is.
    pub(super) bytes: Option<(usize, SizeOf<T>)>,
    pub(super) time: Duration,
    /// An item that would have made the last batch too large.
    pub(super) ahead: Option<T>,
}

impl<T: Send + 'static> Batcher<T> {
    fn size_of(&self, item: &T) -> usize {
        let size = self.bytes.as_ref().map(|(_, size_of)| size_of(item));
        size.unwrap_or(0)
    }

    fn limit(&self) -> usize {
        self.bytes.as_ref().map_or(usize::MAX, |(limit, _)| *limit)
    }

    /// The batch that begins with this item.
    async fn gather(&mut self, first: T, ctx: &mut Context<Self>) -> Vec<T> {
        let (time, mut size) = (self.time, self.size_of(&first));
        let mut batch = vec![first];
        let more = async {
            while batch.len() < self.count && size < self.limit() {
                let Some(item) = ctx.next().await else {
                    break;
                };
                let with_it = size.saturating_add(self.size_of(&item));
                if with_it > self.limit() {
                    self.ahead = Some(item);
                    break;
                }
                size = with_it;
                batch.push(item);
            }
        };
        // What has been gathered when the time is up stays.
        let is_full = timeout(time, more).await.is_ok();
        tracing::trace!(items = batch.len(), is_full, "a batch goes");
        batch
    }

    async fn flush(&mut self, batch: Vec<T>, ctx: &Context<Self>) -> Result {
        if ctx.cancelled().now_or_never().is_some() {
            // It is told to stop, and not to drain.
            drop_all(batch, ctx);
            return Ok(());
        }
        let items = batch.len();
        let error = match self.sink.tell(batch).await {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        let why = match &error {
            SendError::Deadlock(..) => BatcherError::Deadlock { items },
            _ => BatcherError::SinkStopped { items },
        };
        drop_all(error.into_inner(), ctx);
        Err(why.into())
    }
}

/// They were accepted, and nobody handles them.
fn drop_all<T: Send + 'static>(batch: Vec<T>, ctx: &Context<Batcher<T>>) {
    for item in batch {
        drop(ctx.stash(item));
    }
}

impl<T: Send + 'static> Actor for Batcher<T> {
    type Msg = T;

    /// One batch, or several if items are large. What is gathered is never left between two messages, so a drain
    /// finds nothing: it ends the wait for more.
    async fn handle(&mut self, first: T, ctx: &mut Context<Self>) -> Result {
        let mut next = Some(first);
        while let Some(first) = next {
            let batch = self.gather(first, ctx).await;
            let flushed = self.flush(batch, ctx).await;
            next = self.ahead.take();
            if flushed.is_err() {
                drop_all(next.into_iter().collect(), ctx);
                return flushed;
            }
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
