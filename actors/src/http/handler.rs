//! What is done for a request: the service is called, and what it gives is left for the protocol.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Buf;
use http::Request;
use http_body::Body;
use hyper::body::Incoming;
use pin_project_lite::pin_project;

use super::body::RequestBody;
use super::context::RequestContext;
use super::exchange::Exchange;
use super::{BoxError, HttpService};

pin_project! {
    /// The handler of a request, and then the body of its response. One that fails or panics is traced and counted, and
    /// ends nothing but itself.
    ///
    /// Written out and not an async block, which would keep a place for each of its stages: what is allocated for each
    /// request is half as large.
    pub(super) struct Handler<S: HttpService> {
        exchange: Arc<Exchange>,
        is_head: bool,
        #[pin]
        stage: Stage<S, S::Future, S::Body>,
    }
}

pin_project! {
    #[project = StageOf]
    enum Stage<S, F, B> {
        Ready { call: Option<(S, Request<RequestBody>)> },
        Called { #[pin] response: F },
        Body { #[pin] body: B },
        Over,
    }
}

impl<S: HttpService> Handler<S> {
    pub(super) fn new(service: S, request: Request<Incoming>, exchange: Arc<Exchange>) -> Self {
        let is_head = request.method() == http::Method::HEAD;
        let mut request = request.map(|body| RequestBody::new(body, Arc::clone(&exchange)));
        let context = RequestContext::new(Arc::clone(&exchange));
        request.extensions_mut().insert(context);
        let call = Some((service, request));
        Self {
            exchange,
            is_head,
            stage: Stage::Ready { call },
        }
    }
}

impl<S: HttpService> Future for Handler<S> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        let (exchange, mut stage) = (&**this.exchange, this.stage);
        let _in_its_span = exchange.span.enter();
        let polled = catch_unwind(AssertUnwindSafe(|| {
            let polled = poll_stage::<S>(stage.as_mut(), exchange, *this.is_head, cx);
            if polled.is_ready() {
                // Its destructors are the user's code as well.
                stage.set(Stage::Over);
            }
            polled
        }));
        match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(Ok(()))) => return Poll::Ready(()),
            Ok(Poll::Ready(Err(error))) => {
                exchange.connection.stats().failed.add();
                tracing::error!(%error, "a handler has failed");
            }
            Err(panic) => {
                exchange.note_panic(panic);
                drop_caught(|| stage.set(Stage::Over));
            }
        }
        Poll::Ready(())
    }
}

/// Polls what the request is at, until that waits or all is done.
fn poll_stage<S: HttpService>(
    mut stage: Pin<&mut Stage<S, S::Future, S::Body>>,
    exchange: &Exchange,
    is_head: bool,
    cx: &mut Context<'_>,
) -> Poll<Result<(), BoxError>> {
    loop {
        match stage.as_mut().project() {
            StageOf::Ready { call } => {
                if let Some((service, _)) = call {
                    ready!(service.poll_ready(cx)).map_err(Into::into)?;
                }
                let Some((mut service, request)) = call.take() else {
                    return Poll::Ready(Ok(()));
                };
                let response = service.call(request);
                stage.set(Stage::Called { response });
            }
            StageOf::Called { response } => {
                let response = ready!(response.poll(cx)).map_err(Into::into)?;
                let (head, body) = response.into_parts();
                let hint = body.size_hint();
                let is_empty = is_head || body.is_end_stream();
                exchange.leave_head(head, hint, is_empty);
                if is_empty {
                    return Poll::Ready(Ok(()));
                }
                stage.set(Stage::Body { body });
            }
            StageOf::Body { body } => return poll_body(body, exchange, cx).map(Ok),
            StageOf::Over => return Poll::Ready(Ok(())),
        }
    }
}

/// Leaves each frame for the protocol, which polls this again when it has taken the last one.
fn poll_body<B>(mut body: Pin<&mut B>, exchange: &Exchange, cx: &mut Context<'_>) -> Poll<()>
where
    B: Body<Error: Into<BoxError>>,
{
    while exchange.handoff().frame.is_none() {
        let frame = ready!(body.as_mut().poll_frame(cx));
        let ended = !matches!(frame, Some(Ok(_))) || body.is_end_stream();
        let frame = frame.map(|frame| match frame {
            Ok(frame) => Ok(frame.map_data(|mut data| data.copy_to_bytes(data.remaining()))),
            Err(error) => Err(error.into()),
        });
        let mut handoff = exchange.handoff();
        handoff.ended = ended;
        handoff.frame = frame;
        if ended {
            return Poll::Ready(());
        }
    }
    Poll::Pending
}

/// Drops what is the user's. A panic of its destructor is traced.
pub(super) fn drop_caught(drop: impl FnOnce()) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(drop)) {
        let panic = crate::panic_text(panic);
        tracing::error!(panic, "a handler has panicked when it was dropped");
    }
}
