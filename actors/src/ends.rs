//! The ends of those whom an actor only knows as recipients.

use futures_util::stream::{self, Stream};
use tenure::{NodeId, Recipient, StopError};

/// Gives the number of the actor once that has ended.
pub(crate) fn end_of<T: Send + 'static>(
    recipient: &Recipient<T>,
) -> impl Stream<Item = NodeId> + use<T> {
    let (id, stopped) = (recipient.id(), recipient.stopped().even_if_cyclic());
    stream::once(async move {
        match stopped.await {
            // Itself or an owner: whoever waits is gone by then.
            Err(StopError::WaitsForItself) => std::future::pending().await,
            _ => id,
        }
    })
}
