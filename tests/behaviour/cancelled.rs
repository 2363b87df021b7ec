//! `cancelled()` in a handler, and in a task to which the handler hands it.

use crate::common::node::{Node, run_in};
use crate::common::{Log, paused, poll_unwoken, settled};
use tenure::prelude::*;
use tokio::time::Instant;

/// In a drain, `cancelled()` in a handler goes on waiting, while in a task it ends when the token fires. What counts is
/// who polls it last.
#[test]
fn wait_that_a_handler_has_begun_ends_in_a_task_as_one_of_the_task() {
    paused(async |check| {
        let (system, log) = (System::start().unwrap(), Log::default());
        let actor = system.spawn(Node::new(&check, &log)).unwrap();
        check.node(actor.node());
        let told = log.clone();
        run_in(&actor, move |ctx| {
            let mut cancelled = ctx.cancelled();
            assert!(poll_unwoken(&mut cancelled).is_pending());
            let task = async move {
                cancelled.await;
                told.push("the task is told");
            };
            drop(ctx.task(task).unwrap());
        })
        .await;
        settled().await;
        assert_eq!(log.entries(), [""; 0]);
        let begin = Instant::now();
        let drained = actor.drain().await;
        assert!(
            matches!(drained, Ok(tenure::StopReason::Drained)),
            "{drained:?}"
        );
        assert_eq!(begin.elapsed(), std::time::Duration::ZERO);
        assert_eq!(log.entries(), ["the task is told"]);
        system.stop().await.unwrap();
    });
}
