use std::fmt;
use std::sync::{Arc, Weak};

use super::ActorRef;
use super::cell::ActorCell;

/// A weak reference to an actor. Made by [`Context::me_weak`](crate::Context::me_weak) and
/// [`ActorRef::downgrade`](crate::ActorRef::downgrade). For a reference that an actor keeps to itself, or for a table
/// of actors.
///
/// No reference keeps an actor alive ([rule 12](crate::lifecycle#rule-12)), but the holder of a counted one may still
/// send. So an actor that holds a counted reference to itself is never shown as
/// [unreachable](crate::observe::Snapshot#unreachable). With a weak one it is.
///
/// ```
/// # use tenure::prelude::*;
/// # use tenure::WeakRef;
/// struct Session {
///     /// For the callbacks of a library.
///     me: Option<WeakRef<&'static str>>,
/// }
///
/// impl Actor for Session {
///     type Msg = &'static str;
///
///     async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
///         self.me = Some(ctx.me_weak());
///         Ok(())
///     }
///
///     async fn handle(&mut self, _: &'static str, _: &mut Context<Self>) -> tenure::Result {
///         let me = self.me.as_ref().and_then(WeakRef::upgrade);
///         assert!(me.is_some());
///         Ok(())
///     }
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), RunError> {
/// # tenure::scope(async |scope| {
/// #     scope.spawn(Session { me: None })?.tell("hello").await?;
/// #     Ok(())
/// # })
/// # .await
/// # }
/// ```
pub struct WeakRef<M: Send + 'static>(Weak<ActorCell<M>>);

impl<M: Send + 'static> WeakRef<M> {
    pub(super) fn new(cell: &Arc<ActorCell<M>>) -> Self {
        Self(Arc::downgrade(cell))
    }

    /// A counted reference to the same actor; `None` once the actor has ended and nobody has a counted reference.
    #[must_use]
    pub fn upgrade(&self) -> Option<ActorRef<M>> {
        self.0.upgrade().map(ActorRef::new)
    }
}

impl<M: Send + 'static> Clone for WeakRef<M> {
    fn clone(&self) -> Self {
        Self(Weak::clone(&self.0))
    }
}

impl<M: Send + 'static> fmt::Debug for WeakRef<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WeakRef").field(&self.upgrade()).finish()
    }
}
