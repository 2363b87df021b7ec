//! One request: what its protocol polls, and what its handler runs in.

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::response::Parts;
use http::{Request, Response, StatusCode, header};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tenure::{Deadline, RunError, Spawner, TaskSpec};
use tokio::time::Instant;
use tracing::Span;

use super::body::ResponseBody;
use super::check::{Refusal, refusal};
use super::connection::Connection;
use super::exchange::{Exchange, Verdict};
use super::handler::{Handler, Output, drop_caught};
use super::{BoxError, HttpService};

/// What is left of a handler.
type Rest<S> = Pin<Box<Handler<S>>>;
type Scoped = Pin<Box<dyn Future<Output = Result<(), RunError>> + Send>>;

/// The user's service, as a connection calls it.
pub(super) struct Calls<S> {
    service: Arc<S>,
    connection: Arc<Connection>,
    /// With HTTP/1 that of the request that is being served, which is also that of the connection's scope.
    deadline: RefCell<Option<Deadline>>,
}

impl<S> Calls<S> {
    pub(super) fn new(service: Arc<S>, connection: Arc<Connection>) -> Self {
        Self {
            service,
            connection,
            deadline: RefCell::new(None),
        }
    }

    /// A request begins, which has until then: what is asked in its handler inherits that.
    fn deadline(&self, limit: Instant) -> Deadline {
        if self.connection.is_http2() {
            // Each stream has its own.
            return Deadline::at(limit);
        }
        let mut kept = self.deadline.borrow_mut();
        if let Some(free) = kept.as_ref().filter(|deadline| !deadline.is_shared()) {
            free.set(limit);
            return free.clone();
        }
        let deadline = kept.insert(Deadline::at(limit));
        self.connection.scope.set_deadline(deadline.clone());
        deadline.clone()
    }
}

impl<S: HttpService> hyper::service::Service<Request<Incoming>> for Calls<S> {
    type Response = Response<ResponseBody<S>>;
    type Error = Infallible;
    type Future = Call<S>;

