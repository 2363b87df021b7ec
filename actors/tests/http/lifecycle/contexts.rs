//! What is started for a request from elsewhere.

use axum::routing::get;
use axum::{Extension, Router};
use tenure::prelude::*;
use tenure_actors::http::RequestContext;
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::{GET, defaults};
use crate::harness::{Alive, MILLIS, paused};

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
