use std::fmt;
use std::time::Duration;

use crate::actor::Start;
use crate::mailbox::Mailbox;
use crate::tree::{Settings, StopOrder};

/// What to start as a child, and how: anything that is not the default is said here.
///
/// ```
/// # use std::time::Duration;
/// # use tenure::prelude::*;
/// # struct Worker;
/// # impl Actor for Worker {
/// #     type Msg = ();
/// #     async fn handle(&mut self, _: (), _: &mut Context<Self>) -> tenure::Result { Ok(()) }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), RunError> {
/// tenure::scope(async |scope| {
///     let worker = scope.spawn(
///         ChildSpec::new(Worker)
///             .name("worker")
///             .mailbox(Mailbox::bounded(16))
///             .grace(Duration::from_millis(500)),
///     )?;
///     assert_eq!(worker.path(), "/worker");
///     Ok(())
/// })
/// .await
/// # }
/// ```
pub struct ChildSpec<S> {
    pub(super) start: S,
    pub(super) options: Options,
}

/// All of a spec but what it starts.
#[derive(Debug, Default)]
pub struct Options {
    pub(super) settings: Settings,
    pub(super) mailbox: Option<Mailbox>,
}

impl<S: Start> ChildSpec<S> {
    /// An actor, or the recipe of one.
    #[must_use]
    pub fn new(start: S) -> Self {
        Self {
            start,
            options: Options::default(),
        }
    }
}

impl<S> ChildSpec<S> {
    /// The child's name: not empty, without a slash, and unique among its live siblings. It is
    /// free again the moment the child's stop returns (rule 14).
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.options.settings.name = Some(name.into().into());
        self
    }

    pub(crate) fn has_name(&self) -> bool {
        self.options.settings.name.is_some()
    }

    /// The child's mailbox; by default the system's.
    #[must_use]
    pub fn mailbox(mut self, mailbox: Mailbox) -> Self {
        self.options.mailbox = Some(mailbox);
        self
    }

    /// How long the child's own steps may take in a stop or drain before it becomes a kill, to the
    /// millisecond; by default the system's. With zero every stop or drain is a kill at once.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.options.settings.grace = Some(grace);
        self
    }

    /// In which order the child stops its own children.
    #[must_use]
    pub fn stop_order(mut self, order: StopOrder) -> Self {
        self.options.settings.stop_order = order;
        self
    }

    /// A failure of the child is traced, and fails nobody.
    #[must_use]
    pub fn contain(mut self) -> Self {
        self.options.settings.contain = true;
        self
    }

    /// Gives back what was to be started.
    #[must_use]
    pub fn into_inner(self) -> S {
        self.start
    }
}

impl<S> fmt::Debug for ChildSpec<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChildSpec")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// What can be spawned: an actor, the recipe of one, or a [`ChildSpec`].
pub trait IntoChild: Send + Sized + 'static {
    /// What it starts.
    type Start: Start;

    /// As a spec, which is what it is unless it is an actor or a recipe.
    fn into_spec(self) -> ChildSpec<Self::Start>;

    /// What the spec will say, without taking it.
    #[doc(hidden)]
    fn options(&self) -> Option<&Options>;
}

impl<S: Start> IntoChild for S {
    type Start = S;

    fn into_spec(self) -> ChildSpec<S> {
        ChildSpec::new(self)
    }

    fn options(&self) -> Option<&Options> {
        None
    }
}

impl<S: Start> IntoChild for ChildSpec<S> {
    type Start = S;

    fn into_spec(self) -> Self {
        self
    }

    fn options(&self) -> Option<&Options> {
        Some(&self.options)
    }
}
