//! A request and its response, as all but its handler see them.

use std::any::Any;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use http::StatusCode;
use tenure::{Deadline, OpenScope, Spawner};
use tokio::time::Instant;
use tracing::Span;

use super::Limits;
use super::connection::{Connection, lock};
use super::handler::Output;

/// Why a request ends before its handler has, or is answered in its handler's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Verdict {
    None,
    TimedOut,
    SlowBody,
    LargeBody,
    BadBody,
    /// Its client has gone in the middle of the body.
    CutOff,
    Silent,
    Stalled,
}

impl Verdict {
    const ALL: [Self; 8] = [
        Self::None,
        Self::TimedOut,
        Self::SlowBody,
        Self::LargeBody,
        Self::BadBody,
        Self::CutOff,
        Self::Silent,
        Self::Stalled,
    ];

    /// What the client is told, if it can still be told anything.
    pub(super) const fn status(self) -> StatusCode {
        match self {
            Self::SlowBody => StatusCode::REQUEST_TIMEOUT,
            Self::LargeBody => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BadBody | Self::CutOff => StatusCode::BAD_REQUEST,
            Self::TimedOut => StatusCode::GATEWAY_TIMEOUT,
            Self::None | Self::Silent | Self::Stalled => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// How far the response has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Stage {
    Handling,
    Responding,
}

/// What is handed from a request to its own scope and back. Any thread may open the scope.
#[derive(Default)]
struct Handoff {
    /// What the handler has come to in the scope, and whether it is the last. The protocol takes it, in the same task.
    output: Option<(Output, bool)>,
    /// The scope, until whoever serves the request runs that.
    opened: Option<OpenScope>,
    /// No scope is run any more.
    is_over: bool,
}

/// Further away than anything lasts.
const YEAR: Duration = Duration::from_secs(86_400 * 365);

fn limit_of(began: Instant, limit: Duration) -> Instant {
    began.checked_add(limit).unwrap_or(began + YEAR)
}

pub(super) struct Exchange {
    pub(super) connection: Arc<Connection>,
    pub(super) began: Instant,
    /// In which its handler runs; it is closed once the response has been sent.
    pub(super) span: Span,
    /// What is asked in the handler inherits this.
    deadline: Deadline,
    /// Of the request's own scope, once that is open.
    spawner: OnceLock<Spawner>,
    stage: AtomicU8,
    verdict: AtomicU8,
    /// The client is still sending the body, and somebody wants it.
    reads_body: AtomicBool,
    is_relaxed: AtomicBool,
    /// The protocol wants more of the response than there is.
    waits_for_handler: AtomicBool,
    sent: AtomicU64,
    handoff: Mutex<Handoff>,
}

impl Exchange {
    pub(super) fn new(
        connection: Arc<Connection>,
        span: Span,
        reads_body: bool,
        deadline: impl FnOnce(Instant) -> Deadline,
    ) -> Self {
        connection.set_reads_body(reads_body);
        let began = Instant::now();
        Self {
            deadline: deadline(limit_of(began, connection.limits().request)),
            spawner: OnceLock::new(),
            connection,
            began,
            span,
            stage: AtomicU8::new(Stage::Handling as u8),
            verdict: AtomicU8::new(Verdict::None as u8),
            reads_body: AtomicBool::new(reads_body),
            is_relaxed: AtomicBool::new(false),
            waits_for_handler: AtomicBool::new(true),
            sent: AtomicU64::new(0),
            handoff: Mutex::new(Handoff::default()),
        }
    }

    /// The handler has come to this in the request's own scope.
    pub(super) fn leave_output(&self, output: Output, is_last: bool) {
        let before = lock(&self.handoff).output.replace((output, is_last));
        drop(before);
    }

    pub(super) fn has_left_output(&self) -> bool {
        lock(&self.handoff).output.is_some()
    }

    pub(super) fn take_output(&self) -> Option<(Output, bool)> {
        lock(&self.handoff).output.take()
    }

    /// The user's code has panicked: that is its request's end, and nobody else's.
    pub(super) fn note_panic(&self, panic: Box<dyn Any + Send>) {
        self.connection.stats().failed.add();
        let panic = crate::panic_text(panic);
        tracing::error!(panic, "a handler has panicked");
    }

    fn limits(&self) -> &Limits {
        self.connection.limits()
    }

    /// When the handler is to have begun its response.
    pub(super) fn time_limit(&self) -> Instant {
        limit_of(self.began, self.limits().request)
    }

    pub(super) fn deadline(&self) -> &Deadline {
        &self.deadline
    }

    /// Starts what is to end with the request. It does so in the request's own scope, beneath the connection. The first who
    /// asks for this opens the scope: most handlers start nothing, and are done before they wait for anything.
    pub(super) fn spawner(&self) -> &Spawner {
        // Of a request that is over it is closed again, once nobody waits for the spawner any more.
        let mut late = None;
        self.spawner.get_or_init(|| {
            let Ok(opened) = self.connection.scope.open_scope("request") else {
                // The connection has ended, and its spawner refuses all that is started.
                return self.connection.scope.spawner();
            };
            let spawner = opened.spawner();
            let mut handoff = lock(&self.handoff);
            late = match handoff.is_over {
                true => Some(opened),
                false => handoff.opened.replace(opened),
            };
            spawner
        })
    }

    /// The scope that was opened and is not run.
    pub(super) fn take_opened(&self) -> Option<OpenScope> {
        lock(&self.handoff).opened.take()
    }

    /// The same, when the work is done. If there is none, one that is opened later is closed at once.
    pub(super) fn take_last_opened(&self) -> Option<OpenScope> {
        let mut handoff = lock(&self.handoff);
        let opened = handoff.opened.take();
        handoff.is_over = opened.is_none();
        opened
    }

    /// The request's own scope, if there is one.
    pub(super) fn scope(&self) -> Option<&Spawner> {
        self.spawner.get()
    }

    pub(super) fn verdict(&self) -> Verdict {
        Verdict::ALL[usize::from(self.verdict.load(Ordering::Relaxed))]
    }

    /// The first one stands.
    pub(super) fn judge(&self, verdict: Verdict) {
        let none = Verdict::None as u8;
        let order = Ordering::Relaxed;
        let judged = self
            .verdict
            .compare_exchange(none, verdict as u8, order, order);
        if judged.is_err() {
            return;
        }
        let stats = self.connection.stats();
        match verdict {
            Verdict::None => {}
            Verdict::TimedOut => stats.timed_out.add(),
            Verdict::SlowBody => stats.slow_bodies.add(),
            Verdict::LargeBody => stats.bodies_too_large.add(),
            Verdict::BadBody => stats.bad_bodies.add(),
            Verdict::CutOff => stats.abandoned.add(),
            Verdict::Silent => stats.silent.add(),
            Verdict::Stalled => stats.stalled.add(),
        }
        let peer = self.connection.peer;
        match verdict {
            Verdict::TimedOut | Verdict::Silent => {
                tracing::warn!(?peer, ?verdict, "a request has ended at a limit");
            }
            _ => tracing::debug!(?peer, ?verdict, "a request has ended at a limit"),
        }
    }

    pub(super) fn end_body(&self) {
        self.reads_body.store(false, Ordering::Relaxed);
        self.connection.end_body(self);
    }

    /// It may take as long, and be silent for as long, as it likes.
    pub(super) fn relax(&self) {
        self.is_relaxed.store(true, Ordering::Relaxed);
        self.deadline.lift();
    }

    pub(super) fn is_relaxed(&self) -> bool {
        self.is_relaxed.load(Ordering::Relaxed)
    }

    /// The limit of the request is over: it is for the time until its response begins.
    pub(super) fn begin_response(&self) {
        self.deadline.lift();
        self.stage.store(Stage::Responding as u8, Ordering::Relaxed);
    }

    pub(super) fn is_responding(&self) -> bool {
        self.stage.load(Ordering::Relaxed) == Stage::Responding as u8
    }

    pub(super) fn set_waits_for_handler(&self, waits: bool) {
        self.waits_for_handler.store(waits, Ordering::Relaxed);
    }

    /// Whether there is more to send than the client takes.
    pub(super) fn waits_for_client(&self) -> bool {
        self.is_responding()
            && !self.waits_for_handler.load(Ordering::Relaxed)
            && !self.is_relaxed()
    }

    /// By whoever has the body of the response.
    pub(super) fn note_sent(&self, bytes: usize) {
        let sent = self.sent() + bytes as u64;
        self.sent.store(sent, Ordering::Relaxed);
    }

    pub(super) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Its next limit, and what becomes of it then, if its response has been silent since that moment.
    pub(super) fn due(&self, silent_since: Instant) -> Option<(Instant, Verdict)> {
        if self.is_relaxed() || self.verdict() != Verdict::None {
            return None;
        }
        let limits = self.limits();
        let at = |since: Instant, limit| since.checked_add(limit);
        let reads = self.reads_body.load(Ordering::Relaxed);
        let waits = self.waits_for_handler.load(Ordering::Relaxed);
        let dues = [
            (!self.is_responding()).then(|| (at(self.began, limits.request), Verdict::TimedOut)),
            reads.then(|| (at(self.began, limits.read), Verdict::SlowBody)),
            (self.is_responding() && waits)
                .then(|| (at(silent_since, limits.idle), Verdict::Silent)),
            // With HTTP/1 that lasts until the last byte is written, which is the connection's to see.
            limits
                .write
                .filter(|_| self.connection.is_http2())
                .map(|write| (at(self.began, write), Verdict::Stalled)),
        ];
        let dues = dues.into_iter().flatten();
        dues.filter_map(|(at, verdict)| Some((at?, verdict)))
            .min_by_key(|(at, _)| *at)
    }
}
