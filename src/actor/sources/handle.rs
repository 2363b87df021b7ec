use std::fmt;
use std::sync::Arc;

use super::ready_queue::SourceHandle;

/// One type for each source, so that signatures are specific.
macro_rules! handles {
    ($($(#[$doc:meta])* $name:ident)*) => { $(
        $(#[$doc])*
        ///
        /// Dropping it changes nothing, and it keeps nothing alive ([rule 12](crate::lifecycle#rule-12)).
        #[derive(Clone)]
        pub struct $name(Arc<SourceHandle>);

        impl $name {
            pub(super) fn new(handle: Arc<SourceHandle>) -> Self {
                Self(handle)
            }

            /// Ends it, from anywhere. A message that it has given and that the actor has not begun to handle is taken
            /// back. The actor drops the source itself before it handles the next message of a source.
            pub fn cancel(&self) {
                self.0.cancel();
            }

            /// Whether it may still give a message: it was not cancelled, has not come to its end, and its actor has
            /// not begun to end.
            #[must_use]
            pub fn is_active(&self) -> bool {
                self.0.is_active()
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name))
                    .field("is_active", &self.is_active())
                    .finish()
            }
        }
    )* };
}

handles! {
    /// A timer of an actor. Made by [`Context::send_after`](crate::Context::send_after),
    /// [`send_every`](crate::Context::send_every) or [`receive_timeout`](crate::Context::receive_timeout).
    Timer

    /// A stream that an actor reads. Made by [`Context::attach`](crate::Context::attach).
    Attached

    /// An actor's wait for the end of another node. Made by [`Context::watch`](crate::Context::watch).
    Watch
}
