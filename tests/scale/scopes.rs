//! Scopes and tasks that wait, nested in each other or one after the other.

use std::future::pending;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tenure::prelude::*;
use tokio::sync::Notify;
use tokio::time::sleep;

use crate::common::{in_order, settled, time_at_work};
use crate::{Idle, LASTS, alone, compare};

/// A task that opens a scope, in which it starts the next such task. The body of the scope ends at once.
fn scopes(
    below: usize,
    complete: Arc<Notify>,
) -> Pin<Box<dyn Future<Output = tenure::Result> + Send>> {
    Box::pin(async move {
        if below == 0 {
            complete.notify_one();
            return pending().await;
        }
        let ended = tenure::scope_send(move |scope: Scope| async move {
            scope.spawn(Idle)?;
            scope.task(scopes(below - 1, complete))?;
            Ok(())
        });
        Ok(ended.await?)
    })
}

#[test]
fn nested_scopes_whose_bodies_have_ended() {
    let _alone = alone();
    compare(250, 8, |depth| {
        let mut time = Duration::MAX;
        in_order(async |_check| {
            let system = System::start().unwrap();
            let complete = Arc::new(Notify::new());
            let running = time_at_work();
            let outermost = system.task(scopes(depth, Arc::clone(&complete))).unwrap();
            complete.notified().await;
            // All bodies of the scopes have ended by then.
            settled().await;
            time = time_at_work() - running;
            outermost.node().kill().await.unwrap();
            system.stop().await.unwrap();
        });
        time
    });
}

/// Nothing was told to end.
#[test]
fn nested_scopes_that_wait_for_long() {
    let _alone = alone();
    compare(100, 8, |depth| {
        let mut time = Duration::MAX;
        in_order(async |_check| {
            let system = System::start().unwrap();
            let complete = Arc::new(Notify::new());
            let outermost = system.task(scopes(depth, Arc::clone(&complete))).unwrap();
            complete.notified().await;
            settled().await;
            let running = time_at_work();
            sleep(LASTS).await;
            time = time_at_work() - running;
            outermost.node().kill().await.unwrap();
            system.stop().await.unwrap();
        });
        time
    });
}

/// Each task awaits the one before it, and their scope waits for all of them.
#[test]
fn tasks_of_a_scope_that_await_each_other() {
    let _alone = alone();
    compare(500, 8, |tasks| {
        let mut time = Duration::MAX;
        in_order(async |_check| {
            let running = time_at_work();
            let ended = tenure::scope(async |scope| {
                let mut last = scope.task(sleep(Duration::from_secs(1)))?;
                for _ in 0..tasks {
                    last = scope.task(async move { drop(last.await) })?;
                }
                Ok(())
            });
            ended.await.unwrap();
            time = time_at_work() - running;
        });
        time
    });
}

/// A task that starts the next one in a scope of its own, and awaits it.
fn scopes_in_tasks(
    below: usize,
    complete: Arc<Notify>,
) -> Pin<Box<dyn Future<Output = tenure::Result> + Send>> {
    Box::pin(async move {
        if below == 0 {
            complete.notify_one();
            return pending().await;
        }
        let ended = tenure::scope_send(move |scope: Scope| async move {
            scope.task(scopes_in_tasks(below - 1, complete))?.await?;
            Ok(())
        });
        Ok(ended.await?)
    })
}

#[test]
fn stop_of_tasks_in_scopes_in_tasks() {
    let _alone = alone();
    compare(250, 8, |depth| {
        let mut time = Duration::MAX;
        in_order(async |_check| {
            let system = System::start().unwrap();
            let complete = Arc::new(Notify::new());
            let outermost = system
                .task(scopes_in_tasks(depth, Arc::clone(&complete)))
                .unwrap();
            complete.notified().await;
            let running = time_at_work();
            outermost.node().stop().await.unwrap();
            time = time_at_work() - running;
            system.stop().await.unwrap();
        });
        time
    });
}
