//! Polls a connection's protocol, and looks at its limits whenever that waits.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;

use super::connection::Connection;
use super::exchange::Verdict;
use super::io::Probe;
use super::timer::{Signal, Timer, Unchanged, Window};

/// When the server is to end: how long after its accept a connection may stay on which nothing has come yet. Its client
/// most likely has a request on its way.
const FRESH: Duration = Duration::from_secs(1);

/// How long a head that has begun may take then, or a TLS handshake; and how long a connection of HTTP/2 waits for its client
/// to take note of the end.
pub(super) const LAST_HEAD: Duration = Duration::from_secs(2);

/// What the driver asks of a protocol.
pub(super) trait Protocol {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<hyper::Result<()>>;

    /// Ends once what is in flight has ended; if nothing is, at once.
    fn end(&mut self);
}

/// How a connection has come to its end.
#[derive(Debug)]
pub(super) enum Outcome {
    /// By its protocol.
    Over(hyper::Result<()>),
    Idle,
    SlowHead,
    Stalled,
    /// The client has gone, which the protocol has not seen.
    Gone,
    /// The client has been told that no more is served, and has gone on asking.
    Deaf,
    /// The time is up that it has after a shutdown has begun.
    Cut,
}

pub(super) struct Driver {
    connection: Arc<Connection>,
    /// When the first head could come: with TLS that is after the handshake.
    opened: Instant,
    probe: Probe,
    gone: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    /// The server is to end.
    told: Signal,
    /// Since when it is known.
    ending: Option<Instant>,
    /// The server is to end, and the protocol is not told so yet: a request may be on its way.
    holds_back: bool,
    /// The client of HTTP/2 is told that no more is served.
    is_last: bool,
    timer: Timer,
    window: Window,
    silent: Unchanged,
    /// How many requests there had been at the last look.
    requests: u32,
    /// When the last of them was first seen.
    request_since: Instant,
    head_since: Option<Instant>,
    idle_since: Option<Instant>,
}

/// What there is to do at a moment.
#[derive(Debug, Clone, Copy)]
enum Due {
    Idle,
    SlowHead,
    Stalled,
    Cut,
    /// A connection on which nothing has come.
    Fresh,
    Judge(Verdict),
    /// Nothing but another look.
    Look,
}

impl Driver {
    pub(super) fn new(
        connection: Arc<Connection>,
        began: Instant,
        probe: Probe,
        told: Signal,
    ) -> Self {
        Self {
            connection,
            opened: Instant::now(),
            probe,
            gone: None,
            told,
            ending: None,
            holds_back: false,
            is_last: false,
            timer: Timer::default(),
            window: Window::default(),
            silent: Unchanged::new(began),
            requests: 0,
            request_since: began,
            head_since: Some(began),
            idle_since: None,
        }
    }

    /// Drives the protocol to the end of the connection.
    pub(super) async fn drive(&mut self, protocol: &mut impl Protocol) -> Outcome {
        poll_fn(|cx| self.poll(protocol, cx)).await
    }

    fn poll(&mut self, protocol: &mut impl Protocol, cx: &mut Context<'_>) -> Poll<Outcome> {
        if self.ending.is_none() && self.told.poll(cx).is_ready() {
            self.begin_end(protocol);
        }
        loop {
            if let Poll::Ready(ended) = protocol.poll(cx) {
                return Poll::Ready(Outcome::Over(ended));
            }
            if self.connection.is_http2() && self.connection.is_last() {
                if self.connection.has_asked_too_much() {
                    return Poll::Ready(Outcome::Deaf);
                }
                if !std::mem::replace(&mut self.is_last, true) {
                    protocol.end();
                    continue;
                }
            }
            if self.connection.is_busy() && self.poll_gone(cx).is_ready() {
                return Poll::Ready(Outcome::Gone);
            }
            let now = Instant::now();
            let Some((at, due)) = self.due(now) else {
                return Poll::Ready(Outcome::Stalled);
            };
            if at > now {
                if self.timer.poll(at, now, cx).is_pending() {
                    return Poll::Pending;
                }
                continue;
            }
            match due {
                Due::Idle => return Poll::Ready(Outcome::Idle),
                Due::SlowHead => return Poll::Ready(Outcome::SlowHead),
                Due::Stalled => return Poll::Ready(Outcome::Stalled),
                Due::Cut => return Poll::Ready(Outcome::Cut),
                Due::Fresh => self.end_idle(protocol),
                Due::Judge(verdict) => {
                    if let Some(exchange) = self.connection.exchange() {
                        exchange.judge(verdict);
                    }
                }
                Due::Look => {}
            }
        }
    }

