//! What is said of that which holds up an end that nobody has asked for.

use crate::common;

use std::collections::HashSet;
use std::future::pending;
use std::pin::Pin;
use std::time::Duration;

use common::lines::Lines;
use common::{Kept, paused, poll_unwoken};
use tenure::prelude::*;
use tenure::{System, scope_send};
use tokio::sync::oneshot;
use tokio::time::sleep;

/// A task that opens a scope, in which it starts the next; its body ends at once. The last one ends itself, and gives a
/// scope of its own away.
fn nested(
    below: usize,
    to: oneshot::Sender<Kept>,
) -> Pin<Box<dyn Future<Output = tenure::Result> + Send>> {
    Box::pin(async move {
        if below == 0 {
            let mut given: Kept = Box::pin(scope_send(async |_| pending().await));
            assert!(poll_unwoken(&mut given).is_pending());
            drop(to.send(given));
            return Ok(());
        }
        let ended = scope_send(move |scope: Scope| async move {
            scope.task(nested(below - 1, to))?;
            Ok(())
        });
        Ok(ended.await?)
    })
}

/// Each scope above waits for it, and nothing new is to be said of that.
#[test]
fn what_holds_up_scopes_within_each_other_is_named_once_for_each_look() {
    paused(async |_check| {
        for depth in [1, 4] {
            let lines = Lines::default();
            let _listening = lines.listen();
            let system = System::start().unwrap();
            let (to, given) = oneshot::channel();
            let outermost = system.task(nested(depth, to)).unwrap();
            let given = given.await.unwrap();
            // It has a grace of 5 seconds, and is overdue 2 seconds after that.
            sleep(Duration::from_secs(20)).await;
            let named = lines.with("waits for what does not yield");
            // Each line says for how long it has been.
            let moments: HashSet<_> = named.iter().collect();
            assert!(!named.is_empty());
            assert_eq!(named.len(), moments.len(), "{depth}: {named:?}");
            drop(given);
            drop(outermost.await);
            drop(system.stop().await);
        }
    });
}
