use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::{Given, Source};
use crate::actor::{ActorRef, TaskHandle};
use crate::error::{StopError, StopReason};
use crate::tree::{NodeRef, SourceKind, UntilStopped, Watched};

/// The end of a node, which becomes a message.
pub(super) struct NodeEnd<F> {
    node: NodeRef,
    stopped: UntilStopped,
    to_message: Option<F>,
}

impl<F> NodeEnd<F> {
    pub(super) fn new(node: NodeRef, to_message: F) -> Self {
        Self {
            stopped: UntilStopped::new(Arc::clone(node.any())),
            node,
            to_message: Some(to_message),
        }
    }
}

impl<M, F: FnOnce(Watched) -> M + Send> Source<M> for NodeEnd<F> {
    fn kind(&self) -> SourceKind {
        SourceKind::Watch
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Given<M>> {
        let reason = match ready!(Pin::new(&mut self.stopped).poll(cx)) {
            Ok(reason) => Some(reason),
            Err(StopError::Failed(failure)) => Some(StopReason::Failed(failure)),
            Err(StopError::CutShort(cut)) => Some(StopReason::CutShort(cut)),
            Err(_) => self.node.any().reason(),
        };
        let (Some(reason), Some(to_message)) = (reason, self.to_message.take()) else {
            return Poll::Ready(Given::End);
        };
        let node = self.node.clone();
        Poll::Ready(Given::Last(to_message(Watched::new(node, reason))))
    }
}

impl From<&NodeRef> for NodeRef {
    fn from(node: &NodeRef) -> Self {
        node.clone()
    }
}

impl<M: Send + 'static> From<&ActorRef<M>> for NodeRef {
    fn from(actor: &ActorRef<M>) -> Self {
        actor.node()
    }
}

impl<T: Send + 'static> From<&TaskHandle<T>> for NodeRef {
    fn from(task: &TaskHandle<T>) -> Self {
        task.node()
    }
}
