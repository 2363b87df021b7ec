use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::call::Running;
use super::exchange::{Exchange, Verdict};
use super::{BoxError, HttpService};

/// How much of a response goes to HTTP/2 at once: what its client takes is seen at this grain.
const PIECE: usize = 16 << 10;

/// The body of a request, within the limits of its server.
///
/// One that is too large, takes too long or is not understood ends its request: the client is told so, whatever the
/// handler makes of the error.
pub struct RequestBody {
    incoming: Incoming,
    /// Until nothing more of the body is to come.
    exchange: Option<Arc<Exchange>>,
    read: u64,
}

impl RequestBody {
    pub(super) fn new(incoming: Incoming, exchange: &Arc<Exchange>) -> Self {
        let comes = !incoming.is_end_stream();
        Self {
            incoming,
            exchange: comes.then(|| Arc::clone(exchange)),
            read: 0,
        }
    }

    /// Nothing more of it is read. Gives the request, if it was not known yet.
    fn end(&mut self) -> Option<Arc<Exchange>> {
        let exchange = self.exchange.take();
        exchange.inspect(|exchange| exchange.end_body())
    }

    /// The same, since the client has not done what it should.
    fn judge(&mut self, verdict: Verdict) {
        if let Some(exchange) = self.end() {
            exchange.judge(verdict);
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        let Some(exchange) = &this.exchange else {
            return Poll::Ready(None);
        };
        let frame = match ready!(Pin::new(&mut this.incoming).poll_frame(cx)) {
            Some(Ok(frame)) => frame,
            Some(Err(error)) => {
                this.judge(match is_bad(&error) {
                    true => Verdict::BadBody,
                    false => Verdict::CutOff,
                });
                return Poll::Ready(Some(Err(error.into())));
            }
            None => {
                this.end();
                return Poll::Ready(None);
            }
        };
        this.read += frame.data_ref().map_or(0, |data| data.len() as u64);
        if this.read > exchange.connection.limits().body_bytes {
            this.judge(Verdict::LargeBody);
            return Poll::Ready(Some(Err("the body is too large".into())));
        }
        if this.incoming.is_end_stream() {
            this.end();
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

/// Whether what came is no body, and not only the beginning of one.
fn is_bad(error: &hyper::Error) -> bool {
    let cause =
        std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<io::Error>());
    cause.is_some_and(|cause| {
        matches!(
            cause.kind(),
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData
        )
    })
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        self.end();
    }
}

impl fmt::Debug for RequestBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestBody").finish_non_exhaustive()
    }
}

/// The body of a response, with the request that it is the response of: where it is dropped, that ends.
pub(super) struct ResponseBody<S: HttpService> {
    running: Running<S>,
    hint: SizeHint,
    rest: Bytes,
}

impl<S: HttpService> ResponseBody<S> {
    pub(super) fn new(running: Running<S>, hint: SizeHint) -> Self {
        Self {
            running,
            hint,
            rest: Bytes::new(),
        }
    }

    fn piece(&mut self, mut data: Bytes) -> Frame<Bytes> {
        let exchange = self.running.exchange();
        if exchange.connection.is_http2() && data.len() > PIECE {
            self.rest = data.split_off(PIECE);
        }
        exchange.note_sent(data.len());
        Frame::data(data)
    }
}

impl<S: HttpService> Body for ResponseBody<S> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        this.running.exchange().set_waits_for_handler(false);
        if this.running.exchange().verdict() != Verdict::None {
            return Poll::Ready(Some(Err("the request has ended at a limit".into())));
        }
        if !this.rest.is_empty() {
            let rest = std::mem::take(&mut this.rest);
            return Poll::Ready(Some(Ok(this.piece(rest))));
        }
        let Some(frame) = ready!(this.running.poll_frame(cx)) else {
            return Poll::Ready(None);
        };
        Poll::Ready(Some(match frame?.into_data() {
            Ok(data) => Ok(this.piece(data)),
            Err(trailers) => Ok(trailers),
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.running.is_over() && self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        self.hint
    }
}
