//! The wait of an actor for its end, wherever it is awaited.

use crate::common::node::{Node, run_in};
use crate::common::{Log, paused, poll_unwoken, settled};
use tenure::prelude::*;
use tokio::time::Instant;

/// The actor's handlers go on in a drain, and its tasks are to end in it.
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
