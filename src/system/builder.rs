use std::future::{Future, poll_fn};
use std::io;
use std::panic::Location;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::runtime::{Handle, Runtime};

use super::companion::{Companion, CompanionCode, RunningCompanion};
use super::root::Root;
use super::roots;
use super::run::run_root;
use super::scope::join;
use super::signals::{Dump, Served, serve};
use super::{System, system_defaults};
use crate::error::RunError;
use crate::mailbox::Mailbox;
use crate::supervision::IntoChild;
use crate::tree::{
    Body, BodyEnd, DeadLetter, Exit, Halt, LetterHook, Letters, Manner, Order, Report, Shared,
    TimesByType, launch, request,
};

/// The shortest patience.
const SHORTEST: Duration = Duration::from_millis(1);

/// A system's settings.
///
/// ```
/// use std::time::Duration;
/// use tenure::{Mailbox, System};
///
/// let builder = System::builder()
///     .name("shop")
///     .mailbox(Mailbox::bounded(256))
///     .grace(Duration::from_secs(10))
///     .on_signals();
/// # drop(builder);
/// ```
#[derive(Debug, Clone)]
pub struct Builder {
    name: Option<Box<str>>,
    grace: Duration,
    child_grace: Option<Duration>,
    patience: Option<Duration>,
    mailbox: Mailbox,
    ask_timeout: Option<Duration>,
    on_signals: bool,
    on_dump_signals: Option<Dump>,
    companions: Vec<Companion>,
    timings: bool,
    spans: bool,
    on_dead_letter: Option<LetterHook>,
}

