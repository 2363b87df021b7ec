//! Nodes that are started for a request from elsewhere.

use std::sync::{Arc, OnceLock};

use axum::routing::get;
use axum::{Extension, Router};
use tenure::prelude::*;
use tenure::{Spawner, TaskHandle};
use tenure_actors::http::RequestContext;
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;

use super::{GET, defaults};
use crate::harness::{Alive, MILLIS, SECOND, paused};

/// A handler that gives its context to the test, and then waits or returns.
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
            // The connection still serves.
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

/// Keeps all replies, and sends none.
struct Silent(Vec<ReplyTo<()>>);

impl Actor for Silent {
    type Msg = ReplyTo<()>;

    async fn handle(&mut self, reply: ReplyTo<()>, _: &mut Context<Self>) -> tenure::Result {
        self.0.push(reply);
        Ok(())
    }
}

/// The spawner with which a handler starts what is to outlive its request, and the actor that this asks.
type Place = Arc<OnceLock<(Spawner, ActorRef<ReplyTo<()>>)>>;

/// The first handler starts a task that asks once it is told to. The second one waits.
fn outlived(
    place: Place,
    tasks: mpsc::UnboundedSender<(oneshot::Sender<()>, TaskHandle<bool>)>,
) -> Router {
    let start = async move || {
        let (spawner, silent) = place.get().unwrap().clone();
        let (go, told) = oneshot::channel();
        let task = spawner.task(async move {
            told.await?;
            let asked = silent.ask(|reply| reply).await;
            tenure::Ok(matches!(asked, Err(AskError::TimedOut { .. })))
        });
        tasks.send((go, task.unwrap())).unwrap();
        "started\n"
    };
    Router::new()
        .route("/", get(start))
        .route("/waits", get(std::future::pending::<&'static str>))
}

#[test]
fn what_outlives_its_request_has_no_deadline_of_the_next() {
    let (send, mut tasks) = mpsc::unbounded_channel();
    let place = Place::default();
    let same = Arc::clone(&place);
    paused(
        |limits| limits.request = SECOND,
        |_| outlived(same, send),
        async |dialer, _, _| {
            tenure::scope(async |scope| {
                let silent = scope.spawn(Silent(Vec::new()))?;
                assert!(place.set((scope.spawner(), silent.clone())).is_ok());
                let mut client = dialer.dial();
                client.send(GET).await;
                assert!(client.response().await.ends_with("started\n"));
                let (go, task) = tasks.recv().await.unwrap();
                client.send("GET /waits HTTP/1.1\r\nhost: x\r\n\r\n").await;
                sleep(MILLIS).await;
                go.send(()).unwrap();
                assert!(client.response().await.starts_with("HTTP/1.1 504 "));
                sleep(SECOND).await;
                silent.stop().await?;
                assert!(!task.await?, "it has timed out");
                Ok(())
            })
            .await
            .unwrap();
        },
    );
}
