use std::fmt;
use std::hash::{Hash, Hasher};
use std::panic::Location;
use std::sync::Arc;

use crate::error::{Kind, Phase, StopError, StopReason};
use crate::tree::node::{AnyNode, NodeId, Order, request_and_wait, request_from};
use crate::tree::waiting::{Stopped, Stopping};

/// An untyped reference to a node, which can be looked at and stopped, but not sent to.
///
/// It observes: holding or dropping one changes nothing ([rule 12](crate::lifecycle#rule-12)).
///
/// ```
/// # use tenure::prelude::*;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), RunError> {
/// tenure::scope(async |scope| {
///     let task = scope.task(std::future::pending::<()>())?;
///     let node = task.node();
///     assert_eq!(node.kind(), tenure::Kind::Task);
///     node.stop().await?;
///     assert_eq!(node.phase(), tenure::Phase::Stopped);
///     Ok(())
/// })
/// .await
/// # }
/// ```
#[derive(Clone)]
pub struct NodeRef {
    node: Arc<dyn AnyNode>,
}

impl NodeRef {
    pub(crate) fn new(node: Arc<dyn AnyNode>) -> Self {
        Self { node }
    }

    pub(crate) fn any(&self) -> &Arc<dyn AnyNode> {
        &self.node
    }

    /// A number that no other node of this process has.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.node.id()
    }

    /// What sort of node it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.node.kind()
    }

    /// The name that its spec gave it.
    #[must_use]
    pub fn name(&self) -> Option<String> {
        self.node.name()
    }

    /// Where it is in the tree, from the root down, such as `/root/jobs/worker-3`. The name of its system comes first
    /// if it has one, as in `shop:/root/jobs`. Nodes without a name appear with their type and number. The middle of a
    /// path of more than 64 segments is left out.
    #[must_use]
    pub fn path(&self) -> String {
        self.node.path(self.node.type_name())
    }

    /// The type name of the actor, or the name of the function in which the task, job or scope was written. For a
    /// future with a named type it is that type's name.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        self.node.type_name()
    }

    /// Where it was spawned.
    #[must_use]
    pub fn site(&self) -> &'static Location<'static> {
        self.node.site()
    }

    /// Where in its life it is.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.node.phase()
    }

    /// The label of the message that it is handling, if it is handling one.
    #[must_use]
    pub fn label(&self) -> Option<&'static str> {
        let (_, busy) = self.node.progress();
        self.node.label().filter(|_| busy)
    }

    /// How many messages wait in its mailbox.
    #[must_use]
    pub fn backlog(&self) -> u64 {
        self.node.backlog()
    }

    /// How many accepted messages it is not done with: those that wait in its mailbox, and those that its current
    /// handler has taken. Use it to hand work to the least loaded node.
    #[must_use]
    pub fn in_hand(&self) -> u64 {
        self.node.in_hand()
    }

    /// How it ended; `None` until it and everything beneath it have ended.
    ///
    /// # Errors
    ///
    /// Those of [`stopped`](NodeRef::stopped).
    #[must_use]
    pub fn outcome(&self) -> Option<Result<StopReason, StopError>> {
        self.node.reason().map(StopReason::into_result)
    }

    /// The live nodes right beneath it, the oldest first.
    #[must_use]
    pub fn children(&self) -> Vec<Self> {
        self.node.children().into_iter().map(Self::new).collect()
    }

    /// The node above it; `None` for a root.
    #[must_use]
    pub fn owner(&self) -> Option<Self> {
        self.node.owner().cloned().map(Self::new)
    }

    /// Asks for a stop: it finishes what it is doing, discards its queue, stops its children, tasks before
    /// actors, and ends. See [`ActorRef::stop`](crate::ActorRef::stop).
    ///
    /// # Errors
    ///
    /// Those of [`Stopping`], when it is awaited.
    #[track_caller]
    pub fn stop(&self) -> Stopping {
        self.end(Order::Stop)
    }

    /// Asks for a drain: as a stop, but all accepted messages are handled first, and everything beneath it drains too.
    /// An actor that fails meanwhile is not restarted. See [`ActorRef::drain`](crate::ActorRef::drain).
    ///
    /// # Errors
    ///
    /// Those of [`Stopping`], when it is awaited.
    #[track_caller]
    pub fn drain(&self) -> Stopping {
        self.end(Order::Drain)
    }

    /// Kills it: drops its code at the current await point, runs no hooks, and kills everything beneath it.
    ///
    /// # Errors
    ///
    /// Those of [`Stopping`], when it is awaited.
    #[track_caller]
    pub fn kill(&self) -> Stopping {
        self.end(Order::Kill)
    }

    /// As [`stop`](Self::stop), without a future to wait for the end.
    #[track_caller]
    pub fn request_stop(&self) {
        self.request(Order::Stop);
    }

    /// As [`drain`](Self::drain), without a future to wait for the end.
    #[track_caller]
    pub fn request_drain(&self) {
        self.request(Order::Drain);
    }

    /// As [`kill`](Self::kill), without a future to wait for the end.
    #[track_caller]
    pub fn request_kill(&self) {
        self.request(Order::Kill);
    }

    /// Waits for its end without asking for it.
    ///
    /// # Errors
    ///
    /// Those of [`Stopped`], when it is awaited.
    pub fn stopped(&self) -> Stopped {
        Stopped::new(Arc::clone(&self.node))
    }

    #[track_caller]
    pub(crate) fn end(&self, order: Order) -> Stopping {
        let asked_at = request_and_wait(&self.node, order, Location::caller());
        Stopping::new(Arc::clone(&self.node), asked_at)
    }

    #[track_caller]
    fn request(&self, order: Order) {
        request_from(&self.node, order, Location::caller());
    }
}

impl PartialEq for NodeRef {
    fn eq(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}

impl Eq for NodeRef {}

impl Hash for NodeRef {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id().hash(state);
    }
}

impl fmt::Debug for NodeRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeRef")
            .field("path", &self.path())
            .field("kind", &self.kind())
            .field("phase", &self.phase())
            .finish()
    }
}
