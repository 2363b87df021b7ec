//! What is done for a request: the service is called, and what it gives is handed on step by step.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http::Request;
use http::response::Parts;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use pin_project_lite::pin_project;

use super::body::RequestBody;
use super::context::RequestContext;
use super::exchange::Exchange;
use super::{BoxError, HttpService};

/// What a handler, and then the body of its response, comes to next, for its client.
pub(super) enum Output {
    /// The response but for its body, and what that says of its length.
    Head(Parts, SizeHint),
    Frame(Frame<Bytes>),
    /// The body is whole.
    End,
    /// The request has failed, or the body has.
    Error(BoxError),
}

impl Output {
    pub(super) fn failed() -> Self {
        Self::Error("the request has failed".into())
    }
}

pin_project! {
    /// The handler of a request, and then the body of its response. One that fails or panics is traced and counted, and
    /// ends nothing but itself.
    ///
    /// Written out and not an async block, which would keep a place for each of its stages: what is allocated for each
    /// request is half as large.
    pub(super) struct Handler<S: HttpService> {
        is_head: bool,
        #[pin]
        stage: Stage<S, S::Future, S::Body>,
    }
}

pin_project! {
    #[project = StageOf]
    enum Stage<S, F, B> {
        Ready { call: Option<(S, Request<Incoming>)> },
        Called { #[pin] response: F },
        Body { #[pin] body: B },
        Over,
    }
}

impl<S: HttpService> Handler<S> {
    pub(super) const fn new(service: S, request: Request<Incoming>) -> Self {
        let call = Some((service, request));
        Self {
            stage: Stage::Ready { call },
            is_head: false,
        }
    }

    /// Goes on to what comes next, which it leaves in place of an `End`: a head is large, and would be moved again and again
    /// on its way out of here. Ready with whether it was the last; then nothing is left of the user's code, and this is not
    /// called again.
    pub(super) fn poll_next(
        self: Pin<&mut Self>,
        exchange: &Arc<Exchange>,
        cx: &mut Context<'_>,
        output: &mut Output,
    ) -> Poll<bool> {
        let mut this = self.project();
        let _in_its_span = exchange.span.enter();
        let polled = catch_unwind(AssertUnwindSafe(|| {
            poll_stage::<S>(this.stage.as_mut(), this.is_head, exchange, cx, output)
        }));
        match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(Ok(false))) => return Poll::Ready(false),
            Ok(Poll::Ready(Ok(true))) => {}
            Ok(Poll::Ready(Err(error))) => {
                exchange.connection.stats().failed.add();
                tracing::error!(%error, "a handler has failed");
                *output = Output::failed();
            }
            Err(panic) => {
                exchange.note_panic(panic);
                drop_caught(|| this.stage.set(Stage::Over));
                *output = Output::failed();
            }
        }
        // Its destructors are the user's code as well. What it has come to stands.
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| this.stage.set(Stage::Over))) {
            exchange.note_panic(panic);
        }
        Poll::Ready(true)
    }
}

/// Polls what the request is at, until that waits or has come to something. Says whether that is the last.
fn poll_stage<S: HttpService>(
    mut stage: Pin<&mut Stage<S, S::Future, S::Body>>,
    is_head: &mut bool,
    exchange: &Arc<Exchange>,
    cx: &mut Context<'_>,
    output: &mut Output,
) -> Poll<Result<bool, BoxError>> {
    loop {
        match stage.as_mut().project() {
            StageOf::Ready { call } => {
                if let Some((service, _)) = call {
                    ready!(service.poll_ready(cx)).map_err(Into::into)?;
                }
                let Some((mut service, request)) = call.take() else {
                    return Poll::Ready(Ok(true));
                };
                *is_head = request.method() == http::Method::HEAD;
                let mut request = request.map(|body| RequestBody::new(body, exchange));
                let context = RequestContext::new(Arc::clone(exchange));
                request.extensions_mut().insert(context);
                let response = service.call(request);
                stage.set(Stage::Called { response });
            }
            StageOf::Called { response } => {
                let response = ready!(response.poll(cx)).map_err(Into::into)?;
                let (head, body) = response.into_parts();
                *output = Output::Head(head, body.size_hint());
                let is_last = *is_head || body.is_end_stream();
                stage.set(Stage::Body { body });
                return Poll::Ready(Ok(is_last));
            }
            StageOf::Body { body } => return poll_body(body, cx, output).map(Ok),
            StageOf::Over => return Poll::Ready(Ok(true)),
        }
    }
}

fn poll_body<B>(mut body: Pin<&mut B>, cx: &mut Context<'_>, output: &mut Output) -> Poll<bool>
where
    B: Body<Error: Into<BoxError>>,
{
    let frame = match ready!(body.as_mut().poll_frame(cx)) {
        Some(Ok(frame)) => frame,
        Some(Err(error)) => {
            *output = Output::Error(error.into());
            return Poll::Ready(true);
        }
        None => return Poll::Ready(true),
    };
    let frame = frame.map_data(|mut data| data.copy_to_bytes(data.remaining()));
    *output = Output::Frame(frame);
    Poll::Ready(body.is_end_stream())
}

/// Drops what is the user's. A panic of its destructor is traced.
pub(super) fn drop_caught(drop: impl FnOnce()) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(drop)) {
        let panic = crate::panic_text(panic);
        tracing::error!(panic, "a handler has panicked when it was dropped");
    }
}
