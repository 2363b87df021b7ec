use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::yield_now;
use tokio::time::error::Elapsed;
use tokio::time::timeout;

use crate::actor::{Actor, ActorRef, Context, Spawner, Start};
use crate::error::{Phase, Result, SpawnError};
use crate::supervision::IntoChild;
use crate::sync::lock;

/// The default limit.
const LIMIT: Duration = Duration::from_secs(1);

/// An actor under the control of a test. It replaces another actor and keeps the messages that it is sent. The test
/// awaits them, answers them, or asserts that none came.
///
/// ```
/// use tenure::prelude::*;
/// use tenure::testing::Probe;
///
/// enum StoreMsg {
///     Put(u32),
///     Get(ReplyTo<u32>),
/// }
///
/// /// What is tested: it adds to what a store has.
/// struct Adder {
///     store: ActorRef<StoreMsg>,
/// }
///
/// impl Actor for Adder {
///     type Msg = u32;
///
///     async fn handle(&mut self, more: u32, _: &mut Context<Self>) -> tenure::Result {
///         let sum = self.store.ask(StoreMsg::Get).await? + more;
///         Ok(self.store.tell(StoreMsg::Put(sum)).await?)
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), RunError> {
/// tenure::scope(async |scope| {
///     let mut store = Probe::spawn(&scope)?;
///     let adder = scope.spawn(Adder { store: store.actor().clone() })?;
///     adder.tell(2).await?;
///
///     let StoreMsg::Get(reply) = store.recv().await else { panic!("it puts first") };
///     reply.send(40);
///     assert!(matches!(store.recv().await, StoreMsg::Put(42)));
///     Ok(())
/// })
/// .await
/// # }
/// ```
///
/// Its actor is owned by the node that spawned it, and ends with that owner. If the probe is dropped, the actor lives
/// on and drops its messages. Kept messages are not a part of the mailbox: for a drain and for the mailbox's capacity
/// they have been handled.
pub struct Probe<M: Send + 'static> {
    actor: ActorRef<M>,
    kept: UnboundedReceiver<M>,
    answer: Arc<Mutex<Option<Answer<M>>>>,
    limit: Duration,
}

type Answer<M> = Arc<dyn Fn(M) -> Option<M> + Send + Sync>;

