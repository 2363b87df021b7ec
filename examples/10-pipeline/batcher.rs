//! Collects items until there are enough for a batch, or the first one has waited for long enough.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use tenure::prelude::*;

use crate::books::Books;
use crate::sink::{Batch, Store};

/// How many items make a batch.
pub(crate) const FULL: usize = 16;
/// How long an item may wait for others.
pub(crate) const DELAY: Duration = Duration::from_millis(100);

pub(crate) struct Batcher {
    /// Items that the sink has not reported as stored.
    items: Vec<u64>,
    number: u64,
    sink: ActorRef<Store>,
    books: Arc<Books>,
}

pub(crate) enum BatcherMsg {
    Item(u64),
    /// The first item of the batch with this number has waited for long enough.
    Late(u64),
}

impl Batcher {
    pub(crate) fn new(sink: ActorRef<Store>, books: Arc<Books>) -> Self {
        Self {
            items: Vec::with_capacity(FULL),
            number: 0,
            sink,
            books,
        }
    }

    /// Returns once the items are stored, however often the sink fails. Fails if the sink is given up.
    async fn flush(&mut self) -> tenure::Result {
        if self.items.is_empty() {
            return Ok(());
        }
        let batch = Batch {
            number: self.number,
            items: self.items.clone().into(),
        };
        loop {
            let store = |reply| Store {
                batch: batch.clone(),
                reply,
            };
            match self.sink.ask(store).await {
                Ok(()) => break,
                // The next incarnation of the sink can see by the number whether this batch is stored already.
                Err(AskError::Failed) => tracing::warn!(number = batch.number, "asks again"),
                Err(error) => return Err(error.into()),
            }
        }
        self.items.clear();
        self.number += 1;
        Ok(())
    }
}

impl Actor for Batcher {
    type Msg = BatcherMsg;

    async fn handle(&mut self, msg: BatcherMsg, ctx: &mut Context<Self>) -> tenure::Result {
        match msg {
            BatcherMsg::Item(item) => {
                if self.items.is_empty() {
                    ctx.send_after(DELAY, BatcherMsg::Late(self.number));
                }
                self.items.push(item);
                if self.items.len() == FULL {
                    self.flush().await?;
                }
            }
            BatcherMsg::Late(number) if number == self.number => self.flush().await?,
            BatcherMsg::Late(_) => {} // it was full before
        }
        Ok(())
    }

    async fn on_drain(&mut self, _ctx: &mut Context<Self>) -> tenure::Result {
        self.flush().await
    }

    fn label(msg: &BatcherMsg) -> &'static str {
        match msg {
            BatcherMsg::Item(_) => "Item",
            BatcherMsg::Late(_) => "Late",
        }
    }
}

/// Runs at each end, whatever kind of end it is.
impl Drop for Batcher {
    fn drop(&mut self) {
        let items = mem::take(&mut self.items);
        if !items.is_empty() {
            self.books.miss(&items);
        }
    }
}
