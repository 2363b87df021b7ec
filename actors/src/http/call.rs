//! One request: what its protocol polls, and what its handler runs in.

use std::convert::Infallible;
use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tenure::{OpenScope, RunError, Spawner, TaskSpec};
use tracing::Span;

use super::body::ResponseBody;
use super::check::{Refusal, refusal};
use super::connection::Connection;
use super::exchange::{Exchange, Verdict};
use super::handler::{Handler, drop_caught};
use super::{BoxError, HttpService};

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;
type Scoped = Pin<Box<dyn Future<Output = Result<(), RunError>> + Send>>;

/// The user's service, as a connection calls it.
pub(super) struct Calls<S> {
    pub(super) service: Arc<S>,
    pub(super) connection: Arc<Connection>,
}

impl<S: HttpService> hyper::service::Service<Request<Incoming>> for Calls<S> {
    type Response = Response<ResponseBody>;
    type Error = Infallible;
    type Future = Call;

    fn call(&self, request: Request<Incoming>) -> Call {
        let connection = &self.connection;
        connection.begin_request();
        let reads_body = !request.body().is_end_stream();
        if !reads_body && says_close(&request) {
            // Nothing can come that would turn the close into a reset.
            connection.set_lingers(false);
        }
        let span = span_of(&request, connection);
        let exchange = Arc::new(Exchange::new(Arc::clone(connection), span, reads_body));
        connection.set_exchange(&exchange);
        if !connection.is_http2() {
            // With HTTP/2 it is the stream's.
            connection.scope.set_deadline(exchange.deadline().clone());
        }
        let refusal = refusal(&request, connection);
        let mut running = Running {
            exchange,
            serving: Serving::Over,
            is_over: false,
        };
        if refusal.is_none() {
            running.begin(&*self.service, request);
        }
        Call {
            running: Some(running),
            refusal,
        }
    }
}

/// With the names that OpenTelemetry has for these fields. The path only: a query may hold what is nobody else's.
fn span_of<B>(request: &Request<B>, connection: &Connection) -> Span {
    if !connection.shared.has_spans {
        return Span::none();
    }
    let (method, path) = (request.method().as_str(), request.uri().path());
    let span = tracing::info_span!(
        parent: None,
        "request",
        otel.name = method,
        otel.kind = "server",
        http.request.method = method,
        url.path = path,
        network.protocol.version = if connection.is_http2() { "2" } else { "1.1" },
        client.address = tracing::field::Empty,
        http.response.status_code = tracing::field::Empty,
    );
    if let Some(peer) = connection.peer {
        span.record("client.address", tracing::field::display(peer.ip()));
    }
    span
}

fn says_close<B>(request: &Request<B>) -> bool {
    let connection = request.headers().get(header::CONNECTION);
    connection.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"close"))
}

/// What the scope of a request does: the rest of the work. What was started in it ends with the request.
async fn within(spawner: Spawner, rest: Option<Work>) -> tenure::Result {
    if let Some(mut rest) = rest {
        // It has just been polled, by the same task.
        let mut is_waiting = true;
        poll_fn(|cx| match std::mem::take(&mut is_waiting) {
            true => Poll::Pending,
            false => rest.as_mut().poll(cx),
        })
        .await;
    }
    if !spawner.children().is_empty() {
        spawner.node().request_stop();
        pending::<()>().await;
    }
    Ok(())
}

/// How far a request has come.
enum Serving {
    /// Its work has not waited for anything.
    Bare(Work),
    /// It has, or has started something: from then on it is a scope of its own, beneath the connection.
    Scoped(Scoped),
    Over,
}

/// A request that is being served. Its drop ends it, and what it has started.
pub(super) struct Running {
    exchange: Arc<Exchange>,
    serving: Serving,
    /// Its client has all that it is to get.
    is_over: bool,
}

impl Running {
    pub(super) fn exchange(&self) -> &Arc<Exchange> {
        &self.exchange
    }

    fn begin<S: HttpService>(&mut self, service: &S, request: Request<Incoming>) {
        let exchange = Arc::clone(&self.exchange);
        // The clone is the user's code.
        match catch_unwind(AssertUnwindSafe(|| service.clone())) {
            Ok(service) => {
                self.serving = Serving::Bare(Box::pin(Handler::new(service, request, exchange)));
            }
            Err(panic) => exchange.note_panic(panic),
        }
    }

    /// Lets the handler go on.
    fn poll_work(&mut self, cx: &mut Context<'_>) {
        if let Serving::Bare(work) = &mut self.serving {
            let is_done = work.as_mut().poll(cx).is_ready();
            self.leave_bare(is_done);
        }
        if let Serving::Scoped(scoped) = &mut self.serving
            && let Poll::Ready(ended) = scoped.as_mut().poll(cx)
        {
            self.serving = Serving::Over;
            self.note_end(ended);
        }
    }

    /// The work has been polled: what is left of it, if anything is, goes on in the request's own scope.
    fn leave_bare(&mut self, is_done: bool) {
        let opened = match is_done {
            true => self.take_opened(),
            false => {
                self.exchange.spawner();
                self.exchange.handoff().opened.take()
            }
        };
        match (opened, std::mem::replace(&mut self.serving, Serving::Over)) {
            (None, _) if is_done => self.note_end(Ok(())),
            (Some(opened), Serving::Bare(work)) => {
                let rest = (!is_done).then_some(work);
                self.serving = Serving::Scoped(scoped(opened, rest));
            }
            // The connection is ending, and so is this.
            (_, bare) => self.serving = bare,
        }
    }