    /// The server is to end: what is in flight, or has arrived, is served, and is the last.
    fn begin_end(&mut self, protocol: &mut impl Protocol) {
        let now = Instant::now();
        self.ending = Some(now);
        self.connection.end_soon();
        if self.connection.is_busy() || self.connection.is_http2() {
            return protocol.end();
        }
        let has_begun = self.connection.has_begun_head() || self.probe.has_input();
        if has_begun {
            self.head_since.get_or_insert(now);
            self.idle_since = None;
        }
        self.holds_back = has_begun || self.is_fresh(now);
        if !self.holds_back {
            self.end_idle(protocol);
        }
    }

    fn is_fresh(&self, now: Instant) -> bool {
        self.connection.requests() == 0 && now < self.opened + FRESH
    }

    fn end_idle(&mut self, protocol: &mut impl Protocol) {
        self.holds_back = false;
        self.connection.set_lingers(false);
        protocol.end();
    }

    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let gone = self.gone.get_or_insert_with(|| self.probe.gone());
        gone.as_mut().poll(cx)
    }

    /// What is to be done next, and when; `None` if the client has stalled.
    fn due(&mut self, now: Instant) -> Option<(Instant, Due)> {
        let connection = &*self.connection;
        let limits = connection.limits();
        // Nothing lasts longer without another look.
        let mut next = (now + limits.idle, Due::Look);
        let mut add = |at: Option<Instant>, due| {
            if let Some(at) = at.filter(|at| *at < next.0) {
                next = (at, due);
            }
        };
        add(
            self.ending.and_then(|at| at.checked_add(limits.shutdown)),
            Due::Cut,
        );
        let is_blocked = connection.is_blocked();
        if is_blocked && !connection.is_relaxed() {
            let end = self.window.end(now, connection.written(), limits)?;
            add(Some(end), Due::Look);
        } else {
            self.window.close();
        }
        if connection.is_shut() {
            // It lingers, for a time of its own.
            return Some(next);
        }
        if std::mem::replace(&mut self.requests, connection.requests()) != self.requests {
            (self.head_since, self.idle_since) = (None, None);
            self.request_since = now;
        }
        if connection.is_busy() || is_blocked {
            self.idle_since = None;
            if let Some(write) = limits.write.filter(|_| !connection.is_http2()) {
                add(self.request_since.checked_add(write), Due::Stalled);
            }
            // With HTTP/2 each stream looks at its own.
            if let Some(exchange) = connection.exchange().filter(|_| !connection.is_http2()) {
                let silent_since = self.silent.since(exchange.sent(), now);
                if let Some((at, verdict)) = exchange.due(silent_since.max(exchange.began)) {
                    add(Some(at), Due::Judge(verdict));
                }
            }
            return Some(next);
        }
        if self.holds_back && !connection.has_begun_head() && self.is_unheard() {
            add(Some(self.opened + FRESH), Due::Fresh);
        }
        if connection.is_http2() {
            // Its preface takes the place of a head.
            self.head_since.take_if(|_| connection.has_begun());
        } else if connection.has_begun_head() {
            self.head_since.get_or_insert(now);
        }
        match self.head_since {
            Some(since) => {
                add(since.checked_add(limits.head), Due::SlowHead);
                add(self.ending.map(|at| at + LAST_HEAD), Due::SlowHead);
            }
            None => {
                let since = *self.idle_since.get_or_insert(now);
                add(since.checked_add(limits.idle), Due::Idle);
                // Its client has to take note of the end, which one that is not there never does.
                let ending = self.ending.filter(|_| connection.is_http2());
                add(ending.map(|at| at.max(since) + LAST_HEAD), Due::Idle);
            }
        }
        Some(next)
    }

    /// Whether nothing has ever come.
    fn is_unheard(&self) -> bool {
        self.connection.requests() == 0 && !self.probe.has_input()
    }

    /// The client takes nothing: neither is what is left for it kept.
    pub(super) fn reset(&self) {
        self.probe.reset();
    }

    pub(super) fn is_ending(&self) -> bool {
        self.ending.is_some()
    }
}
