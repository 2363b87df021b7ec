//! Makes an item each period, or as fast as the batcher takes them if that is slower.

use std::sync::Arc;
use std::time::Duration;

use tenure::prelude::*;

use crate::batcher::BatcherMsg;
use crate::books::Books;

pub(crate) struct Source {
    pub(crate) period: Duration,
    pub(crate) next: u64,
    pub(crate) batcher: ActorRef<BatcherMsg>,
    pub(crate) books: Arc<Books>,
}

pub(crate) struct Tick;

impl Actor for Source {
    type Msg = Tick;

    async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        ctx.send_every(self.period, || Tick);
        Ok(())
    }

    async fn handle(&mut self, Tick: Tick, _ctx: &mut Context<Self>) -> tenure::Result {
        self.batcher.tell(BatcherMsg::Item(self.next)).await?;
        self.books.accept();
        self.next += 1;
        Ok(())
    }
}
