//! Limits of time, on a paused clock.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Extension;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::{get, post};
use http_body::Frame;
use http_body_util::StreamBody;
use tenure_actors::http::{Limits, RequestContext};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep};

use crate::harness::{Alive, MILLIS, SECOND, paused, still_serving};

const GET: &str = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";

fn defaults(_: &mut Limits) {}

fn plain(_: &Alive) -> Router {
    Router::new()
        .route("/", get("hello\n"))
        .route("/echo", post(async |body: Bytes| body))
        .route("/large", get(async || vec![b'x'; 1 << 20]))
        .route("/hang", get(async || sleep(3_600 * SECOND).await))
        .route(
            "/long-poll",
            get(async |Extension(request): Extension<RequestContext>| {
                request.relax();
                sleep(600 * SECOND).await;
                "at last\n"
            }),
        )
        .route(
            "/events",
            get(async |Extension(request): Extension<RequestContext>| {
                request.relax();
                events(500 * SECOND)
            }),
        )
        .route("/stuck", get(async || events(500 * SECOND)))
}

/// A stream of two events with this much time in between.
fn events(apart: std::time::Duration) -> Body {
    let stream = futures_util::stream::unfold(0, move |n| async move {
        if n == 2 {
            return None;
        }
        if n > 0 {
            sleep(apart).await;
        }
        let frame = Frame::data(Bytes::from(format!("event {n}\n")));
        Some((Ok::<_, Infallible>(frame), n + 1))
    });
    Body::new(StreamBody::new(stream))
}

#[test]
fn silence_lasts_for_the_heads_limit() {
    paused(defaults, plain, async |dialer, stats, _| {
        let begin = Instant::now();
        assert_eq!(dialer.dial().rest().await, "");
        assert_eq!(begin.elapsed().as_secs(), 10);
        assert_eq!(stats.slow_heads.get(), 1);
    });
}

#[test]
fn head_that_trickles_has_its_limit_from_the_accept() {
    paused(defaults, plain, async |dialer, stats, _| {
        let begin = Instant::now();
        let mut client = dialer.dial();
        for byte in GET.bytes().take(9) {
            client.send([byte]).await;
            sleep(SECOND).await;
        }
        assert!(client.rest().await.starts_with("HTTP/1.1 408 "));
        assert_eq!(begin.elapsed().as_secs(), 10);
        assert_eq!(stats.slow_heads.get(), 1);
    });
}

#[test]
fn later_head_has_its_limit_from_its_first_byte() {
    paused(defaults, plain, async |dialer, stats, _| {
        let mut client = dialer.dial();
        client.send(GET).await;
        client.response().await;
        sleep(100 * SECOND).await;
        let begin = Instant::now();
        client.send("GET /").await;
        assert!(client.rest().await.starts_with("HTTP/1.1 408 "));
        assert_eq!(begin.elapsed().as_secs(), 10);
        assert_eq!(stats.idle.get(), 0);
    });
}

#[test]
fn idle_connection_is_kept_for_the_idle_limit() {
    paused(defaults, plain, async |dialer, stats, _| {
        let mut client = dialer.dial();
        for _ in 0..3 {
            client.send(GET).await;
            client.response().await;
            sleep(100 * SECOND).await;
        }
        let begin = Instant::now();
        assert_eq!(client.rest().await, "");
        assert_eq!(begin.elapsed().as_secs(), 20);
        assert_eq!((stats.idle.get(), stats.slow_heads.get()), (1, 0));
    });
}

#[test]
fn body_that_trickles_has_a_limit_for_the_whole() {
    paused(
        |limits| {
            limits.read = 30 * SECOND;
            limits.request = 3_600 * SECOND;
        },
        plain,
        async |dialer, stats, _| {
            let mut client = dialer.dial();
            let begin = Instant::now();
            client
                .send("POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n")
                .await;
            let (mut reader, mut writer) = tokio::io::split(client.io);
            let write = async {
                while writer.write_all(b"x").await.is_ok() {
                    sleep(SECOND).await;
                }
            };
            let mut answer = [0; 12];
            tokio::select! {
                () = write => panic!("it closed first"),
                read = reader.read_exact(&mut answer) => drop(read.unwrap()),
            }
            assert_eq!(&answer, b"HTTP/1.1 408");
            assert_eq!(begin.elapsed().as_secs(), 30);
            assert_eq!(stats.slow_bodies.get(), 1);
        },
    );
}

