use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;

use super::{Given, Source};
use crate::tree::SourceKind;

/// A stream, whose items become messages.
pub(super) struct Items<S, F> {
    stream: Pin<Box<S>>,
    to_message: F,
}

impl<S, F> Items<S, F> {
    pub(super) fn new(stream: S, to_message: F) -> Self {
        Self {
            stream: Box::pin(stream),
            to_message,
        }
    }
}

impl<M, S, F> Source<M> for Items<S, F>
where
    S: Stream + Send,
    F: FnMut(S::Item) -> M + Send,
{
    fn kind(&self) -> SourceKind {
        SourceKind::Stream
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Given<M>> {
        let item = ready!(self.stream.as_mut().poll_next(cx));
        Poll::Ready(item.map_or(Given::End, |item| Given::Item((self.to_message)(item))))
    }
}

/// A stream, whose items and end become messages.
pub(super) struct ItemsAndEnd<S, F>(Items<S, F>);

impl<S, F> ItemsAndEnd<S, F> {
    pub(super) fn new(stream: S, to_message: F) -> Self {
        Self(Items::new(stream, to_message))
    }
}

impl<M, S, F> Source<M> for ItemsAndEnd<S, F>
where
    S: Stream + Send,
    F: FnMut(Option<S::Item>) -> M + Send,
{
    fn kind(&self) -> SourceKind {
        SourceKind::Stream
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Given<M>> {
        let item = ready!(self.0.stream.as_mut().poll_next(cx));
        let is_last = item.is_none();
        let message = (self.0.to_message)(item);
        Poll::Ready(if is_last {
            Given::Last(message)
        } else {
            Given::Item(message)
        })
    }
}
