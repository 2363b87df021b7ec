use std::any::Any;
use std::sync::Arc;

use super::{ActorCell, ActorRef, Spawner};
use crate::error::LookupError;
use crate::tree::NodeRef;

impl Spawner {
    /// The live node at this path. A path with a leading slash starts at the root of the tree, any other at the owner.
    /// See [`NodeRef::find`].
    #[must_use]
    pub fn find(&self, path: &str) -> Option<NodeRef> {
        self.node().find(path)
    }

    /// The live actor at this path (which contains a slash: see [`NodeRef::find`]), or with this name anywhere in the
    /// tree.
    ///
    /// If several actors have the name and take `M`s, the one nearest to the root is found. The search for a name takes
    /// time linear in the number of nodes down to the level of the found one, so keep the reference. Actors that are
    /// stopping are found until they have ended.
    ///
    /// ```
    /// # use tenure::prelude::*;
    /// # use tenure::LookupError;
    /// # struct Clock;
    /// # struct Tick;
    /// # impl Actor for Clock {
    /// #     type Msg = Tick;
    /// #     async fn handle(&mut self, _: Tick, _: &mut Context<Self>) -> tenure::Result { Ok(()) }
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), RunError> {
    /// tenure::scope(async |scope| {
    ///     let clock = scope.spawn(ChildSpec::new(Clock).name("clock"))?;
    ///     assert_eq!(scope.lookup::<Tick>("clock"), Ok(clock.clone()));
    ///     assert_eq!(scope.lookup::<Tick>("/clock"), Ok(clock));
    ///     assert!(matches!(scope.lookup::<u8>("clock"), Err(LookupError::WrongType { .. })));
    ///     Ok(())
    /// })
    /// .await
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`LookupError`]. A text that cannot be a name is not found.
    pub fn lookup<M: Send + 'static>(
        &self,
        path_or_name: &str,
    ) -> Result<ActorRef<M>, LookupError> {
        if path_or_name.contains('/') {
            let node = self.find(path_or_name).ok_or(LookupError::NotFound)?;
            return node
                .actor()
                .ok_or_else(|| LookupError::WrongType { path: node.path() });
        }
        let mut other = None;
        let found = self.node().named(path_or_name, |nodes| {
            let actors: Vec<ActorRef<M>> = nodes.iter().filter_map(NodeRef::actor).collect();
            if actors.is_empty() {
                other = other.take().or_else(|| nodes.into_iter().next());
            }
            (!actors.is_empty()).then_some(actors)
        });
        match (found, other) {
            (None, None) => Err(LookupError::NotFound),
            (None, Some(node)) => Err(LookupError::WrongType { path: node.path() }),
            (Some(mut actors), _) if actors.len() == 1 => actors.pop().ok_or(LookupError::NotFound),
            (Some(actors), _) => Err(LookupError::Ambiguous {
                paths: actors.iter().map(ActorRef::path).collect(),
            }),
        }
    }

    /// How many messages of this system were accepted and never handled since it began: those discarded by a stop, a
    /// kill or a failure, dropped by a mailbox, or dropped with a runtime. Asks whose callers had gone before they were
    /// started do not count.
    #[must_use]
    pub fn dead_letters(&self) -> u64 {
        self.owner().node().shared.letters.total()
    }
}

impl NodeRef {
    /// A typed reference to this node, if it is an actor that takes `M`s.
    #[must_use]
    pub fn actor<M: Send + 'static>(&self) -> Option<ActorRef<M>> {
        let any: Arc<dyn Any + Send + Sync> = Arc::clone(self.any()) as _;
        let cell = any.downcast::<ActorCell<M>>().ok()?;
        Some(ActorRef::new(cell))
    }
}
