//! Waiting for the end of another node, or by mistake for one's own.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{self, Poll, Waker};
use std::time::Duration;

use super::{Msg, Rig, Wakes};
use crate::common::{Count, Log, paused};
use tenure::prelude::*;
use tenure::{NodeRef, StopError, StopReason, TaskError};
use tokio::time::Instant;

#[test]
fn watch() {
    paused(async |check| {
        let rig = Rig::new(&check);
        // Three wait for a live actor, and one wait is dropped before the end.
        let (first, second, third) = (
            rig.actor.stopped(),
            rig.actor.stopped(),
            rig.actor.node().stopped(),
        );
        let told = Count::default();
        let watch = async |stopped: tenure::Stopped| {
            let end = stopped.await;
            assert!(rig.actor.is_stopped());
            assert!(matches!(end, Ok(StopReason::Stopped)), "{end:?}");
            told.add();
        };
        let wakes = Arc::new(Wakes::default());
        let waker = Waker::from(Arc::clone(&wakes));
        let mut dropped = Box::pin(rig.actor.stopped());
        let mut waits = pin!(rig.actor.stopped());
        // The start of the actor may wake those who already wait.
        tokio::task::yield_now().await;
        let cx = &mut task::Context::from_waker(&waker);
        assert!(dropped.as_mut().poll(cx).is_pending());
        drop(dropped);
        let (_, _, _, ended) = tokio::join!(watch(first), watch(second), watch(third), async {
            tokio::task::yield_now().await;
            assert_eq!(told.get(), 0, "before the end");
            rig.actor.stop().await
        });
        assert!(ended.is_ok());
        assert_eq!(told.get(), 3);
        assert_eq!(wakes.0.load(Ordering::SeqCst), 0, "nobody watches any more");

        // The wait for an actor that has ended is ready at once.
        let polled = waits.as_mut().poll(cx);
        assert!(matches!(polled, Poll::Ready(Ok(StopReason::Stopped))));
        watch(rig.actor.stopped()).await;
        rig.end().await;

        // All who wait are told of a failure.
        let rig = Rig::new(&check);
        let failing = rig.actor.ask(Msg::DropAndFail);
        let (first, second, asked) =
            tokio::join!(rig.actor.stopped(), rig.actor.stopped(), failing);
        assert!(matches!(first, Err(StopError::Failed(_))), "{first:?}");
        assert!(matches!(second, Err(StopError::Failed(_))), "{second:?}");
        assert_eq!(asked, Err(AskError::Failed));
        rig.end().await;
    });
}

/// Waits for an end that can only come after its own.
struct Inward {
    found: Log,
    upper: Option<NodeRef>,
}

enum WaitFor {
    Itself,
    Owner,
    OwnerInATask,
    Task,
}

impl Actor for Inward {
    type Msg = WaitFor;

    async fn handle(&mut self, msg: WaitFor, ctx: &mut Context<Self>) -> tenure::Result {
        let upper = self.upper.clone();
        match msg {
            WaitFor::Itself => {
                let stopped = ctx.me().stopped().await;
                assert!(
                    matches!(stopped, Err(StopError::WaitsForItself)),
                    "{stopped:?}"
                );
                let stopped = ctx.me().stop().await;
                assert!(
                    matches!(stopped, Err(StopError::WaitsForItself)),
                    "{stopped:?}"
                );
            }
            WaitFor::Owner => {
                let stopped = upper.ok_or("no owner")?.drain().await;
                assert!(
                    matches!(stopped, Err(StopError::WaitsForItself)),
                    "{stopped:?}"
                );
            }
            WaitFor::OwnerInATask => {
                let me = ctx.me();
                let found = self.found.clone();
                ctx.task(async move {
                    let stopped = me.stopped().await;
                    assert!(
                        matches!(stopped, Err(StopError::WaitsForItself)),
                        "{stopped:?}"
                    );
                    let stopped = upper.ok_or("no owner")?.stopped().await;
                    assert!(
                        matches!(stopped, Err(StopError::WaitsForItself)),
                        "{stopped:?}"
                    );
                    found.push("in a task");
                    Ok::<_, tenure::Error>(())
                })?
                .await?;
            }
            WaitFor::Task => {
                // The task is beneath the waiter, so this is not a wait for itself.
                let task = ctx.task(async {})?;
                task.await?;
            }
        }
        self.found.push("handled");
        Ok(())
    }

    async fn on_start(&mut self, ctx: &mut Context<Self>) -> tenure::Result {
        if self.upper.is_none() {
            let inner = Self {
                found: self.found.clone(),
                upper: Some(ctx.node()),
            };
            let inner = ctx.spawn(ChildSpec::new(inner).name("inner"))?;
            inner.try_tell(WaitFor::OwnerInATask)?;
            inner.try_tell(WaitFor::Task)?;
            inner.try_tell(WaitFor::Owner)?;
        }
        Ok(())
    }
}

#[test]
fn waiting_for_ones_own_end_is_an_error() {
    paused(async |check| {
        let begin = Instant::now();
        tenure::scope(async |scope| {
            let found = Log::default();
            let outer = scope.spawn(Inward {
                found: found.clone(),
                upper: None,
            })?;
            check.node(outer.node());
            // The child's request still holds: it has ended its owner.
            let ended = outer.stopped().await;
            assert!(matches!(ended, Ok(StopReason::Drained)), "{ended:?}");
            assert_eq!(
                found.entries(),
                ["in a task", "handled", "handled", "handled"]
            );

            let lone = scope.spawn(Inward {
                found: found.clone(),
                upper: Some(scope.node()),
            })?;
            lone.tell(WaitFor::Itself).await?;
            let ended = lone.stopped().await;
            assert!(matches!(ended, Ok(StopReason::Stopped)), "{ended:?}");
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(begin.elapsed(), Duration::ZERO);
    });
}

#[test]
fn task_that_waits_for_itself_is_told() {
    paused(async |_check| {
        tenure::scope(async |scope| {
            let (send, handle) = tokio::sync::oneshot::channel::<tenure::TaskHandle<()>>();
            let (tell, told) = tokio::sync::oneshot::channel();
            let task: std::pin::Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(async move {
                let own = handle.await.unwrap();
                assert!(tell.send(own.await).is_ok());
            });
            let handle = scope.task(task)?;
            assert!(send.send(handle).is_ok());
            let told = told.await?;
            assert!(matches!(told, Err(TaskError::WaitsForItself)), "{told:?}");
            Ok(())
        })
        .await
        .unwrap();
    });
}
