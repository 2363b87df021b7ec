//! A service is users' code wherever it is called. A panic there ends its request, and nothing else.

use std::convert::Infallible;
use std::fmt;
use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use axum::Router;
use axum::body::Bytes;
use axum::routing::get;
use http::{Request, Response};
use http_body::{Body, Frame};
use tenure_actors::http::{Limits, RequestBody};
use tokio::time::sleep;
use tower_service::Service;

use crate::frames::{self, Client, DATA, RST_STREAM};
use crate::harness::{Alive, MILLIS, paused};

const GET: &str = "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Nowhere,
    Clone,
    Ready,
    Call,
    Response,
    Body,
    DropOfBody,
    /// The response waits, and its client goes.
    DropOfResponse,
}

/// Panics once, where it is told to.
#[derive(Clone)]
struct Fault(Arc<Mutex<At>>);

impl Fault {
    fn is_at(&self, at: At) -> bool {
        let mut here = self.0.lock().unwrap();
        let is_here = *here == at;
        if is_here {
            *here = At::Nowhere;
        }
        is_here
    }

    fn at(&self, at: At) {
        assert!(!self.is_at(at), "told to panic");
    }
}

struct Faulty(Fault);

impl Clone for Faulty {
    fn clone(&self) -> Self {
        self.0.at(At::Clone);
        Self(self.0.clone())
    }
}

struct Guard(Fault, At);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.at(self.1);
    }
}

impl Service<Request<RequestBody>> for Faulty {
    type Response = Response<Hello>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Hello>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.at(At::Ready);
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<RequestBody>) -> Self::Future {
        self.0.at(At::Call);
        let fault = self.0.clone();
        Box::pin(async move {
            fault.at(At::Response);
            if request.uri().path() == "/waits" {
                let _guard = Guard(fault, At::DropOfResponse);
                return pending().await;
            }
            let guard = Guard(fault.clone(), At::DropOfBody);
            Ok(Response::new(Hello(fault, false, guard)))
        })
    }
}

struct Hello(
    Fault,
    bool,
    #[expect(dead_code, reason = "it is dropped")] Guard,
);

impl Body for Hello {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.at(At::Body);
        let is_over = std::mem::replace(&mut self.1, true);
        let frame = (!is_over).then(|| Ok(Frame::data(Bytes::from_static(b"hello\n"))));
        Poll::Ready(frame)
    }
}

fn defaults(_: &mut Limits) {}

fn panics_at(at: At, check: impl Fn(&str)) {
    let fault = Fault(Arc::new(Mutex::new(at)));
    let service = |_: &Alive| Faulty(fault.clone());
    paused(defaults, service, async |dialer, stats, _| {
        let mut client = dialer.dial();
        client.send(GET).await;
        check(&client.rest().await);
        assert!(fault.is_at(At::Nowhere), "it has not panicked");
        assert_eq!((stats.failed.get(), stats.in_flight.get()), (1, 0));
        let mut client = dialer.dial();
        client.send(GET).await;
        assert!(client.rest().await.ends_with("hello\n\r\n0\r\n\r\n"));
    });
}

#[test]
fn panics_before_the_response_are_500() {
    for at in [At::Clone, At::Ready, At::Call, At::Response] {
        panics_at(at, |answer| {
            assert!(answer.starts_with("HTTP/1.1 500 "), "{at:?}: {answer}");
        });
    }
}

#[test]
fn panic_in_a_body_cuts_its_response_off() {
    panics_at(At::Body, |answer| {
        assert!(!answer.ends_with("0\r\n\r\n"), "{answer}");
    });
}

#[test]
fn panic_in_the_drop_of_a_body_comes_after_its_response() {
    panics_at(At::DropOfBody, |answer| {
        assert!(answer.ends_with("hello\n\r\n0\r\n\r\n"), "{answer}");
    });
}

#[test]
fn panic_in_the_drop_of_a_request_that_is_given_up_is_nobodys() {
    let fault = Fault(Arc::new(Mutex::new(At::DropOfResponse)));
    let service = |_: &Alive| Faulty(fault.clone());
    paused(defaults, service, async |dialer, stats, _| {
        let mut client = dialer.dial();
        client.send("GET /waits HTTP/1.1\r\nhost: x\r\n\r\n").await;
        sleep(MILLIS).await;
        drop(client);
        sleep(MILLIS).await;
        assert!(fault.is_at(At::Nowhere), "it has not panicked");
        assert_eq!((stats.abandoned.get(), stats.in_flight.get()), (1, 0));
        let mut client = dialer.dial();
        client.send(GET).await;
        assert!(client.rest().await.ends_with("hello\n\r\n0\r\n\r\n"));
    });
}

/// An error that panics when it is asked for its source.
#[derive(Debug)]
struct NoCause;

impl fmt::Display for NoCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it has failed")
    }
}

impl std::error::Error for NoCause {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        panic!("it has no cause")
    }
}

/// A body that begins, and then fails.
struct Failing(bool);

impl Body for Failing {
    type Data = Bytes;
    type Error = NoCause;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, NoCause>>> {
        let has_begun = std::mem::replace(&mut self.0, true);
        Poll::Ready(Some(match has_begun {
            true => Err(NoCause),
            false => Ok(Frame::data(Bytes::from_static(b"hel"))),
        }))
    }
}

/// An extension of a response, which panics when it is dropped.
#[derive(Clone)]
struct Extension;

impl Drop for Extension {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "told to panic");
    }
}

/// For each kind of fault, a response at once and one after a wait.
fn faulty_responses(_: &Alive) -> Router {
    use axum::body::Body;
    use axum::response::Response;

    let failing = async || Response::new(Body::new(Failing(false)));
    let extended = async || {
        let mut response = Response::new(Body::from("hello\n"));
        response.extensions_mut().insert(Extension);
        response
    };
    let failing_later = async move || {
        sleep(MILLIS).await;
        failing().await
    };
    let extended_later = async move || {
        sleep(MILLIS).await;
        extended().await
    };
    Router::new()
        .route("/", get("hello\n"))
        .route("/failing", get(failing))
        .route("/extended", get(extended))
        .route("/failing/later", get(failing_later))
        .route("/extended/later", get(extended_later))
}

/// The protocol asks the error of a body for its source, and drops the extensions of a response. A stream whose
/// response comes at once is served by the task of its connection.
#[test]
fn panic_in_what_http2_does_with_a_response_ends_that_stream_alone() {
    for path in ["/failing", "/extended", "/failing/later", "/extended/later"] {
        paused(defaults, faulty_responses, async |dialer, stats, _| {
            let mut client = Client::over(dialer.dial().io).await;
            let paths = ["/", "/", path, "/", "/"];
            let requests: Vec<_> = (1..)
                .step_by(2)
                .zip(paths)
                .map(|(stream, path)| frames::get(stream, path))
                .collect();
            client.send(&requests.concat()).await;
            let (mut served, mut is_reset) = (0, false);
            while served < 4 || !is_reset {
                let frame = client.next().await.expect("it has closed");
                let is_faulty = frame.stream == 5;
                served += u32::from(frame.kind == DATA && !is_faulty);
                is_reset |= frame.kind == RST_STREAM && is_faulty;
            }
            assert_eq!((stats.failed.get(), stats.in_flight.get()), (1, 0));
            client.is_served(11).await;
        });
    }
}