#[test]
fn handler_has_the_requests_limit() {
    paused(defaults, plain, async |dialer, stats, _| {
        let begin = Instant::now();
        let mut client = dialer.dial();
        client.send("GET /hang HTTP/1.1\r\nhost: x\r\n\r\n").await;
        assert!(client.rest().await.starts_with("HTTP/1.1 504 "));
        assert_eq!(begin.elapsed().as_secs(), 60);
        assert_eq!(stats.timed_out.get(), 1);
    });
}

#[test]
fn long_poll_that_is_relaxed_has_no_limit() {
    paused(defaults, plain, async |dialer, stats, _| {
        let mut client = dialer.dial();
        client
            .send("GET /long-poll HTTP/1.1\r\nhost: x\r\n\r\n")
            .await;
        assert!(client.response().await.ends_with("at last\n"));
        // The limits of the connection hold again.
        let begin = Instant::now();
        assert_eq!(client.rest().await, "");
        assert_eq!(begin.elapsed().as_secs(), 120);
        assert_eq!(stats.timed_out.get(), 0);
    });
}

#[test]
fn events_that_are_relaxed_may_be_far_apart() {
    paused(defaults, plain, async |dialer, stats, _| {
        let mut client = dialer.dial();
        client
            .send("GET /events HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            .await;
        let mut all = String::new();
        client.io.read_to_string(&mut all).await.unwrap();
        assert!(
            all.contains("event 0\n") && all.contains("event 1\n"),
            "{all}"
        );
        assert_eq!(stats.silent.get(), 0);
    });
}

#[test]
fn response_that_is_silent_has_the_idle_limit() {
    paused(defaults, plain, async |dialer, stats, _| {
        let begin = Instant::now();
        let mut client = dialer.dial();
        client.send("GET /stuck HTTP/1.1\r\nhost: x\r\n\r\n").await;
        let answer = client.rest().await;
        assert!(answer.contains("event 0\n"), "{answer}");
        assert!(
            !answer.ends_with("0\r\n\r\n"),
            "it is cut off, and looks it: {answer}"
        );
        assert_eq!(begin.elapsed().as_secs(), 120);
        assert_eq!(stats.silent.get(), 1);
    });
}

#[test]
fn reader_that_stops_is_cut_off_after_the_window() {
    paused(defaults, plain, async |dialer, stats, _| {
        let begin = Instant::now();
        let mut client = dialer.dial();
        client.send("GET /large HTTP/1.1\r\nhost: x\r\n\r\n").await;
        while stats.stalled.get() == 0 {
            sleep(SECOND).await;
        }
        assert!(
            (30..=32).contains(&begin.elapsed().as_secs()),
            "{:?}",
            begin.elapsed()
        );
    });
}

/// A handler may give away the context of its request. That has no part in the next request of the connection.
#[test]
fn request_that_is_over_relaxes_none_that_follows() {
    let router = |_: &Alive| {
        let kept = Arc::new(Mutex::new(None::<RequestContext>));
        let large = async move |Extension(request): Extension<RequestContext>| {
            let mut kept = kept.lock().unwrap();
            let Some(first) = &*kept else {
                *kept = Some(request);
                return Body::from("hello");
            };
            first.relax();
            // In so many pieces that the last one has to wait for the client.
            let piece = || Ok::<_, Infallible>(Frame::data(Bytes::from(vec![b'x'; 1 << 10])));
            let pieces = (0..4_096).map(move |_| piece());
            Body::new(StreamBody::new(futures_util::stream::iter(pieces)))
        };
        Router::new().route("/", get(large))
    };
    paused(defaults, router, async |dialer, stats, _| {
        let mut client = dialer.dial();
        client.send(GET).await;
        client.response().await;
        client.send(GET).await;
        sleep(40 * SECOND).await;
        assert_eq!(stats.stalled.get(), 1);
    });
}

#[test]
fn reader_that_trickles_is_cut_off_and_a_steady_slow_one_is_not() {
    for (bytes, is_cut) in [(100, true), (1_000, false)] {
        paused(defaults, plain, async |dialer, stats, _| {
            let mut client = dialer.dial();
            client.send("GET /large HTTP/1.1\r\nhost: x\r\n\r\n").await;
            let mut chunk = vec![0; bytes];
            let mut seconds = 0;
            while seconds < 300 && client.io.read_exact(&mut chunk).await.is_ok() {
                sleep(SECOND).await;
                seconds += 1;
            }
            assert_eq!(stats.stalled.get() == 1, is_cut, "{bytes} bytes a second");
            // What the pipe holds can still be read after the cut.
            assert_eq!(seconds == 300, !is_cut, "{seconds} s");
        });
    }
}

#[test]
fn absolute_limit_of_a_response_holds_if_it_is_set() {
    paused(
        |limits| limits.write = Some(20 * SECOND),
        plain,
        async |dialer, stats, _| {
            let mut client = dialer.dial();
            client.send("GET /large HTTP/1.1\r\nhost: x\r\n\r\n").await;
            let begin = Instant::now();
            let mut chunk = vec![0; 1_000];
            while client.io.read_exact(&mut chunk).await.is_ok() {
                sleep(100 * MILLIS).await;
            }
            assert!(
                (20..=22).contains(&begin.elapsed().as_secs()),
                "{:?}",
                begin.elapsed()
            );
            assert_eq!(stats.stalled.get(), 1);
        },
    );
}

#[test]
fn half_a_head_holds_up_no_shutdown_for_long() {
    paused(defaults, plain, async |dialer, _, server| {
        let mut client = dialer.dial();
        client.send("GET / HT").await;
        sleep(SECOND).await;
        let begin = Instant::now();
        let draining = server.drain();
        assert!(client.rest().await.starts_with("HTTP/1.1 408 "));
        draining.await.unwrap();
        assert!(
            (2..=3).contains(&begin.elapsed().as_secs()),
            "{:?}",
            begin.elapsed()
        );
    });
}

#[test]
fn slow_client_does_not_make_a_shutdown_a_failure() {
    paused(
        |limits| limits.request = 3_600 * SECOND,
        plain,
        async |dialer, stats, server| {
            let mut client = dialer.dial();
            client.send("GET /hang HTTP/1.1\r\nhost: x\r\n\r\n").await;
            while stats.in_flight.get() == 0 {
                sleep(MILLIS).await;
            }
            let begin = Instant::now();
            let ended = server.drain().await;
            assert!(ended.is_ok(), "{ended:?}");
            assert_eq!(begin.elapsed().as_secs(), 20);
            assert_eq!(stats.cut_at_shutdown.get(), 1);
            assert!(client.is_closed().await);
        },
    );
}

/// Over TCP, and with a window that stays open although the client does not read.
#[test]
fn limits_without_end_are_as_good_as_none() {
    let endless = |limits: &mut Limits| {
        for time in [
            &mut limits.head,
            &mut limits.read,
            &mut limits.request,
            &mut limits.stall,
            &mut limits.idle,
            &mut limits.linger,
            &mut limits.shutdown,
            &mut limits.keepalive,
            limits.write.insert(Duration::MAX),
        ] {
            *time = Duration::MAX;
        }
        limits.least_rate = u64::MAX;
        limits.head_bytes = usize::MAX;
        limits.body_bytes = u64::MAX;
        limits.connections = usize::MAX;
        limits.connections_per_address = usize::MAX;
        limits.requests_per_connection = u32::MAX;
        limits.streams = u32::MAX;
    };
    still_serving(endless, async |http| {
        let request = "POST /echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 1500000\r\n\r\n";
        let mut client = http.connect().await;
        client.send(request).await;
        client.send(vec![b'x'; 1_500_000]).await;
        sleep(100 * MILLIS).await;
        let answer = client.rest().await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{}", &answer[..100]);
        assert!(answer.ends_with("xxxx"));
    });
}
