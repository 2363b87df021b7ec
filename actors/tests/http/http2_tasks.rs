//! Which task serves a stream of HTTP/2.

use std::future::pending;

use axum::routing::get;
use axum::{Extension, Router};
use futures_util::FutureExt;
use hyper_util::rt::TokioIo;
use tenure::prelude::*;
use tenure_actors::http::{Limits, RequestContext, upgrade};
use tokio::io::DuplexStream;
use tokio::time::{Instant, sleep};

use crate::frames::{self, ACK, DATA, END_HEADERS, HEADERS, PING, field, frame};
use crate::harness::{Alive, Dialer, MILLIS, SECOND, paused};

type Client = frames::Client<DuplexStream>;

fn defaults(_: &mut Limits) {}

/// Handlers that say by which task they are polled.
fn tasks(_: &Alive) -> Router {
    let id = || format!("{}", tokio::task::id());
    let long = async move || {
        // A poll takes as long as this.
        assert!(tokio::time::advance(MILLIS).now_or_never().is_none());
        id()
    };
    let waits = async move || {
        let first = id();
        sleep(MILLIS).await;
        format!("{first} {}", id())
    };
    Router::new()
        .route("/", get(async move || id()))
        .route("/long", get(long))
        .route("/waits", get(waits))
}

/// Sends all of these requests at once. Returns the responses in the order of the requests.
async fn ask(client: &mut Client, first: u32, paths: &[&str]) -> Vec<String> {
    let streams = (first..).step_by(2).zip(paths);
    let requests: Vec<_> = streams
        .map(|(stream, path)| frames::get(stream, path))
        .collect();
    client.send(&requests.concat()).await;
    let mut answers = vec![String::new(); paths.len()];
    while answers.iter().any(String::is_empty) {
        let frame = client.next().await.unwrap();
        if frame.kind == DATA && !frame.payload.is_empty() {
            let index = (frame.stream - first) as usize / 2;
            answers[index] = String::from_utf8(frame.payload).unwrap();
        }
    }
    answers
}

#[test]
fn streams_that_wait_for_nothing_are_served_by_their_connection() {
    paused(defaults, tasks, async |dialer, stats, _| {
        let mut client = Client::over(dialer.dial().io).await;
        let answers = ask(&mut client, 1, &["/"; 100]).await;
        let own = &answers[0];
        assert!(answers.iter().all(|task| task == own), "{answers:?}");
        assert_eq!(stats.requests.get(), 100);
    });
}

#[test]
fn stream_that_waits_goes_on_as_a_task_of_its_own() {
    paused(defaults, tasks, async |dialer, _, _| {
        let mut client = Client::over(dialer.dial().io).await;
        let answers = ask(&mut client, 1, &["/", "/waits", "/waits", "/"]).await;
        let [own, first, second, last] = &answers[..] else {
            panic!("{answers:?}");
        };
        assert_eq!(own, last);
        let [first, second] = [first, second].map(|both| both.split_once(' ').unwrap());
        assert_eq!((first.0, second.0), (own.as_str(), own.as_str()));
        assert!(
            first.1 != own && second.1 != own && first.1 != second.1,
            "{answers:?}"
        );
    });
}

