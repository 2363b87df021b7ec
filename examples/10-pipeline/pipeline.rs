//! The owner of the parts. It decides in which order they end.

use std::sync::Arc;
use std::time::Duration;

use tenure::prelude::*;

use crate::batcher::Batcher;
use crate::books::Books;
use crate::sink::{Disk, Sink};
use crate::source::Source;

/// The recipe of a pipeline.
pub(crate) struct Plan {
    pub(crate) period: Duration,
    pub(crate) books: Arc<Books>,
    pub(crate) disk: Arc<Disk>,
}

pub(crate) struct Pipeline {
    source: RefTo<Source>,
    batcher: RefTo<Batcher>,
}

impl Start for Plan {
    type Actor = Pipeline;

    async fn start(self, ctx: &mut Context<Pipeline>) -> tenure::Result<Pipeline> {
        let Self {
            period,
            books,
            disk,
        } = self;
        let backoff = Backoff::exponential(Duration::from_millis(20), Duration::from_secs(1));
        let sink = ChildSpec::new(Sink { disk })
            .restart(Restart::OnFailure)
            .intensity(20, Duration::from_secs(10))
            .backoff(backoff.reset_after(Duration::from_millis(100)));
        let sink = ctx.spawn(sink.name("sink"))?;
        let batcher = ChildSpec::new(Batcher::new(sink, Arc::clone(&books)))
            .mailbox(Mailbox::bounded(64))
            .grace(Duration::from_secs(15));
        let batcher = ctx.spawn(batcher.name("batcher"))?;
        let source = Source {
            period,
            next: 0,
            batcher: batcher.clone(),
            books,
        };
        let source = ctx.spawn(ChildSpec::new(source).name("source"))?;
        Ok(Pipeline { source, batcher })
    }
}

impl Actor for Pipeline {
    type Msg = std::convert::Infallible;

    async fn handle(&mut self, msg: Self::Msg, _ctx: &mut Context<Self>) -> tenure::Result {
        match msg {}
    }

    /// Without this hook the parts would end in the same order. But once this actor's token has fired, which is after
    /// the hook, a sink that fails is not restarted.
    async fn on_drain(&mut self, _ctx: &mut Context<Self>) -> tenure::Result {
        self.source.drain().await?;
        self.batcher.drain().await?;
        Ok(())
    }
}
