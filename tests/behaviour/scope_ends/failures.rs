//! Failures in scopes that end.

use super::SECOND;
use crate::common::{Guard, Kept, Log, paused};
use tenure::prelude::*;
use tenure::{Cause, ChildExit, Failure, StopError, StopReason};
use tokio::time::sleep;

/// Notes the failures that it is shown.
struct Watcher(Log, Option<Kept>);

impl Actor for Watcher {
    type Msg = ();

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        let mut scope: Kept = Box::pin(tenure::scope_send(|scope| async move {
            scope.task(async { Err::<(), _>(tenure::Error::from("nobody hears")) })?;
            std::future::pending::<()>().await;
            Ok(())
        }));
        std::future::poll_fn(|cx| {
            assert!(scope.as_mut().poll(cx).is_pending());
            std::task::Poll::Ready(())
        })
        .await;
        self.1 = Some(scope);
        // The task fails, and the scope is dropped before it is polled again.
        sleep(SECOND).await;
        self.1 = None;
        Ok(())
    }

    async fn on_child_exit(&mut self, exit: ChildExit, _: &mut Context<Self>) -> tenure::Result {
        if let StopReason::Failed(failure) = exit.reason() {
            let leaves: Vec<_> = failure.leaves().map(ToString::to_string).collect();
            self.0.push(leaves.join("; "));
        }
        Ok(())
    }
}

/// The rule: each failure goes somewhere, also a failure in a scope whose future is dropped.
#[test]
fn failure_in_a_dropped_scope_goes_to_the_owner() {
    paused(async |check| {
        let log = Log::default();
        tenure::scope(async |scope| {
            let watcher = scope.spawn(Watcher(log.clone(), None))?;
            check.node(watcher.node());
            watcher.tell(()).await?;
            watcher.drain().await?;
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(log.entries().len(), 1, "{:?}", log.entries());
        assert!(log.entries()[0].contains("nobody hears"));
    });
}

/// The rule: if the body of a scope panics, failures beneath it are in the outcome of the scope's node.
#[test]
fn failure_beside_a_panicking_body_is_in_the_outcome() {
    paused(async |check| {
        let node = std::sync::Arc::new(std::sync::Mutex::new(None));
        let kept = std::sync::Arc::clone(&node);
        let own = check.clone();
        let panicking = tenure::scope(async move |scope| {
            *kept.lock().unwrap() = Some(scope.node());
            own.node(scope.node());
            scope.task_with(async |token| {
                token.cancelled().await;
                Err::<(), _>(tenure::Error::from("beside it"))
            })?;
            tokio::task::yield_now().await;
            if own.alive() == 0 {
                panic!("the body panics");
            }
            Ok(())
        });
        let caught = {
            let mut scope = Box::pin(std::panic::AssertUnwindSafe(panicking).0);
            std::future::poll_fn(move |cx| {
                let poll = std::panic::AssertUnwindSafe(|| scope.as_mut().poll(cx));
                match std::panic::catch_unwind(poll) {
                    Ok(std::task::Poll::Pending) => std::task::Poll::Pending,
                    Ok(std::task::Poll::Ready(ended)) => std::task::Poll::Ready(Ok(ended.is_ok())),
                    Err(payload) => std::task::Poll::Ready(Err(payload)),
                }
            })
            .await
        };
        assert!(caught.is_err(), "the panic goes on");
        let node = node.lock().unwrap().take().unwrap();
        let Some(Err(StopError::Failed(failure))) = node.outcome() else {
            panic!("{:?}", node.outcome());
        };
        assert!(matches!(failure.cause(), Cause::Panic(_)));
        let beneath: Vec<&Failure> = failure.beneath().iter().collect();
        assert_eq!(beneath.len(), 1, "{failure:?}");
    });
}

/// Panics when it is dropped.
struct Spring(#[allow(dead_code, reason = "counted")] Guard);

impl Drop for Spring {
    fn drop(&mut self) {
        panic!("it springs");
    }
}

/// The rule: a destructor that panics fails the node; but a kill stays a kill.
#[test]
fn plain_task_that_panics_when_a_stop_drops_it_has_failed() {
    paused(async |check| {
        let ended = tenure::scope(async |scope| {
            for kill in [false, true] {
                let spring = Spring(check.guard());
                let task = scope.task(async move {
                    let _spring = spring;
                    std::future::pending::<()>().await;
                })?;
                tokio::task::yield_now().await;
                let node = task.node();
                let end = if kill {
                    node.kill().await
                } else {
                    node.stop().await
                };
                match end {
                    Err(StopError::Failed(_)) => assert!(!kill),
                    Ok(StopReason::Killed) => assert!(kill),
                    other => panic!("{other:?}"),
                }
            }
            Ok(())
        })
        .await;
        assert!(matches!(ended, Err(RunError::Failed(_))), "{ended:?}");
    });
}

#[test]
fn queued_message_that_panics_leaves_a_kill_a_kill() {
    struct Idle;
    impl Actor for Idle {
        type Msg = Spring;
        async fn handle(&mut self, msg: Spring, _: &mut Context<Self>) -> tenure::Result {
            std::mem::forget(msg);
            Ok(())
        }
    }
    paused(async |check| {
        tenure::scope(async |scope| {
            let idle = scope.spawn(Idle)?;
            idle.try_tell(Spring(check.guard()))?;
            let end = idle.kill().await;
            assert!(matches!(end, Ok(StopReason::Killed)), "{end:?}");
            Ok(())
        })
        .await
        .unwrap();
    });
}