impl Builder {
    /// The system's name. The paths of its nodes begin with it, as in `shop:/root/jobs`, in logs, snapshots, failures
    /// and cycles, so that systems can be told apart. It is not a segment of a path, so any text is allowed, even with
    /// a slash. An empty name means none.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into().into());
        self
    }

    /// How long a stop or drain of the whole system, or an end after its root has ended by itself, may take before it
    /// becomes a kill. The default is 25 s, below the 30 s after which orchestrators commonly kill the process. With
    /// zero it is a kill at once.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// The grace of each node without one of its own (see [`ChildSpec::grace`](crate::ChildSpec::grace)), including the
    /// root actor. The default is 5 s.
    #[must_use]
    pub fn child_grace(mut self, grace: Duration) -> Self {
        self.child_grace = Some(grace);
        self
    }

    /// How long after a kill a node may take to yield before callers that wait get [`Unjoined`](crate::Unjoined). The
    /// default is 2 s. The shortest is one millisecond, which even a node that yields at once needs to end.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = Some(patience);
        self
    }

    /// The mailbox of each actor without one of its own. A capacity of 0 is refused when the first actor is spawned.
    #[must_use]
    pub fn mailbox(mut self, mailbox: Mailbox) -> Self {
        self.mailbox = mailbox;
        self
    }

    /// The time limit of asks that nodes of this system make, if they have no limit of their own and inherit none. By
    /// default there is none. [`Ask::no_deadline`](crate::Ask::no_deadline) exempts an ask. With zero such an ask is a
    /// single try, as with a deadline that has passed.
    #[must_use]
    pub fn ask_timeout(mut self, limit: Duration) -> Self {
        self.ask_timeout = Some(limit);
        self
    }

    /// Serves SIGINT and SIGTERM until the system has ended: the first drains the system within its grace, the second
    /// kills it, the third ends the process with exit code 130. In all forms ([`run`](Builder::run),
    /// [`start`](Builder::start), [`block_on`](Builder::block_on)) a thread of its own serves them, so that they work
    /// even when every worker is stuck.
    ///
    /// From the first signal on nothing is restarted ([`Restart`](crate::Restart)).
    ///
    /// After the end of the system these signals have no effect, because tokio's signal handlers stay in place for the
    /// life of the process. A program that runs on has to listen for them itself.
    #[must_use]
    pub fn on_signals(mut self) -> Self {
        self.on_signals = true;
        self
    }

    /// Records when each node is spawned, when a message is sent, when its handler begins and ends, and when a wait
    /// begins. A [snapshot](crate::NodeRef::snapshot) can then tell exactly how long each of these has lasted, and how
    /// long the messages of each type of actor have waited and were handled
    /// ([`Snapshot::times`](crate::observe::Snapshot::times)). This reads the clock each time. Without it a snapshot
    /// tells only a minimum, from the first look on; a [watchdog](Builder::watchdog) looks regularly.
    #[must_use]
    pub fn timings(mut self) -> Self {
        self.timings = true;
        self
    }

    /// Gives each actor of the system a tracing span for its life, and each message a span in which it is handled. [The
    /// table of events](crate::events) has their names and fields. Off by default, and free of cost then.
    ///
    /// The span of an ask is a child of the span in which it was made, since its caller waits for it. The span of any
    /// other message is a root that follows from its sender's span. Tasks and jobs run in the span in which they were
    /// started. So the context travels through the system, and into an exporter such as `tracing-opentelemetry`,
    /// without further code.
    ///
    /// A message that a handler takes itself ([`Context::try_next`](crate::Context::try_next)) has no span of its own.
    /// A message that is sent with a [`Permit`](crate::Permit) comes from where the permit is used.
    #[must_use]
    pub fn spans(mut self) -> Self {
        self.spans = true;
        self
    }

    /// Calls the hook with each accepted message that is discarded unhandled ([rule 11](crate::lifecycle#rule-11)):
    /// because its actor was stopped, killed or failed, its mailbox dropped it, or the runtime was dropped. The hook
    /// runs where that happens and delays it, so it should be quick. A panic in it is traced and goes no further.
    ///
    /// ```
    /// # use tenure::System;
    /// let builder = System::builder().on_dead_letter(|letter| {
    ///     eprintln!("{} never got {}", letter.path(), letter.label());
    /// });
    /// # drop(builder);
    /// ```
    #[must_use]
    pub fn on_dead_letter(
        mut self,
        hook: impl Fn(&DeadLetter<'_>) + Send + Sync + 'static,
    ) -> Self {
        self.on_dead_letter = Some(LetterHook::new(hook));
        self
    }

    /// Starts the system on the current runtime.
    ///
    /// # Errors
    ///
    /// [`RunError::NoRuntime`] outside of a tokio runtime; [`RunError::Io`] if signals cannot be listened to, or a
    /// thread of the system cannot be started.
    #[track_caller]
    pub fn start(self) -> Result<System, RunError> {
        let handle = Handle::try_current().map_err(|_| RunError::NoRuntime)?;
        self.start_on(handle, Location::caller())
    }

    /// Runs a root actor, named `root` unless its spec has a name, until it and everything beneath it have ended: by
    /// itself, by a failure, or by a signal.
    ///
    /// While a stop of the system lasts, warnings name the nodes that hold it up, from half of their grace on.
    ///
    /// # Errors
    ///
    /// [`RunError::Failed`] with all failures in one tree, [`RunError::CutShort`], [`RunError::Unjoined`];
    /// [`RunError::Stopped`] if a second signal killed it; [`RunError::NoRuntime`] and [`RunError::Io`] as for
    /// [`start`](Builder::start).
    ///
    /// # Cancel safety
    ///
    /// If it is dropped, everything is killed, which it cannot wait for.
    #[track_caller]
    pub fn run<C: IntoChild>(self, root: C) -> impl Future<Output = Result<(), RunError>> + Send {
        let site = Location::caller();
        async move {
            let handle = Handle::try_current().map_err(|_| RunError::NoRuntime)?;
            run_root(self.start_on(handle, site)?, root, site).await
        }
    }

    /// As [`run`](Builder::run), on a multi-thread runtime of its own, which ends with it. This is the strongest form:
    /// the calling thread waits, so the wait ends even if every worker is stuck, and it returns only after everything
    /// is joined, or with an error that says otherwise.
    ///
    /// # Errors
    ///
    /// As [`run`](Builder::run); [`RunError::InsideRuntime`] on a thread of another runtime, and
    /// [`RunError::Io`] if no runtime can be built.
    #[track_caller]
    pub fn block_on<C: IntoChild>(self, root: C) -> Result<(), RunError> {
        if Handle::try_current().is_ok() {
            return Err(RunError::InsideRuntime);
        }
        let site = Location::caller();
        let workers = runtime(tokio::runtime::Builder::new_multi_thread())?;
        let control = runtime(tokio::runtime::Builder::new_current_thread())?;
        let system = self.start_on(workers.handle().clone(), site)?;
        let outcome = control.block_on(run_root(system, root, site));
        // Everything is joined, or does not yield and must not hold up the caller.
        workers.shutdown_background();
        outcome
    }

    fn start_on(
        self,
        handle: Handle,
        site: &'static Location<'static>,
    ) -> Result<System, RunError> {
        let defaults = system_defaults(handle);
        let name = self.name.as_ref().filter(|name| !name.is_empty());
        let shared = Shared {
            prefix: name
                .map(|name| format!("{name}:").into())
                .unwrap_or_default(),
            grace: self.child_grace.unwrap_or(defaults.grace),
            patience: self.patience.unwrap_or(defaults.patience).max(SHORTEST),
            mailbox: self.mailbox,
            letters: Letters::new(self.on_dead_letter),
            ends: defaults.ends,
            ask_timeout: self.ask_timeout,
            stalls: defaults.stalls,
            group_restarts: defaults.group_restarts,
            restarting: defaults.restarting,
            overruns: defaults.overruns,
            restarts: defaults.restarts,
            sightings: defaults.sightings,
            times: self.timings.then(TimesByType::default),
            spans: self.spans,
            handle: defaults.handle,
        };
        let handle = shared.handle.clone();
        let node = Root::system(shared, self.name, site);
        roots::note(&node);
        let exit = Exit::new(Arc::clone(&node));
        let companions = self.companions.iter();
        let begun = companions.map(|companion| RunningCompanion::begin(companion, &node));
        let companions: io::Result<Vec<_>> = begun.collect();
        let companions = companions.map_err(RunError::Io)?;
        launch(&handle, || Arc::clone(&node), shell(exit, companions));
        let served = Served {
            end_within: self.on_signals.then_some(self.grace),
            dump: self.on_dump_signals,
        };
        if served.is_any()
            && let Err(error) = serve(Arc::clone(&node), served)
        {
            request(&node, Order::Kill);
            return Err(RunError::Io(error));
        }
        Ok(System::new(node, self.grace))
    }

    /// Has a thread run beside the system as long as it lives.
    pub(crate) fn companion(mut self, name: &'static str, code: CompanionCode) -> Self {
        self.companions.push(Companion { name, code });
        self
    }

    /// Sets what is done at a signal that asks for a dump.
    pub(crate) fn dump_with(mut self, dump: Dump) -> Self {
        self.on_dump_signals = Some(dump);
        self
    }
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            name: None,
            grace: Duration::from_secs(25),
            child_grace: None,
            patience: None,
            mailbox: Mailbox::default(),
            ask_timeout: None,
            on_signals: false,
            on_dump_signals: None,
            companions: Vec::new(),
            timings: false,
            spans: false,
            on_dead_letter: None,
        }
    }
}

fn runtime(mut builder: tokio::runtime::Builder) -> Result<Runtime, RunError> {
    builder.enable_all().build().map_err(RunError::Io)
}

/// The shell of a system: its body only waits to be told to end, or for a child to fail.
async fn shell(mut exit: Exit, companions: Vec<RunningCompanion>) {
    let node = Arc::clone(exit.any());
    node.node().set_running();
    let drained = {
        let told = || node.node().signals.load().is_drained();
        let body = pin!(Some(poll_fn(|_| if told() {
            Poll::Ready(())
        } else {
            Poll::Pending
        })));
        let ended = Body::new(&mut exit, body, Halt::AtFailure).await;
        matches!(ended, BodyEnd::Value(()))
    };
    let manner = if drained { Manner::Drain } else { Manner::Stop };
    // Those who wait report what does not yield. The shell goes on waiting.
    while join(&mut exit, manner, false).await.is_err() {}
    for companion in companions {
        companion.end(&node.shared.handle).await;
    }
    let reason = Report::default().finish(&node);
    exit.conclude(reason);
}
