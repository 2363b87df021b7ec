//! One request: what its protocol polls, and what its handler runs in.

use std::convert::Infallible;
use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http::{Request, Response, StatusCode, header};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tenure::{RunError, Scope, TaskSpec};

use super::body::{RequestBody, ResponseBody};
use super::check::{Refusal, refusal};
use super::connection::Connection;
use super::context::RequestContext;
use super::exchange::{Exchange, Verdict};
use super::{BoxError, HttpService};

type Scoped = Pin<Box<dyn Future<Output = Result<(), RunError>> + Send>>;

/// The user's service, as a connection calls it.
pub(super) struct Calls<S> {
    pub(super) service: S,
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
        let exchange = Arc::new(Exchange::new(Arc::clone(connection), reads_body));
        connection.set_exchange(&exchange);
        let refusal = refusal(&request, connection);
        let work = match refusal {
            Some(_) => None,
            None => Some(scoped(self.service.clone(), request, &exchange)),
        };
        let running = Running {
            exchange,
            work,
            is_over: false,
        };
        Call {
            running: Some(running),
            refusal,
        }
    }
}

fn says_close<B>(request: &Request<B>) -> bool {
    let connection = request.headers().get(header::CONNECTION);
    connection.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"close"))
}

/// The handler, in a scope that is beneath whoever polls this.
fn scoped<S: HttpService>(
    service: S,
    request: Request<Incoming>,
    exchange: &Arc<Exchange>,
) -> Scoped {
    let is_head = request.method() == http::Method::HEAD;
    let exchange = Arc::clone(exchange);
    Box::pin(tenure::scope_send(move |scope| {
        handle(service, request, is_head, exchange, scope)
    }))
}

/// What the scope of a request does: the handler, and then the body of its response.
async fn handle<S: HttpService>(
    service: S,
    request: Request<Incoming>,
    is_head: bool,
    exchange: Arc<Exchange>,
    scope: Scope,
) -> tenure::Result {
    scope.set_deadline(exchange.deadline());
    exchange.handoff().scope = Some(scope.clone());
    let mut request = request.map(|body| RequestBody::new(body, Arc::clone(&exchange)));
    let context = RequestContext::new(scope.clone(), Arc::clone(&exchange));
    request.extensions_mut().insert(context);
    if let Some(response) = contained(respond(service, request), &exchange).await {
        let (head, body) = response.into_parts();
        let hint = body.size_hint();
        let is_empty = is_head || body.is_end_stream();
        exchange.leave_head(head, hint, is_empty);
        if !is_empty
            && contained(pass_on(body, &exchange), &exchange)
                .await
                .is_none()
        {
            exchange.leave_last(Some(Err("the handler has panicked".into())));
        }
    }
    // What was started in it ends with the request.
    if !scope.children().is_empty() {
        scope.node().request_stop();
        pending::<()>().await;
    }
    Ok(())
}

async fn respond<S: HttpService>(
    mut service: S,
    request: Request<RequestBody>,
) -> Result<Response<S::Body>, BoxError> {
    let ready = poll_fn(|cx| service.poll_ready(cx)).await;
    ready.map_err(Into::into)?;
    service.call(request).await.map_err(Into::into)
}

/// Leaves each frame for the protocol, and goes on once it has been taken.
async fn pass_on<B>(body: B, exchange: &Exchange) -> Result<(), BoxError>
where
    B: Body<Error: Into<BoxError>>,
{
    let mut body = pin!(body);
    poll_fn(|cx| {
        // The protocol polls this again when it has taken the last one.
        while exchange.handoff().frame.is_none() {
            let frame = ready!(body.as_mut().poll_frame(cx));
            let ended = !matches!(frame, Some(Ok(_))) || body.is_end_stream();
            let mut handoff = exchange.handoff();
            handoff.ended = ended;
            handoff.frame = frame.map(|frame| match frame {
                Ok(frame) => Ok(frame.map_data(|mut data| data.copy_to_bytes(data.remaining()))),
                Err(error) => Err(error.into()),
            });
            if ended {
                return Poll::Ready(Ok(()));
            }
        }
        Poll::Pending
    })
    .await
}

/// What the future gives, unless it fails or panics: that is traced and counted, and ends nothing but itself.
async fn contained<T>(
    future: impl Future<Output = Result<T, BoxError>>,
    exchange: &Exchange,
) -> Option<T> {
    let mut future = pin!(future);
    let caught = poll_fn(
        |cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
            Ok(polled) => polled.map(Ok),
            Err(panic) => Poll::Ready(Err(panic)),
        },
    );
    match caught.await {
        Ok(Ok(value)) => return Some(value),
        Ok(Err(error)) => tracing::error!(%error, "a handler has failed"),
        Err(panic) => {
            let panic = crate::panic_text(&*panic);
            tracing::error!(panic, "a handler has panicked");
        }
    }
    exchange.connection.stats().failed.add();
    None
}

/// A request that is being served. Its drop ends it, and what it has started.
pub(super) struct Running {
    exchange: Arc<Exchange>,
    work: Option<Scoped>,
    /// Its client has all that it is to get.
    is_over: bool,
}

impl Running {
    pub(super) fn exchange(&self) -> &Arc<Exchange> {
        &self.exchange
    }

    /// Lets the handler go on.
    fn poll_work(&mut self, cx: &mut Context<'_>) {
        let Some(work) = &mut self.work else { return };
        if let Poll::Ready(ended) = work.as_mut().poll(cx) {
            self.work = None;
            self.note_end(ended);
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
        if let Some(work) = self.work.take() {
            end(work, &self.exchange);
        }
        connection.end_request();
    }
}

/// Ends what a request has left: in good order, if anything of it has to be waited for.
fn end(work: Scoped, exchange: &Exchange) {
    let scope = exchange.handoff().scope.take();
    let Some(scope) = scope.filter(|scope| !scope.children().is_empty()) else {
        return;
    };
    scope.node().request_stop();
    let task = TaskSpec::new(async move {
        if let Err(error) = work.await {
            tracing::debug!(%error, "what was left of a request has ended");
        }
    });
    // If the connection takes no more, it is killed with this, and joined all the same.
    drop(exchange.connection.spawner.task(task.contain()));
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
    match running.work {
        Some(_) => Poll::Pending,
        None => Poll::Ready(Some(StatusCode::INTERNAL_SERVER_ERROR)),
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
    let connection = &running.exchange().connection;
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
            if let Some(work) = running.work.take() {
                end(work, &running.exchange);
            }
            running.is_over = true;
            ResponseBody::empty(running)
        }
    };
    Response::from_parts(head, body)
}
