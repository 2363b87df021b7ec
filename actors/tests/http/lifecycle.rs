//! Requests end with their clients, their handlers' tasks with them, and all with the server.

use std::time::Duration;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::routing::get;
use axum::{Router, extract::State};
use http_body_util::StreamBody;
use tenure::prelude::*;
use tenure_actors::http::{Limits, RequestContext, unanswered};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use crate::harness::{Alive, Http, MILLIS, SECOND, paused, routes, serving, still_serving};

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

/// The protocol does not read while the body of a request is unread.
#[test]
fn client_that_goes_is_noticed_while_a_body_is_unread() {
    // An end comes after all that was sent, and so only if that has room in the kernel. A reset overtakes it.
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

/// Nor while a further request has come.
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

/// Never replies.
struct Silent;

impl Actor for Silent {
    type Msg = ReplyTo<()>;

    async fn handle(&mut self, reply: ReplyTo<()>, _: &mut Context<Self>) -> tenure::Result {
        reply.gone().await;
        Ok(())
    }
}

#[test]
fn asks_of_a_handler_have_the_requests_limit_and_are_answered_for() {
    type Silence = ActorRef<ReplyTo<()>>;
    let cell = std::sync::Arc::new(std::sync::OnceLock::<Silence>::new());
    let state = std::sync::Arc::clone(&cell);
    let asking = move |_: &Alive| {
        let ask = async |State(state): State<std::sync::Arc<std::sync::OnceLock<Silence>>>| {
            let silent = state.get().unwrap();
            silent
                .ask(|reply| reply)
                .await
                .map_err(|error| unanswered(&error))
        };
        Router::new().route("/", get(ask)).with_state(state)
    };
    paused(
        // The ask comes a little later than the request, and its end a little before.
        |limits| limits.request = 5 * SECOND,
        asking,
        async |dialer, stats, _| {
            tenure::scope(async |scope| {
                let silent = scope.spawn(Silent)?;
                cell.set(silent.clone()).unwrap();
                let begin = Instant::now();
                let mut client = dialer.dial();
                client.send(GET).await;
                assert!(client.response().await.starts_with("HTTP/1.1 504 "));
                assert_eq!(begin.elapsed().as_secs(), 5);
                silent.stop().await?;
                let mut client = dialer.dial();
                client.send(GET).await;
                let answer = client.response().await;
                assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
                assert!(answer.contains("retry-after: 1"), "{answer}");
                Ok(())
            })
            .await
            .unwrap();
            assert_eq!(stats.failed.get(), 0);
        },
    );
}

#[test]
fn asks_of_a_relaxed_handler_have_no_limit_of_the_requests() {
    let asking = |_: &Alive| {
        let ask = |relaxes: bool| {
            async move |Extension(request): Extension<RequestContext>| {
                if relaxes {
                    request.relax();
                }
                let silent = request.spawner().spawn(Silent).unwrap();
                let asked = silent.ask(|reply| reply).timeout(20 * SECOND).await;
                format!("{asked:?}\n")
            }
        };
        Router::new()
            .route("/relaxed", get(ask(true)))
            .route("/", get(ask(false)))
    };
    paused(
        |limits| limits.request = 5 * SECOND,
        asking,
        async |dialer, _, _| {
            let mut client = dialer.dial();
            let begin = Instant::now();
            client
                .send("GET /relaxed HTTP/1.1\r\nhost: x\r\n\r\n")
                .await;
            let answer = client.response().await;
            assert!(answer.contains("inherited: false"), "{answer}");
            assert_eq!(begin.elapsed().as_secs(), 20);
            // The next one on the connection has its limit.
            let begin = Instant::now();
            client.send(GET).await;
            let answer = client.response().await;
            assert!(answer.contains("inherited: true"), "{answer}");
            assert_eq!(begin.elapsed().as_secs(), 5);
        },
    );
}

#[test]
fn asks_of_a_response_that_has_begun_have_no_limit_of_the_requests() {
    let asking = |_: &Alive| {
        let ask = async |Extension(request): Extension<RequestContext>| {
            let silent = request.spawner().spawn(Silent).unwrap();
            let ask = async move {
                let asked = silent.ask(|reply| reply).timeout(20 * SECOND).await;
                Ok::<_, std::io::Error>(Bytes::from(format!("{asked:?}\n")))
            };
            Body::from_stream(futures_util::stream::once(ask))
        };
        Router::new().route("/", get(ask))
    };
    paused(
        |limits| limits.request = 5 * SECOND,
        asking,
        async |dialer, stats, _| {
            let mut client = dialer.dial();
            let begin = Instant::now();
            client
                .send("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
                .await;
            let answer = client.rest().await;
            assert!(answer.contains("inherited: false"), "{answer}");
            assert_eq!(begin.elapsed().as_secs(), 20);
            assert_eq!(stats.timed_out.get(), 0);
        },
    );
}

/// A handler that leaves its context with the test, and then waits or does not.
fn giving(contexts: mpsc::UnboundedSender<RequestContext>) -> Router {
    let give = move |waits: bool| {
        let contexts = contexts.clone();
        async move |Extension(request): Extension<RequestContext>| {
            contexts.send(request).unwrap();
            if waits {
                std::future::pending::<()>().await;
            }
            "given\n"
        }
    };
    Router::new()
        .route("/", get(give(false)))
        .route("/waits", get(give(true)))
}

#[test]
fn spawner_of_a_request_that_is_over_is_closed() {
    let (send, mut contexts) = mpsc::unbounded_channel();
    paused(
        defaults,
        |_| giving(send),
        async |dialer, _, _| {
            let mut client = dialer.dial();
            client.send(GET).await;
            assert!(client.response().await.ends_with("given\n"));
            let request = contexts.recv().await.unwrap();
            let refused = request.spawner().task(async {});
            assert!(matches!(refused, Err(SpawnError::Closed(_))));
            // It is still served.
            client.send(GET).await;
            assert!(client.response().await.ends_with("given\n"));
        },
    );
}

#[test]
fn what_is_started_for_a_request_from_elsewhere_ends_with_it() {
    let (send, mut contexts) = mpsc::unbounded_channel();
    let alive = Alive::default();
    paused(
        defaults,
        |_| giving(send),
        async |dialer, _, _| {
            let mut client = dialer.dial();
            client.send("GET /waits HTTP/1.1\r\nhost: x\r\n\r\n").await;
            let request = contexts.recv().await.unwrap();
            let guard = alive.guard();
            let left = request.spawner().task(async move {
                let _guard = guard;
                std::future::pending::<()>().await;
            });
            let left = left.unwrap();
            sleep(MILLIS).await;
            assert_eq!(alive.get(), 1);
            drop(client);
            drop(left.await);
            assert_eq!(alive.get(), 0);
        },
    );
}

#[test]
fn requests_in_flight_are_answered_in_a_drain_and_idle_connections_end_at_once() {
    serving(defaults, async |http| {
        let mut idle = http.connect().await;
        idle.send(GET).await;
        idle.response().await;
        let mut busy = http.connect().await;
        busy.send("GET /gated HTTP/1.1\r\nhost: x\r\n\r\n").await;
        http.until("it is handled", |http| http.handling.get() == 1)
            .await;
        let draining = http.server.drain();
        // Whatever is in flight.
        assert!(idle.is_closed().await);
        http.handling.open_gate();
        let answer = busy.response().await;
        assert!(
            answer.contains("connection: close") && answer.ends_with("gated\n"),
            "{answer}"
        );
        assert!(busy.is_closed().await);
        drop(busy);
        draining.await.unwrap();
    });
}

#[test]
fn kept_connection_whose_next_request_has_arrived_is_served_once_more() {
    serving(defaults, async |http| {
        let mut clients = Vec::new();
        for _ in 0..32 {
            let mut client = http.connect().await;
            client.send(GET).await;
            client.response().await;
            clients.push(client);
        }
        // No other task runs between the arrival and the order.
        for client in &clients {
            assert_eq!(client.io.try_write(GET.as_bytes()).unwrap(), GET.len());
        }
        let draining = http.server.drain();
        for client in &mut clients {
            let answer = client.rest().await;
            assert!(
                answer.contains("connection: close") && answer.ends_with("hello\n"),
                "{answer}"
            );
        }
        drop(clients);
        draining.await.unwrap();
    });
}

#[test]
fn connections_in_the_kernels_queue_are_served_in_a_drain() {
    serving(defaults, async |http| {
        let mut clients = Vec::new();
        for _ in 0..32 {
            // Blocking, so that the server does not run: they are accepted by the kernel alone.
            let stream = std::net::TcpStream::connect(http.address).unwrap();
            std::io::Write::write_all(&mut &stream, GET.as_bytes()).unwrap();
            stream.set_nonblocking(true).unwrap();
            clients.push(stream);
        }
        let draining = http.server.drain();
        for client in clients {
            let stream = tokio::net::TcpStream::from_std(client).unwrap();
            let answer = crate::client::Raw::new(stream).rest().await;
            assert!(answer.ends_with("hello\n"), "{answer}");
        }
        draining.await.unwrap();
        assert!(
            tokio::net::TcpStream::connect(http.address).await.is_err(),
            "it is closed"
        );
    });
}

#[test]
fn connection_that_has_said_nothing_yet_has_a_second_in_a_drain() {
    paused(
        defaults,
        |_| Router::new().route("/", get("hello\n")),
        async |dialer, _, server| {
            let mut late = dialer.dial();
            let mut silent = dialer.dial();
            sleep(MILLIS).await;
            let begin = Instant::now();
            let draining = server.drain();
            sleep(500 * MILLIS).await;
            late.send(GET).await;
            assert!(late.response().await.contains("connection: close"));
            assert!(silent.is_closed().await);
            drop(late);
            draining.await.unwrap();
            assert!(begin.elapsed() < 2 * SECOND, "{:?}", begin.elapsed());
        },
    );
}

#[test]
fn kill_ends_all_at_once() {
    paused(defaults, routes, async |dialer, stats, server| {
        let mut client = dialer.dial();
        client.send("GET /hang HTTP/1.1\r\nhost: x\r\n\r\n").await;
        sleep(MILLIS).await;
        assert_eq!(stats.in_flight.get(), 1);
        let begin = Instant::now();
        server.kill().await.unwrap();
        assert_eq!(stats.in_flight.get(), 0);
        assert!(client.is_closed().await);
        assert!(begin.elapsed() < SECOND, "{:?}", begin.elapsed());
    });
}

#[test]
fn response_to_a_client_that_reads_late_is_not_lost() {
    serving(defaults, async |http| {
        let mut client = http.connect().await;
        client.send("GET /gated HTTP/1.1\r\nhost: x\r\n\r\n").await;
        http.until("it is handled", |http| http.handling.get() == 1)
            .await;
        // More comes than is read: a close at once would be a reset.
        client.send(GET).await;
        let draining = http.server.drain();
        http.handling.open_gate();
        sleep(SECOND).await;
        let answer = client.rest().await;
        assert!(answer.ends_with("gated\n"), "{answer}");
        drop(client);
        draining.await.unwrap();
    });
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
