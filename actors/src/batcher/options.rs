use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use tenure::{Actor, ChildSpec, Context, IntoChild, Recipient, Result, Start};

use super::actor::Batcher;

type SinkFuture<T> = Pin<Box<dyn Future<Output = Result<Recipient<Vec<T>>>> + Send>>;
type MakeSink<T> = Box<dyn FnOnce(&Context<Batcher<T>>) -> SinkFuture<T> + Send>;

pub(super) type SizeOf<T> = Box<dyn Fn(&T) -> usize + Send + Sync>;

/// The recipe that a [`Batcher`] is started from.
#[must_use = "options do nothing until they are started"]
pub struct BatcherOptions<T: Send + 'static> {
    sink: MakeSink<T>,
    count: usize,
    bytes: Option<(usize, SizeOf<T>)>,
    time: Duration,
}

impl<T: Send + 'static> BatcherOptions<T> {
    /// A batcher in front of a sink that somebody else owns.
    pub fn to(sink: Recipient<Vec<T>>) -> Self {
        Self::of(Box::new(|_| Box::pin(async { Ok(sink) })))
    }

    /// A batcher in front of a child of its own, which is drained after it.
    pub fn with_sink<C>(sink: C) -> Self
    where
        C: IntoChild<Start: Start<Actor: Actor<Msg: From<Vec<T>>>>>,
    {
        Self::of(Box::new(move |ctx| {
            let spec = sink.into_spec();
            let starting = ctx.start(spec);
            Box::pin(async move { Ok(starting.await?.recipient()) })
        }))
    }

    fn of(sink: MakeSink<T>) -> Self {
        Self {
            sink,
            count: 100,
            bytes: None,
            time: Duration::from_millis(100),
        }
    }

    /// A batch is sent when it has this many items; by default 100. 0 is taken for 1.
    pub fn count(mut self, items: usize) -> Self {
        self.count = items.max(1);
        self
    }

    /// A batch is sent before it becomes larger than this; by default there is no limit. An item larger than the limit
    /// is sent alone. An item for which `size_of` panics is dropped, as a dead letter.
    pub fn bytes(
        mut self,
        limit: usize,
        size_of: impl Fn(&T) -> usize + Send + Sync + 'static,
    ) -> Self {
        self.bytes = Some((limit, Box::new(size_of)));
        self
    }

    /// A batch is sent when its first item has waited this long; by default 100 ms. With zero a batch has the items
    /// that are there already; a time too long for the clock counts as for ever.
    pub fn time(mut self, time: Duration) -> Self {
        self.time = time;
        self
    }

    /// The batcher as a child.
    pub fn spec(self) -> ChildSpec<Self> {
        ChildSpec::new(self)
    }
}

impl<T: Send + 'static> Start for BatcherOptions<T> {
    type Actor = Batcher<T>;

    async fn start(self, ctx: &mut Context<Batcher<T>>) -> Result<Batcher<T>> {
        let sink = (self.sink)(ctx).await?;
        Ok(Batcher {
            sink,
            count: self.count,
            bytes: self.bytes,
            time: self.time,
            ahead: None,
        })
    }
}

impl<T: Send + 'static> fmt::Debug for BatcherOptions<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatcherOptions")
            .field("count", &self.count)
            .field("time", &self.time)
            .finish_non_exhaustive()
    }
}
