use std::fmt;
use std::time::Duration;

use super::restart::Policy;
use super::{Backoff, Factory, Restart};
use crate::actor::Start;
use crate::mailbox::Mailbox;
use crate::tree::signals::Marks;
use crate::tree::{AutoShutdown, Settings, StopOrder, Strategy};

/// What to start as a child, with its options.
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
    /// How to clone the recipe, if the child may be restarted.
    pub(super) clone: Option<fn(&S) -> S>,
    pub(super) options: Options,
}

/// The options of a spec.
#[derive(Debug, Default)]
pub struct Options {
    pub(super) settings: Settings,
    pub(super) mailbox: Option<Mailbox>,
    pub(super) policy: Policy,
}

impl<S: Start> ChildSpec<S> {
    /// An actor, or the recipe of one.
    #[must_use]
    pub fn new(start: S) -> Self {
        Self {
            start,
            clone: None,
            options: Options::default(),
        }
    }

    /// When the child is restarted: see [`Restart`]. Each incarnation is started from a clone of the actor or recipe of
    /// this spec.
    #[must_use]
    pub fn restart(mut self, restart: Restart) -> Self
    where
        S: Clone,
    {
        let marks = &mut self.options.settings.marks;
        marks.set(Marks::RESTARTABLE, restart != Restart::Never);
        marks.set(Marks::ALWAYS, restart == Restart::Always);
        self.clone = (restart != Restart::Never).then_some(S::clone);
        self.options.policy.restart = restart;
        self
    }
}

impl<F> ChildSpec<Factory<F>> {
    /// An actor, or the recipe of one, that a closure makes for each incarnation. The closure runs as a part of the
    /// start; if it panics, the start fails.
    ///
    /// ```
    /// # use tenure::prelude::*;
    /// # use tenure::Restart;
    /// # struct Worker { id: u32 } // not `Clone`
    /// # impl Actor for Worker {
    /// #     type Msg = ReplyTo<u32>;
    /// #     async fn handle(&mut self, reply: Self::Msg, _: &mut Context<Self>) -> tenure::Result {
    /// #         reply.send(self.id);
    /// #         Ok(())
    /// #     }
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), RunError> {
    /// tenure::scope(async |scope| {
    ///     let spec = ChildSpec::factory(|| Worker { id: 7 }).restart(Restart::OnFailure);
    ///     let worker = scope.spawn(spec)?;
    ///     assert_eq!(worker.ask(|reply| reply).await?, 7);
    ///     Ok(())
    /// })
    /// .await
    /// # }
    /// ```
    #[must_use]
    pub fn factory<S: Start>(make: F) -> Self
    where
        F: FnMut() -> S + Send + 'static,
    {
        Self::new(Factory::new(make))
    }
}

impl<S> ChildSpec<S> {
    /// The child's name: not empty, without a slash, and unique among its live siblings. It is
    /// free again the moment the child's stop returns ([rule 14](crate::lifecycle#rule-14)).
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.options.settings.name = Some(name.into().into());
        self
    }

    pub(crate) fn child_name(&self) -> Option<&str> {
        self.options.settings.name.as_deref()
    }

    /// The child's mailbox. The default is the system's.
    #[must_use]
    pub fn mailbox(mut self, mailbox: Mailbox) -> Self {
        self.options.mailbox = Some(mailbox);
        self
    }

    /// How long the child's own steps may take in a stop or drain before it becomes a kill, in milliseconds. The
    /// default is the system's. With zero every stop or drain is a kill at once. Longer times count as 49 days.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.options.settings.grace = Some(grace);
        self
    }

    /// In which order the child stops its own children.
    #[must_use]
    pub fn stop_order(mut self, order: StopOrder) -> Self {
        let marks = &mut self.options.settings.marks;
        marks.set(Marks::STOPS_CONCURRENTLY, order == StopOrder::Concurrent);
        self
    }

    /// How many restarts are allowed within a time. The default is 3 in 30 s. One more failure (or normal end, with
    /// [`Restart::Always`]) ends the child with a failure of its own
    /// ([`Cause::TooManyRestarts`](crate::Cause::TooManyRestarts)), which goes to its owner. With a limit of 0 the
    /// first failure does. With a time of zero there is no limit other than 0. Beyond 256 restarts, those within a
    /// small part of the time are counted together.
    #[must_use]
    pub fn intensity(mut self, limit: u32, within: Duration) -> Self {
        self.options.policy.limit = limit;
        self.options.policy.window = within;
        self
    }

    /// How long to wait before each restart. There is no delay by default. Messages wait in the mailbox meanwhile; a
    /// stop or drain does not wait.
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.options.policy.backoff = backoff;
        self
    }

    /// Which of the child's own children are restarted when one of them is.
    #[must_use]
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.options.settings.strategy = strategy;
        self
    }

    /// Makes the child one of those with whose end its owner may stop: see [`auto_shutdown`](ChildSpec::auto_shutdown).
    #[must_use]
    pub fn significant(mut self) -> Self {
        self.options.settings.marks.set(Marks::SIGNIFICANT, true);
        self
    }

    /// Whether the child stops when [significant](ChildSpec::significant) children of its own, or
    /// [tasks](crate::TaskSpec::significant), have ended by themselves.
    ///
    /// It stops as by [`Context::stop`](crate::Context::stop): messages in its mailbox are discarded. To handle them
    /// first, call [`Context::drain`](crate::Context::drain) in [`on_child_exit`](crate::Actor::on_child_exit) instead.
    /// An actor that is always restarted begins its next incarnation.
    #[must_use]
    pub fn auto_shutdown(mut self, when: AutoShutdown) -> Self {
        self.options.settings.auto_shutdown = when;
        self
    }

    /// A failure of the child is traced and does not fail the owner. The owner still sees the end in
    /// [`on_child_exit`](crate::Actor::on_child_exit), as that of any other child.
    ///
    /// It is independent of restarts: a failure that is settled by a [`restart`](ChildSpec::restart) never reaches the
    /// owner. Without a restart policy each failure is contained; with one, only the failure after which no restart is
    /// allowed.
    #[must_use]
    pub fn contain(mut self) -> Self {
        self.options
            .settings
            .marks
            .set(Marks::FAILURE_CONTAINED, true);
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
    /// The recipe that it starts.
    type Start: Start;

    /// Converts an actor or a recipe into a spec; a spec stays what it is.
    fn into_spec(self) -> ChildSpec<Self::Start>;

    /// The options of the spec, without consuming it.
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