    fn call(&self, request: Request<Incoming>) -> Call<S> {
        let connection = &self.connection;
        connection.begin_request();
        let reads_body = !request.body().is_end_stream();
        if !reads_body && says_close(&request) {
            // Nothing can come that would turn the close into a reset.
            connection.set_lingers(false);
        }
        let span = span_of(&request, connection);
        let deadline = |limit| self.deadline(limit);
        let exchange = Exchange::new(Arc::clone(connection), span, reads_body, deadline);
        let exchange = Arc::new(exchange);
        connection.set_exchange(&exchange);
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
async fn within<S: HttpService>(
    spawner: Spawner,
    rest: Option<(Rest<S>, Arc<Exchange>)>,
) -> tenure::Result {
    if let Some((mut rest, exchange)) = rest {
        // The rest has just been polled by this task.
        let mut is_waiting = true;
        poll_fn(|cx| match std::mem::take(&mut is_waiting) {
            true => Poll::Pending,
            false => poll_rest(&mut rest, &exchange, cx),
        })
        .await;
    }
    if !spawner.children().is_empty() {
        spawner.node().request_stop();
        pending::<()>().await;
    }
    Ok(())
}

/// Leaves what the work comes to for the protocol, which polls this again when it has taken that.
fn poll_rest<S: HttpService>(
    rest: &mut Rest<S>,
    exchange: &Arc<Exchange>,
    cx: &mut Context<'_>,
) -> Poll<()> {
    if exchange.has_left_output() {
        return Poll::Pending;
    }
    let mut output = Output::End;
    let is_last = ready!(rest.as_mut().poll_next(exchange, cx, &mut output));
    exchange.leave_output(output, is_last);
    match is_last {
        true => Poll::Ready(()),
        false => Poll::Pending,
    }
}

/// How far a request has come.
enum Serving<S: HttpService> {
    /// Its work has not waited for anything.
    Bare(Rest<S>),
    /// It has, or has started something: from then on it is a scope of its own, beneath the connection.
    Scoped(Scoped),
    Over,
}

/// A request that is being served. Its drop ends it, and what it has started.
pub(super) struct Running<S: HttpService> {
    exchange: Arc<Exchange>,
    serving: Serving<S>,
    /// The protocol has all that its client is to get.
    is_over: bool,
}

impl<S: HttpService> Running<S> {
    pub(super) fn exchange(&self) -> &Arc<Exchange> {
        &self.exchange
    }

    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    fn begin(&mut self, service: &S, request: Request<Incoming>) {
        // The clone is the user's code.
        match catch_unwind(AssertUnwindSafe(|| service.clone())) {
            Ok(service) => self.serving = Serving::Bare(Box::pin(Handler::new(service, request))),
            Err(panic) => self.exchange.note_panic(panic),
        }
    }

    /// Lets the handler go on to what comes next for its client, which is left in place of an `End`.
    fn poll_next(&mut self, cx: &mut Context<'_>, output: &mut Output) -> Poll<()> {
        let mut polled = Poll::Pending;
        if let Serving::Bare(work) = &mut self.serving {
            polled = work.as_mut().poll_next(&self.exchange, cx, output);
            self.leave_bare(polled);
        }
        if let Serving::Scoped(scoped) = &mut self.serving {
            if let Poll::Ready(ended) = scoped.as_mut().poll(cx) {
                self.serving = Serving::Over;
                self.note_end(ended);
            }
            if let Some((left, is_last)) = self.exchange.take_output() {
                *output = left;
                polled = Poll::Ready(is_last);
            }
        }
        if polled.is_pending() && matches!(self.serving, Serving::Over) {
            // It was ended before it had come to its last.
            *output = Output::failed();
            polled = Poll::Ready(true);
        }
        polled.map(|is_last| self.is_over = is_last)
    }

    /// The work has been polled. Once it waits, or has started something, what is left of it goes on in the request's own
    /// scope.
    fn leave_bare(&mut self, polled: Poll<bool>) {
        if polled.is_pending() {
            self.exchange.spawner();
        }
        let is_last = polled == Poll::Ready(true);
        let opened = match is_last {
            true => self.exchange.take_last_opened(),
            false if self.exchange.scope().is_none() => None,
            false => self.exchange.take_opened(),
        };
        match (opened, std::mem::replace(&mut self.serving, Serving::Over)) {
            (None, _) if is_last => {}
            (Some(opened), Serving::Bare(work)) => {
                let rest = (!is_last).then(|| (work, Arc::clone(&self.exchange)));
                let spawner = opened.spawner();
                self.serving = Serving::Scoped(Box::pin(opened.run(within(spawner, rest))));
            }
            // It goes on as it is. If it should have a scope and has none, the connection is ending, and this with it.
            (_, bare) => self.serving = bare,
        }
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
    }

    pub(super) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        let mut output = Output::End;
        if self.poll_next(cx, &mut output).is_pending() {
            self.exchange.set_waits_for_handler(true);
            return Poll::Pending;
        }
        Poll::Ready(match output {
            Output::Frame(frame) => Some(Ok(frame)),
            Output::Error(error) => Some(Err(error)),
            Output::End | Output::Head(..) => None,
        })
    }

    /// Ends what is left of the work: in good order, if anything of it has to be waited for.
    fn end_work(&mut self) {
        let scoped = match std::mem::replace(&mut self.serving, Serving::Over) {
            Serving::Scoped(scoped) => scoped,
            Serving::Bare(work) => {
                // Dropped, it ends what was started a moment ago.
                drop(self.exchange.take_last_opened());
                return drop_caught(|| drop(work));
            }
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
        // If the connection takes no more tasks, what is left is killed, and joined all the same.
        let connection = &self.exchange.connection;
        drop_caught(|| drop(connection.scope.task(task.contain())));
    }
}

impl<S: HttpService> Drop for Running<S> {
    fn drop(&mut self) {
        let connection = &self.exchange.connection;
        if !self.is_over && self.exchange.verdict() == Verdict::None {
            connection.stats().abandoned.add();
            tracing::debug!(peer = ?connection.peer, "a client has gone before it had its response");
        }
        self.end_work();
        if self.exchange.scope().is_some() {
            let left = self.exchange.take_output();
            drop_caught(|| drop(left));
        }
        self.exchange.connection.end_request();
    }
}

/// What the protocol polls for a response.
pub(super) struct Call<S: HttpService> {
    running: Option<Running<S>>,
    refusal: Option<Refusal>,
}

/// The response but for its body, and what that says of its length.
type Head = (Parts, SizeHint);

impl<S: HttpService> Future for Call<S> {
    type Output = Result<Response<ResponseBody<S>>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        #[expect(clippy::expect_used, reason = "as every future: it was ready before")]
        let running = this.running.as_mut().expect("polled after it was ready");
        let head = match &this.refusal {
            Some(refusal) => Err(refusal.status()),
            None => ready!(poll_head(running, cx)),
        };
        let Some(running) = this.running.take() else {
            return Poll::Pending;
        };
        running.exchange.begin_response();
        Poll::Ready(Ok(finish(head, running)))
    }
}

/// Ready with the head that the handler has come to, or with a status in its place.
fn poll_head<S: HttpService>(
    running: &mut Running<S>,
    cx: &mut Context<'_>,
) -> Poll<Result<Head, StatusCode>> {
    let judged = |running: &Running<S>| {
        let verdict = running.exchange.verdict();
        (verdict != Verdict::None).then(|| verdict.status())
    };
    if let Some(status) = judged(running) {
        return Poll::Ready(Err(status));
    }
    let mut output = Output::End;
    let polled = running.poll_next(cx, &mut output);
    if let Some(status) = judged(running) {
        drop_caught(|| drop(output));
        return Poll::Ready(Err(status));
    }
    polled.map(|()| match output {
        Output::Head(head, hint) => Ok((head, hint)),
        _ => Err(StatusCode::INTERNAL_SERVER_ERROR),
    })
}

fn finish<S: HttpService>(
    head: Result<Head, StatusCode>,
    mut running: Running<S>,
) -> Response<ResponseBody<S>> {
    // More may come of a request that went wrong, and nobody reads it.
    let closes = head.is_err() || running.exchange.connection.is_last();
    let (mut head, hint) = head.unwrap_or_else(|status| {
        running.end_work();
        running.is_over = true;
        let (mut head, ()) = Response::new(()).into_parts();
        head.status = status;
        (head, SizeHint::with_exact(0))
    });
    let exchange = running.exchange();
    let status = head.status.as_u16();
    exchange.span.record("http.response.status_code", status);
    let is_http2 = exchange.connection.is_http2();
    if closes && !is_http2 && head.status != StatusCode::SWITCHING_PROTOCOLS {
        let close = header::HeaderValue::from_static("close");
        head.headers.insert(header::CONNECTION, close);
    }
    Response::from_parts(head, ResponseBody::new(running, hint))
}