impl<M: Send + 'static> Probe<M> {
    /// Spawns a probe.
    ///
    /// # Errors
    ///
    /// [`SpawnError`], as for [`Spawner::spawn`].
    #[track_caller]
    pub fn spawn(spawner: &Spawner) -> Result<Self, SpawnError<ProbeActor<M>>> {
        Self::spawn_as(spawner, |actor| actor)
    }

    /// Spawns a probe with a name, a mailbox or a policy of its own: `spec` makes the spec from the probe's actor.
    ///
    /// ```
    /// # use tenure::prelude::*;
    /// # use tenure::testing::Probe;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), RunError> {
    /// tenure::scope(async |scope| {
    ///     let probe = Probe::<u32>::spawn_as(&scope, |actor| {
    ///         ChildSpec::new(actor).name("store").mailbox(Mailbox::bounded(1))
    ///     })?;
    ///     assert_eq!(probe.actor().path(), "/store");
    ///     Ok(())
    /// })
    /// .await
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`SpawnError`], as for [`Spawner::spawn`].
    #[track_caller]
    pub fn spawn_as<C>(
        spawner: &Spawner,
        spec: impl FnOnce(ProbeActor<M>) -> C,
    ) -> Result<Self, SpawnError<C>>
    where
        C: IntoChild<Start: Start<Actor: Actor<Msg = M>>>,
    {
        let (keep, kept) = unbounded_channel();
        let answer = Arc::new(Mutex::new(None));
        let actor = ProbeActor {
            keep,
            answer: Arc::clone(&answer),
        };
        Ok(Self {
            actor: spawner.spawn(spec(actor))?,
            kept,
            answer,
            limit: LIMIT,
        })
    }

    /// How long [`recv`](Probe::recv) waits, on the runtime's clock. The default is a second. With zero a message must
    /// have been sent already.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// The reference to pass to the code under test.
    #[must_use]
    pub fn actor(&self) -> &ActorRef<M> {
        &self.actor
    }

    /// Has the probe answer automatically from now on. The closure gets each message before it is kept; a message for
    /// which it returns `None` is not kept. If the closure panics, the probe's actor fails.
    ///
    /// ```
    /// # use tenure::prelude::*;
    /// # use tenure::testing::Probe;
    /// # enum StoreMsg { Put(u32), Get(ReplyTo<u32>) }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), RunError> {
    /// tenure::scope(async |scope| {
    ///     let mut store = Probe::spawn(&scope)?;
    ///     store.answer_with(|msg| match msg {
    ///         StoreMsg::Get(reply) => {
    ///             reply.send(7);
    ///             None
    ///         }
    ///         other => Some(other),
    ///     });
    ///     assert_eq!(store.actor().ask(StoreMsg::Get).await?, 7);
    ///     assert!(store.try_recv().is_none());
    ///     # store.actor().tell(StoreMsg::Put(1)).await?;
    ///     # store.recv().await;
    ///     Ok(())
    /// })
    /// .await
    /// # }
    /// ```
    pub fn answer_with(&self, answer: impl Fn(M) -> Option<M> + Send + Sync + 'static) {
        let answer: Answer<M> = Arc::new(answer);
        let before = lock(&self.answer).replace(answer);
        drop(before);
    }

    /// Waits for the next message, in the order in which they were sent.
    ///
    /// # Panics
    ///
    /// If none comes within the [limit](Probe::limit), or none can come because the probe's actor has ended. The panic
    /// names the place of the call.
    ///
    /// # Cancel safety
    ///
    /// If it is dropped, no message is taken.
    #[track_caller]
    pub fn recv(&mut self) -> impl Future<Output = M> {
        let site = Location::caller();
        async move {
            match self.next_within(self.limit).await {
                Ok(Some(message)) => message,
                Ok(None) => panic!("{site}: {self:?} gets nothing more: its actor has ended"),
                Err(_) => panic!("{site}: {self:?} was sent nothing within {:?}", self.limit),
            }
        }
    }

    /// The next message, if the probe's actor has taken one out of its mailbox by now.
    pub fn try_recv(&mut self) -> Option<M> {
        self.kept.try_recv().ok()
    }

    /// Waits for this long and asserts that no message comes meanwhile, or came before.
    ///
    /// # Panics
    ///
    /// If a message came. The panic names the place of the call.
    ///
    /// # Cancel safety
    ///
    /// If it is dropped, no message is taken.
    #[track_caller]
    pub fn assert_none(&mut self, within: Duration) -> impl Future<Output = ()> {
        let site = Location::caller();
        async move {
            if let Ok(Some(message)) = self.next_within(within).await {
                let more = self.kept.len();
                // Dropped before the panic, as its drop may run any code.
                drop(message);
                panic!("{site}: {self:?} was sent something, and {more} more");
            }
        }
    }

    /// The next message that is sent within this time; `None` if none can come.
    async fn next_within(&mut self, limit: Duration) -> Result<Option<M>, Elapsed> {
        let elapsed = match timeout(limit, self.kept.recv()).await {
            Ok(next) => return Ok(next),
            Err(elapsed) => elapsed,
        };
        // Messages that the actor has yet to take were sent in time. An actor that waits for its next incarnation takes
        // none.
        let node = self.actor.node();
        let is_live = || matches!(node.phase(), Phase::Starting | Phase::Running);
        while self.kept.is_empty() && node.in_hand() > 0 && is_live() {
            yield_now().await;
        }
        self.kept.try_recv().map(Some).map_err(|_| elapsed)
    }
}

impl<M: Send + 'static> fmt::Debug for Probe<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = std::any::type_name::<M>();
        write!(f, "Probe<{message}>({})", self.actor.path())
    }
}

/// The actor of a [`Probe`]. It is `Clone`, so that it can be restarted.
pub struct ProbeActor<M> {
    keep: UnboundedSender<M>,
    answer: Arc<Mutex<Option<Answer<M>>>>,
}

impl<M: Send + 'static> Actor for ProbeActor<M> {
    type Msg = M;

    async fn handle(&mut self, message: M, _: &mut Context<Self>) -> Result {
        let answer = lock(&self.answer).clone();
        let left = match answer {
            Some(answer) => answer(message),
            None => Some(message),
        };
        if let Some(message) = left {
            // Fails once the probe is dropped, and then nobody wants the message.
            drop(self.keep.send(message));
        }
        Ok(())
    }
}

impl<M> Clone for ProbeActor<M> {
    fn clone(&self) -> Self {
        Self {
            keep: self.keep.clone(),
            answer: Arc::clone(&self.answer),
        }
    }
}

impl<M> fmt::Debug for ProbeActor<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProbeActor").finish_non_exhaustive()
    }
}
