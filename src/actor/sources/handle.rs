use std::fmt;
use std::sync::Arc;

use super::ready_queue::SourceHandle;

/// Each has a type of its own: what it is says the signature.
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

            /// Ends it, from anywhere. What it has given but the actor has not begun to handle is
            /// taken back; the rest of it is dropped by the actor, before the next message that is
            /// not the mailbox's.
            pub fn cancel(&self) {
                self.0.cancel();
            }

            /// Whether it may still give something: it has not been cancelled, has not come to
            /// its end, and its actor has not begun to end.
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
    /// A timer of an actor's, made by [`Context::send_after`](crate::Context::send_after),
    /// [`send_every`](crate::Context::send_every) or
    /// [`receive_timeout`](crate::Context::receive_timeout).
    Timer

    /// A stream that an actor reads, made by [`Context::attach`](crate::Context::attach).
    Attached

    /// An actor's wait for the end of another node, made by
    /// [`Context::watch`](crate::Context::watch).
    Watch
}
