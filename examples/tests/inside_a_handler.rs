//! Nodes that a handler of another web framework starts.

#[path = "../../tests/common/mod.rs"]
mod common;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::handler::Handler;
use axum::http::StatusCode;
use axum::routing::get;
use common::paused;
use tenure::prelude::*;

#[derive(Clone)]
struct App {
    spawner: Spawner,
    counter: ActorRef<ReplyTo<u32>>,
}

struct Counter(u32);

impl Actor for Counter {
    type Msg = ReplyTo<u32>;

    async fn handle(&mut self, reply: ReplyTo<u32>, _: &mut Context<Self>) -> tenure::Result {
        self.0 += 1;
        reply.send(self.0);
        Ok(())
    }
}

async fn count(State(app): State<App>) -> Result<String, StatusCode> {
    let counted = tenure::scope(async |scope| {
        let counter = app.counter.clone();
        let task = scope.task(async move { counter.ask(|reply| reply).await })?;
        Ok(task.await?)
    })
    .await;
    let count = counted.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    let told = app.spawner.task(async {});
    told.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    Ok(count.to_string())
}

#[test]
fn scope_and_spawner_run_inside_an_axum_handler() {
    paused(async |_check| {
        let system = System::start().unwrap();
        let app = App {
            spawner: system.spawner(),
            counter: system.spawn(Counter(0)).unwrap(),
        };
        let router: axum::Router = axum::Router::new()
            .route("/count", get(count))
            .with_state(app.clone());
        drop(router);
        for expected in ["1", "2"] {
            let response = count.call(Request::new(Body::empty()), app.clone()).await;
            assert_eq!(response.status(), StatusCode::OK);
            let body = axum::body::to_bytes(response.into_body(), 64)
                .await
                .unwrap();
            assert_eq!(body, expected);
        }
        system.stop().await.unwrap();
        let response = count.call(Request::new(Body::empty()), app).await;
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    });
}
