//! Any addresses and queries asked of a dashboard: each has an answer that is none of a broken server, and what is said to
//! be JSON can be read.

use std::convert::Infallible;
use std::time::Duration;

use tenure::observe::Snapshot;
use tenure::prelude::*;
use tenure_actors::dashboard::DashboardOptions;
use tenure_actors::http::serve;
use tokio::runtime::{Builder, Runtime};

use super::pipes::{Dial, Then, pipes};

struct Idle;

impl Actor for Idle {
    type Msg = ();

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        Ok(())
    }
}

/// Each line is what stands between a `GET` and the version; ten at most.
///
/// # Panics
///
/// If the promise does not hold.
pub fn holds(bytes: &[u8]) {
    runtime().block_on(async {
        let ended = tenure::scope(async |scope| {
            let (dashboard, router) = DashboardOptions::new().mounted();
            scope.start(dashboard.spec()).await?;
            for name in ["a", "b c", "\u{fc}\"\n<%2f>"] {
                scope.spawn(ChildSpec::new(Idle).name(name))?;
            }
            let (dial, pipes) = pipes();
            let server = serve(pipes, router).spec().name("http");
            let _server: ActorRef<Infallible> = scope.spawn(server)?;
            for target in bytes.split(|byte| *byte == b'\n').take(10) {
                is_answered(&dial, target).await;
            }
            is_answered(&dial, b"/tree.json").await;
            Ok(())
        });
        ended.await.expect("nothing holds up the server");
    });
}

/// The dashboard looks at the tree on a thread of its own, and while that runs a paused clock would stand still.
fn runtime() -> Runtime {
    let runtime = Builder::new_current_thread().enable_time().build();
    runtime.expect("a runtime without a driver of sockets needs nothing of the system")
}

async fn is_answered(dial: &Dial, target: &[u8]) {
    let head = b" HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    let request = [b"GET ", target, head].concat();
    let is_stream = contains(target, b"/events");
    let limit = Duration::from_millis(if is_stream { 50 } else { 60_000 });
    let answer = dial
        .exchange([&*request].into_iter(), Then::Waits, limit)
        .await;
    let shown = target.escape_ascii();
    let Some(answer) = answer else {
        return assert!(is_stream, "{shown} has no end");
    };
    let status = answer
        .strip_prefix(b"HTTP/1.1 ")
        .and_then(|rest| rest.get(..3));
    let status = status.unwrap_or_else(|| panic!("{shown}: {}", answer.escape_ascii()));
    assert_ne!(status[0], b'5', "{shown}: {}", answer.escape_ascii());
    let end = b"\r\n\r\n";
    let Some(at) = answer.windows(4).position(|bytes| bytes == end) else {
        panic!("{shown}: {}", answer.escape_ascii());
    };
    let (head, body) = answer.split_at(at + end.len());
    if contains(head, b"application/json") {
        let read = serde_json::from_slice::<serde_json::Value>(body);
        assert!(read.is_ok(), "{shown}: {read:?}");
    }
    if status == b"200" && target.starts_with(b"/tree.json") {
        let read = serde_json::from_slice::<Snapshot>(body);
        assert!(read.is_ok(), "{shown}: {read:?}");
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|bytes| bytes == part)
}
