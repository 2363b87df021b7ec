//! The limits of the asks that a request makes.

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::routing::get;
use axum::{Extension, Router};
use tenure::prelude::*;
use tenure_actors::http::{RequestContext, unanswered};
use tokio::time::Instant;

use super::GET;
use crate::harness::{Alive, SECOND, paused};

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
        // The ask begins a little after the request, and its limit ends a little before the request's.
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
            // The next request of the connection has its own limit.
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
