//! Requests end with their clients, the tasks of a handler with its request, and everything with the server.

mod contexts;
mod drains;
mod limits;

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::routing::get;
use axum::{Extension, Router};
use http_body_util::StreamBody;
use tenure_actors::http::{Limits, RequestContext};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use crate::harness::{Alive, Http, MILLIS, SECOND, paused, serving, still_serving};

const GET: &str = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";

fn defaults(_: &mut Limits) {}

async fn is_ended_by(http: &Http, request: &str, go: impl FnOnce(tokio::net::TcpStream)) {
    let mut client = http.connect().await;
    client.send(request).await;
    http.until("it is handled", |http| http.handling.get() == 1)
        .await;
    go(client.io);
    http.until("it has ended", |http| http.handling.get() == 0)
        .await;
    http.until("it is counted", |http| http.stats.abandoned.get() == 1)
        .await;
}

fn reset(stream: tokio::net::TcpStream) {
    socket2::SockRef::from(&stream)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
}

#[test]
fn request_ends_with_its_client() {
    still_serving(defaults, async |http| {
        is_ended_by(http, "GET /hang HTTP/1.1\r\nhost: x\r\n\r\n", drop).await;
    });
}

#[test]
fn request_ends_when_its_client_resets() {
    still_serving(defaults, async |http| {
        is_ended_by(http, "GET /hang HTTP/1.1\r\nhost: x\r\n\r\n", reset).await;
    });
}

#[test]
fn half_close_counts_as_gone() {
    still_serving(defaults, async |http| {
        let mut kept = None;
        is_ended_by(http, "GET /hang HTTP/1.1\r\nhost: x\r\n\r\n", |stream| {
            socket2::SockRef::from(&stream)
                .shutdown(std::net::Shutdown::Write)
                .unwrap();
            kept = Some(stream);
        })
        .await;
    });
}

/// The protocol does not read from the connection while the body of a request is unread.
#[test]
fn client_that_goes_is_noticed_while_a_body_is_unread() {
    // The end of the stream comes after all bytes that were sent, so it is only seen if those fit into the kernel. A
    // reset overtakes them.
    for (go, sent) in [(drop as fn(_), 60_000), (reset, 200_000)] {
        still_serving(
            |limits| limits.body_bytes = 100 << 20,
            async |http| {
                let body = "x".repeat(sent);
                let head = "POST /unread HTTP/1.1\r\nhost: x\r\ncontent-length: 10000000\r\n\r\n";
                is_ended_by(http, &format!("{head}{body}"), go).await;
            },
        );
    }
}

/// The protocol does not read on either while a further request is waiting.
#[test]
fn client_that_goes_is_noticed_behind_a_pipelined_request() {
    for go in [drop as fn(_), reset] {
        still_serving(defaults, async |http| {
            let request = "GET /hang HTTP/1.1\r\nhost: x\r\n\r\n";
            is_ended_by(http, &request.repeat(2_000), go).await;
        });
    }
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    still_serving(defaults, async |http| {
        let mut client = http.connect().await;
        client.send(GET.repeat(20)).await;
        for _ in 0..20 {
            assert!(client.response().await.ends_with("hello\n"));
        }
    });
}

fn with_tasks(alive: &Alive) -> Router {
    let task = |alive: Alive| {
        async move |Extension(request): Extension<RequestContext>| {
            let guard = alive.guard();
            let left = async move {
                let _guard = guard;
                std::future::pending::<()>().await;
            };
            request.spawner().task(left).unwrap();
            "left\n"
        }
    };
    let stream = |alive: Alive| {
        async move |Extension(request): Extension<RequestContext>| {
            let (send, mut receive) = mpsc::channel(1);
            let guard = alive.guard();
            let feed = async move {
                let _guard = guard;
                for n in 0..5 {
                    sleep(SECOND).await;
                    let frame = http_body::Frame::data(Bytes::from(format!("{n}\n")));
                    if send
                        .send(Ok::<_, std::convert::Infallible>(frame))
                        .await
                        .is_err()
                    {
                        break;
                    }
                }
            };
            request.spawner().task(feed).unwrap();
            let stream = futures_util::stream::poll_fn(move |cx| receive.poll_recv(cx));
            Body::new(StreamBody::new(stream))
        }
    };
    let careful = |alive: Alive| {
        async move |Extension(request): Extension<RequestContext>| {
            let guard = alive.guard();
            let careful = request.spawner().task_with(|token| async move {
                let _guard = guard;
                token.cancelled().await;
                sleep(SECOND).await;
            });
            careful.unwrap();
            std::future::pending::<()>().await;
        }
    };
    Router::new()
        .route("/left", get(task(alive.clone())))
        .route("/stream", get(stream(alive.clone())))
        .route("/careful", get(careful(alive.clone())))
}

#[test]
fn what_a_handler_has_started_ends_with_its_request() {
    let alive = Alive::default();
    let seen = alive.clone();
    paused(
        defaults,
        |_| with_tasks(&seen),
        async |dialer, _, _| {
            let mut client = dialer.dial();
            client.send("GET /left HTTP/1.1\r\nhost: x\r\n\r\n").await;
            assert!(client.response().await.ends_with("left\n"));
            sleep(MILLIS).await;
            assert_eq!(alive.get(), 0);
        },
    );
}

#[test]
fn what_feeds_a_response_lives_until_its_end() {
    let alive = Alive::default();
    let seen = alive.clone();
    paused(
        defaults,
        |_| with_tasks(&seen),
        async |dialer, _, _| {
            let mut client = dialer.dial();
            client
                .send("GET /stream HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
                .await;
            let all = client.rest().await;
            assert!(all.contains("4\n") && all.ends_with("0\r\n\r\n"), "{all}");
            assert_eq!(alive.get(), 0);
        },
    );
}

#[test]
fn what_a_handler_has_started_ends_with_its_client_in_good_order() {
    let alive = Alive::default();
    let seen = alive.clone();
    paused(
        defaults,
        |_| with_tasks(&seen),
        async |dialer, stats, _| {
            let mut client = dialer.dial();
            client
                .send("GET /careful HTTP/1.1\r\nhost: x\r\n\r\n")
                .await;
            while alive.get() == 0 {
                sleep(MILLIS).await;
            }
            let begin = Instant::now();
            drop(client);
            while alive.get() == 1 {
                sleep(MILLIS).await;
            }
            assert_eq!(
                begin.elapsed().as_secs(),
                1,
                "it had its token, and its grace"
            );
            assert_eq!(stats.abandoned.get(), 1);
        },
    );
}

#[test]
fn requests_are_nodes_beneath_their_connections() {
    serving(defaults, async |http| {
        let mut client = http.connect().await;
        client.send("GET /hang HTTP/1.1\r\nhost: x\r\n\r\n").await;
        http.until("it is handled", |http| http.handling.get() == 1)
            .await;
        let snapshot = http.server.node().snapshot();
        let paths: Vec<_> = snapshot
            .nodes
            .iter()
            .map(|node| node.path.clone())
            .collect();
        assert!(
            paths.iter().any(|path| path.matches('/').count() >= 4),
            "{paths:?}"
        );
        drop(client);
        http.until("it has ended", |http| http.stats.open.get() == 0)
            .await;
        assert_eq!(http.server.node().children().len(), 1, "but for the accept");
    });
}
