use std::fmt;
use std::time::Duration;

use super::restart::Policy;
use super::{Backoff, Factory, Restart};
use crate::actor::Start;
use crate::mailbox::Mailbox;
use crate::tree::signals::Marks;
use crate::tree::{AutoShutdown, Settings, StopOrder, Strategy};

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
    /// How the recipe is made again, if the child is ever restarted.
    pub(super) clone: Option<fn(&S) -> S>,
    pub(super) options: Options,
}

/// All of a spec but what it starts.
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

    /// When the child is restarted: see [`Restart`]. A restart makes a clone of the actor or
    /// recipe that the spec was made with.
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
    /// What a closure makes, anew for each incarnation: an actor, or the recipe of one. The closure
    /// runs as a part of the start; one that panics fails the start.
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

    /// The child's mailbox; by default the system's.
    #[must_use]
    pub fn mailbox(mut self, mailbox: Mailbox) -> Self {
        self.options.mailbox = Some(mailbox);
        self
    }

    /// How long the child's own steps may take in a stop or drain before it becomes a kill, to the
    /// millisecond; by default the system's. With zero every stop or drain is a kill at once; the most is 49
    /// days, as which all longer ones count.
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

    /// How many restarts there may be within a time: by default 3 in 30 s. One more failure (or end in good
    /// order, with [`Restart::Always`]) is the child's end, and a failure of its own
    /// ([`Cause::TooManyRestarts`](crate::Cause::TooManyRestarts)), which goes to its owner. With a limit of
    /// 0 the first one does; with no time at all there is no other limit. Of more than 256, those within a small part of the time are counted together.
    #[must_use]
    pub fn intensity(mut self, limit: u32, within: Duration) -> Self {
        self.options.policy.limit = limit;
        self.options.policy.window = within;
        self
    }

    /// How long to wait before each restart; by default not at all. Messages that come meanwhile
    /// wait in the mailbox; a stop or drain does not.
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

    /// The child is one of those with whose end its owner may stop: see
    /// [`auto_shutdown`](ChildSpec::auto_shutdown).
    #[must_use]
    pub fn significant(mut self) -> Self {
        self.options.settings.marks.set(Marks::SIGNIFICANT, true);
        self
    }

    /// Whether the child stops when [significant](ChildSpec::significant) children of its own, or
    /// [tasks](crate::TaskSpec::significant), have ended by themselves.
    ///
    /// It stops as by [`Context::stop`](crate::Context::stop): what waits in its mailbox is discarded. One that is to
    /// handle that first calls [`Context::drain`](crate::Context::drain) in
    /// [`on_child_exit`](crate::Actor::on_child_exit) instead. One that is always restarted begins its next
    /// incarnation.
    #[must_use]
    pub fn auto_shutdown(mut self, when: AutoShutdown) -> Self {
        self.options.settings.auto_shutdown = when;
        self
    }

    /// A failure of the child is traced, and fails nobody. Its owner sees the end in
    /// [`on_child_exit`](crate::Actor::on_child_exit), as that of any other child.
    ///
    /// This is no alternative to a restart, and needs none: a failure that the policy settles by a
    /// [`restart`](ChildSpec::restart) goes nowhere in any case. Of a child without a policy each failure is
    /// contained, of one with a policy the one that uses it up.
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