#[test]
fn streams_behind_one_that_takes_long_become_tasks_at_once() {
    paused(defaults, tasks, async |dialer, _, _| {
        let mut client = Client::over(dialer.dial().io).await;
        let answers = ask(&mut client, 1, &["/", "/long", "/", "/"]).await;
        let own = answers[0].clone();
        assert_eq!(answers[1], own, "nobody could know");
        assert!(answers[2] != own && answers[3] != own, "{answers:?}");
        assert_ne!(answers[2], answers[3]);
        let mut by_own = 0;
        for stream in 0..40 {
            let answers = ask(&mut client, 9 + 2 * stream, &["/"]).await;
            by_own += u32::from(answers[0] == own);
            assert!(by_own == 0 || answers[0] == own, "after {stream}");
        }
        assert!(
            (1..40).contains(&by_own),
            "{by_own}: for a while, and no longer"
        );
    });
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
fn asks_of_each_stream_have_its_own_limit() {
    let asking = |_: &Alive| {
        let ask = |relaxes: bool, waits: bool| {
            async move |Extension(request): Extension<RequestContext>| {
                if relaxes {
                    request.relax();
                }
                if waits {
                    sleep(SECOND).await;
                }
                let silent = request.spawner().spawn(Silent).unwrap();
                let asked = silent.ask(|reply| reply).timeout(20 * SECOND).await;
                format!("{asked:?}")
            }
        };
        Router::new()
            .route("/", get(ask(false, false)))
            .route("/waits", get(ask(false, true)))
            .route("/relaxed", get(ask(true, false)))
            .route("/relaxed/waits", get(ask(true, true)))
    };
    paused(
        |limits| limits.request = 5 * SECOND,
        asking,
        async |dialer, _, _| {
            let mut client = Client::over(dialer.dial().io).await;
            let begin = Instant::now();
            let paths = ["/", "/relaxed", "/waits", "/relaxed/waits", "/"];
            let answers = ask(&mut client, 1, &paths).await;
            assert_eq!(begin.elapsed().as_secs(), 21);
            for (path, answer) in paths.iter().zip(answers) {
                let inherited = format!("inherited: {}", !path.starts_with("/relaxed"));
                assert!(answer.contains(&inherited), "{path}: {answer}");
            }
        },
    );
}

#[test]
fn client_that_goes_ends_what_its_streams_wait_for() {
    let alive = Alive::default();
    let guarded = alive.clone();
    let waiting = move |_: &Alive| {
        let wait = move || {
            let guard = guarded.guard();
            async move {
                let _guard = guard;
                std::future::pending::<()>().await;
            }
        };
        Router::new().route("/", get(wait))
    };
    paused(defaults, waiting, async |dialer, stats, _| {
        let mut client = Client::over(dialer.dial().io).await;
        let requests: Vec<_> = (0..10)
            .map(|stream| frames::get(2 * stream + 1, "/"))
            .collect();
        client.send(&requests.concat()).await;
        sleep(MILLIS).await;
        assert_eq!(alive.get(), 10);
        drop(client);
        sleep(MILLIS).await;
        assert_eq!(alive.get(), 0);
        assert_eq!(stats.abandoned.get(), 10);
    });
}

/// Opens a tunnel, which gives back what it is sent, or heeds nothing.
fn tunnels(_: &Alive) -> Router {
    let open = async move |mut request: axum::extract::Request| {
        let is_deaf = request.uri().host() == Some("deaf");
        let is_open = upgrade(&mut request, async move |io, token| {
            if is_deaf {
                pending::<()>().await;
            }
            let (mut from, mut to) = tokio::io::split(TokioIo::new(io));
            let copied = token
                .run_until_cancelled(tokio::io::copy(&mut from, &mut to))
                .await;
            assert!(copied.is_none_or(|copied| copied.is_ok()));
        });
        assert!(is_open);
    };
    Router::new().fallback(open)
}

/// Opens a tunnel as the stream 1.
async fn tunnel(dialer: &Dialer, host: &str) -> Client {
    let mut client = Client::over(dialer.dial().io).await;
    let head = [field(":method", "CONNECT"), field(":authority", host)].concat();
    client.send(&frame(HEADERS, END_HEADERS, 1, &head)).await;
    client.next_of(HEADERS, 1).await.unwrap();
    client
}

#[test]
fn tunnel_is_no_idle_connection_and_ends_with_a_shutdown() {
    paused(defaults, tunnels, async |dialer, stats, server| {
        let mut client = tunnel(dialer, "x").await;
        sleep(1_000 * SECOND).await;
        client.send(&frame(DATA, 0, 1, b"there")).await;
        assert_eq!(client.next_of(DATA, 1).await.unwrap().payload, b"there");
        assert_eq!((stats.upgraded.get(), stats.idle.get()), (1, 0));
        let begin = Instant::now();
        let draining = server.drain();
        while let Some(answer) = client.next().await {
            if answer.kind == PING && answer.flags & ACK == 0 {
                client.send(&frame(PING, ACK, 0, &answer.payload)).await;
            }
        }
        drop(client);
        draining.await.unwrap();
        assert!(begin.elapsed() < SECOND, "{:?}", begin.elapsed());
        assert_eq!(stats.cut_at_shutdown.get(), 0);
    });
}

#[test]
fn tunnel_that_does_not_heed_a_shutdown_is_ended_and_counted() {
    paused(defaults, tunnels, async |dialer, stats, server| {
        let client = tunnel(dialer, "deaf").await;
        let begin = Instant::now();
        let ended = server.drain().await;
        assert!(ended.is_ok(), "{ended:?}");
        assert_eq!(begin.elapsed().as_secs(), 20);
        assert_eq!((stats.upgraded.get(), stats.cut_at_shutdown.get()), (1, 1));
        drop(client);
    });
}
