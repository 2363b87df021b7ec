//! Stores batches on a disk that fails, and is restarted when it does.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tenure::prelude::*;

/// In place of a disk: it outlives the actors that write to it.
#[derive(Debug)]
pub(crate) struct Disk {
    failing_each: u64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    writes: u64,
    next_batch: u64,
    items: Vec<u64>,
}

#[derive(Clone)]
pub(crate) struct Batch {
    pub(crate) number: u64,
    pub(crate) items: Arc<[u64]>,
}

impl Disk {
    /// One of this many writes fails, alternately before and after it has stored the batch.
    pub(crate) fn failing_each(failing_each: u64) -> Self {
        Self {
            failing_each,
            state: Mutex::default(),
        }
    }

    fn write(&self, batch: &Batch) -> io::Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.writes += 1;
        let fails = state.writes.is_multiple_of(self.failing_each);
        let is_odd = (state.writes / self.failing_each) % 2 == 1;
        if fails && is_odd {
            return Err(io::Error::other("the disk is away"));
        }
        // A batch with an earlier number was stored by a write that failed afterwards.
        if batch.number == state.next_batch {
            state.items.extend(batch.items.iter());
            state.next_batch += 1;
        }
        if fails {
            return Err(io::Error::other("the disk does not answer"));
        }
        Ok(())
    }

    pub(crate) fn stored(&self) -> Vec<u64> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.items.clone()
    }
}

#[derive(Clone)]
pub(crate) struct Sink {
    pub(crate) disk: Arc<Disk>,
}

/// A batch to be stored. The reply comes once it is.
pub(crate) struct Store {
    pub(crate) batch: Batch,
    pub(crate) reply: ReplyTo<()>,
}

impl Actor for Sink {
    type Msg = Store;

    async fn handle(&mut self, store: Store, _ctx: &mut Context<Self>) -> tenure::Result {
        self.disk.write(&store.batch)?;
        store.reply.send(());
        Ok(())
    }
}
