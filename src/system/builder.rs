use std::future::{Future, poll_fn};
use std::io;
use std::panic::Location;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::runtime::{Handle, Runtime};

use super::attendant::{Attend, Attendance, Attendant};
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

/// The least patience.
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
    attendants: Vec<Attendant>,
    timings: bool,
    spans: bool,
    on_dead_letter: Option<LetterHook>,
}

impl Builder {
    /// The system's name, to tell it from others in what is printed: the paths of its nodes begin with it, as in
    /// `shop:/root/jobs`, and so do logs, snapshots, failures and cycles. It is no segment of a path, so it may be any
    /// text, one with a slash too; an empty one is none.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into().into());
        self
    }

    /// How long a stop or drain of the whole, or the end that its root comes to by itself, may take
    /// before it becomes a kill. The default is 25 s, below the 30 s after which orchestrators commonly kill
    /// the process. With zero each of them is a kill at once.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// The grace of each node that has none of its own (see
    /// [`ChildSpec::grace`](crate::ChildSpec::grace)), the root actor among them. The default is 5 s.
    #[must_use]
    pub fn child_grace(mut self, grace: Duration) -> Self {
        self.child_grace = Some(grace);
        self
    }

    /// How long after a kill those who wait are told that a node does not yield. The default is 2 s, and the
    /// least a millisecond: what yields at once needs that to be gone.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = Some(patience);
        self
    }

    /// The mailbox of each actor that has none of its own. A capacity of 0 is refused when the
    /// first actor is spawned.
    #[must_use]
    pub fn mailbox(mut self, mailbox: Mailbox) -> Self {
        self.mailbox = mailbox;
        self
    }

    /// How long an ask may take that is made by a node of this system, and has neither a limit of its
    /// own nor inherits one. By default it may take for ever. [`Ask::no_deadline`](crate::Ask::no_deadline)
    /// is the way out. With zero such an ask is one try, as with a deadline that has passed.
    #[must_use]
    pub fn ask_timeout(mut self, limit: Duration) -> Self {
        self.ask_timeout = Some(limit);
        self
    }

    /// Serves SIGINT and SIGTERM until the system has ended: the first drains the system within its grace, a
    /// second kills it, a third ends the process with 130. In all forms
    /// ([`run`](Builder::run), [`start`](Builder::start), [`block_on`](Builder::block_on)) they are served on
    /// a thread of their own, so that they are heeded also when every worker is stuck.
    ///
    /// Nothing is restarted from the first on ([`Restart`](crate::Restart)).
    ///
    /// After the end of the system these signals have no effect: the runtime's handlers stay in place for
    /// the life of the process. A program that goes on for long has to listen for them itself.
    #[must_use]
    pub fn on_signals(mut self) -> Self {
        self.on_signals = true;
        self
    }

    /// Has this system note when each node is spawned, when a message is sent, when its handler begins and ends, and when a
    /// wait begins. So a [snapshot](crate::NodeRef::snapshot) tells exactly for how long each has been so, and how long the
    /// messages of each type of actor have waited and were handled
    /// ([`Snapshot::times`](crate::observe::Snapshot::times)). It reads the clock each time. Without it a snapshot tells for
    /// how long at least: since somebody first looked, which a [watchdog](Builder::watchdog) does all the time.
    #[must_use]
    pub fn timings(mut self) -> Self {
        self.timings = true;
        self
    }

    /// Gives each actor of the system a tracing span for its life, and each message one of its own, in which it is
    /// handled. Their names and fields stand in [the table of events](crate::events). It is off unless it is asked for,
    /// and costs nothing then.
    ///
    /// The span of an ask's message is a child of that in which it was asked: its caller waits for it. That of any other
    /// message is a root which follows from its sender's. Tasks and jobs run in the span that they were started in. So the
    /// context travels through the system, and into an exporter such as `tracing-opentelemetry` with no further code.
    ///
    /// A message that a handler takes by itself ([`Context::try_next`](crate::Context::try_next)) has no span of its own,
    /// and what a [`Permit`](crate::Permit) sends comes from where it is used.
    #[must_use]
    pub fn spans(mut self) -> Self {
        self.spans = true;
        self
    }

    /// Shows each message that was accepted and is not handled, as it is discarded
    /// ([rule 11](crate::lifecycle#rule-11)): because its actor was stopped, killed or failed, or because the runtime went. The
    /// hook runs wherever that is, in the way of the end, so it should be quick. A panic in it is
    /// traced and goes no further.
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
    /// [`RunError::NoRuntime`] outside of a tokio runtime, and [`RunError::Io`] if the signals cannot be
    /// listened to.
    #[track_caller]
    pub fn start(self) -> Result<System, RunError> {
        let handle = Handle::try_current().map_err(|_| RunError::NoRuntime)?;
        self.start_on(handle, Location::caller())
    }

    /// Runs a root actor, named `root` unless its spec has a name, until it and all beneath it have
    /// ended: by itself, by a failure, or by a signal.
    ///
    /// While a stop of the system lasts, warnings name those that hold it up, from half of their grace on.
    ///
    /// # Errors
    ///
    /// [`RunError::Failed`] with all failures in one tree, [`RunError::CutShort`],
    /// [`RunError::Unjoined`]; [`RunError::Stopped`] if a second signal killed it;
    /// [`RunError::NoRuntime`], and [`RunError::Io`] if the signals cannot
    /// be listened to.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it requests a kill of everything, and cannot wait for it.
    #[track_caller]
    pub fn run<C: IntoChild>(self, root: C) -> impl Future<Output = Result<(), RunError>> + Send {
        let site = Location::caller();
        async move {
            let handle = Handle::try_current().map_err(|_| RunError::NoRuntime)?;
            run_root(self.start_on(handle, site)?, root, site).await
        }
    }

    /// As [`run`](Builder::run), on a multi-thread runtime of its own, which ends with it. This is
    /// the strongest form: the wait is on the calling thread, so that it also ends when every
    /// worker is stuck, and it does not return before all is joined unless it says so.
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
        // Everything of ours is joined, or does not yield and must not hold up the caller.
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
        let attendants = self.attendants.iter();
        let begun = attendants.map(|attendant| Attendance::begin(attendant, &node));
        let attendances: io::Result<Vec<_>> = begun.collect();
        let attendances = attendances.map_err(RunError::Io)?;
        launch(&handle, || Arc::clone(&node), shell(exit, attendances));
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

    /// Has a thread run beside the system for as long as it lives.
    pub(crate) fn attend(mut self, name: &'static str, attend: Attend) -> Self {
        self.attendants.push(Attendant { name, attend });
        self
    }

    /// Has something done at the signals that ask for a dump.
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
            attendants: Vec::new(),
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
async fn shell(mut exit: Exit, attendances: Vec<Attendance>) {
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
    // What does not yield is for those who wait to report; the shell stays with it.
    while join(&mut exit, manner, false).await.is_err() {}
    for attendance in attendances {
        attendance.end().await;
    }
    let reason = Report::default().finish(&node);
    exit.conclude(reason);
}