    /// The scope that was opened and is not run. From here on none is.
    fn take_opened(&self) -> Option<OpenScope> {
        let mut handoff = self.exchange.handoff();
        let opened = handoff.opened.take();
        handoff.is_over = opened.is_none();
        opened
    }

    fn note_end(&self, ended: Result<(), RunError>) {
        match ended {
            // Stopped: it was told so, with what it had left.
            Ok(()) | Err(RunError::Stopped) => {}
            Err(error) => {
                self.exchange.connection.stats().failed.add();
                tracing::error!(%error, "a request has failed");
            }
        }
        self.exchange.fail_unless_ended();
    }

    pub(super) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        for is_first in [true, false] {
            let mut handoff = self.exchange.handoff();
            if let Some(frame) = handoff.frame.take() {
                self.is_over = handoff.ended && frame.is_ok();
                return Poll::Ready(Some(frame));
            }
            if handoff.ended {
                drop(handoff);
                self.is_over = true;
                return Poll::Ready(None);
            }
            drop(handoff);
            if is_first {
                self.poll_work(cx);
            }
        }
        self.exchange.set_waits_for_handler(true);
        Poll::Pending
    }

    /// Ends what is left of the work: in good order, if anything of it has to be waited for.
    fn end_work(&mut self) {
        let scoped = match std::mem::replace(&mut self.serving, Serving::Over) {
            Serving::Scoped(scoped) => scoped,
            Serving::Bare(work) => return drop_caught(|| drop(work)),
            Serving::Over => return,
        };
        let scope = self.exchange.scope();
        let Some(scope) = scope.filter(|scope| !scope.children().is_empty()) else {
            return drop_caught(|| drop(scoped));
        };
        scope.node().request_stop();
        let task = TaskSpec::new(async move {
            if let Err(error) = scoped.await {
                tracing::debug!(%error, "what was left of a request has ended");
            }
        });
        // If the connection takes no more, it is killed with this, and joined all the same.
        let connection = &self.exchange.connection;
        drop_caught(|| drop(connection.scope.task(task.contain())));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let connection = &self.exchange.connection;
        let handoff = self.exchange.handoff();
        let is_empty = handoff.ended && handoff.frame.is_none();
        drop(handoff);
        if !self.is_over && !is_empty && self.exchange.verdict() == Verdict::None {
            connection.stats().abandoned.add();
            tracing::debug!(peer = ?connection.peer, "a client has gone before it had its response");
        }
        // Dropped, it ends what was started a moment ago.
        drop(self.take_opened());
        self.end_work();
        let mut handoff = self.exchange.handoff();
        let left = (handoff.head.take(), handoff.frame.take());
        drop(handoff);
        drop_caught(|| drop(left));
        self.exchange.connection.end_request();
    }
}

fn scoped(opened: OpenScope, rest: Option<Work>) -> Scoped {
    let spawner = opened.spawner();
    Box::pin(opened.run(within(spawner, rest)))
}

/// What the protocol polls for a response.
pub(super) struct Call {
    running: Option<Running>,
    refusal: Option<Refusal>,
}

impl Future for Call {
    type Output = Result<Response<ResponseBody>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        #[expect(clippy::expect_used, reason = "as every future: it was ready before")]
        let running = this.running.as_mut().expect("polled after it was ready");
        let status = match &this.refusal {
            Some(refusal) => Some(refusal.status()),
            None => ready!(poll_head(running, cx)),
        };
        let Some(running) = this.running.take() else {
            return Poll::Pending;
        };
        let exchange = Arc::clone(running.exchange());
        exchange.begin_response();
        let response = match (status, exchange.handoff().head.take()) {
            (None, Some((head, hint))) => (head, Some(hint)),
            (status, _) => (bare(status), None),
        };
        Poll::Ready(Ok(finish(response, running, status.is_some())))
    }
}

/// Ready with the head that the handler has left, or with a status in its place.
fn poll_head(running: &mut Running, cx: &mut Context<'_>) -> Poll<Option<StatusCode>> {
    let judged = |running: &Running| {
        let verdict = running.exchange.verdict();
        (verdict != Verdict::None).then(|| verdict.status())
    };
    if judged(running).is_none() {
        running.poll_work(cx);
    }
    if let Some(status) = judged(running) {
        return Poll::Ready(Some(status));
    }
    if running.exchange.handoff().head.is_some() {
        return Poll::Ready(None);
    }
    match running.serving {
        Serving::Over => Poll::Ready(Some(StatusCode::INTERNAL_SERVER_ERROR)),
        Serving::Bare(_) | Serving::Scoped(_) => Poll::Pending,
    }
}

fn bare(status: Option<StatusCode>) -> http::response::Parts {
    let (mut head, ()) = Response::new(()).into_parts();
    head.status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    head
}

fn finish(
    (mut head, hint): (http::response::Parts, Option<SizeHint>),
    running: Running,
    closes: bool,
) -> Response<ResponseBody> {
    let exchange = running.exchange();
    let connection = &exchange.connection;
    let status = head.status.as_u16();
    exchange.span.record("http.response.status_code", status);
    // Of a request that went wrong more may come than anybody reads.
    let closes = closes || connection.is_last();
    if closes && !connection.is_http2() && head.status != StatusCode::SWITCHING_PROTOCOLS {
        let close = header::HeaderValue::from_static("close");
        head.headers.insert(header::CONNECTION, close);
    }
    let body = match hint {
        Some(hint) => ResponseBody::new(running, hint),
        None => {
            let mut running = running;
            running.end_work();
            running.is_over = true;
            ResponseBody::empty(running)
        }
    };
    Response::from_parts(head, body)
}
