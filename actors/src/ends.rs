//! Waits for the ends of actors that are only known as recipients.

use futures_util::stream::{self, Stream};
use tenure::{NodeId, Recipient, StopError};

/// Gives the number of the actor once it has ended.
pub(crate) fn end_of<T: Send + 'static>(
    recipient: &Recipient<T>,
) -> impl Stream<Item = NodeId> + use<T> {
    let (id, stopped) = (recipient.id(), recipient.stopped().even_if_cyclic());
    stream::once(async move {
        match stopped.await {
            // The recipient is the waiter itself or an owner of it: the waiter is gone by its end.
            Err(StopError::WaitsForItself) => std::future::pending().await,
            _ => id,
        }
    })
}
