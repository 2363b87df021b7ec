use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::{Given, Source};
use crate::actor::{ActorRef, TaskHandle};
use crate::error::{Kind, StopError, StopReason};
use crate::tree::{NodeId, NodeRef, SourceKind, UntilStopped};

/// The end of a node, as one that watches it sees it. See [`Context::watch`](crate::Context::watch).
#[derive(Clone)]
pub struct Watched {
    node: NodeRef,
    reason: StopReason,
}

impl Watched {
    /// The number of the node that has ended.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.node.id()
    }

    /// Its name, if it had one. The name is free again.
    #[must_use]
    pub fn name(&self) -> Option<String> {
        self.node.name()
    }

    /// Where it was in its tree.
    #[must_use]
    pub fn path(&self) -> String {
        self.node.path()
    }

    /// What sort of node it was.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.node.kind()
    }

    /// How it ended.
    #[must_use]
    pub fn reason(&self) -> &StopReason {
        &self.reason
    }
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched")
            .field("path", &self.path())
            .field("kind", &self.kind())
            .field("reason", &self.reason)
            .finish()
    }
}

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
        Poll::Ready(Given::Last(to_message(Watched { node, reason })))
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
