//! What is logged about a node that holds up an end that nobody has asked for.

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

/// A task with a scope in which it starts the next such task. The bodies of the scopes end at once. The last task opens
/// one more scope, gives its future away, and ends.
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

/// Each of the scopes above waits for the one that was given away. It is named once for each check, and not once for
/// each scope.
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
            // Its grace is 5 seconds, and it is overdue 2 seconds after that.
            sleep(Duration::from_secs(20)).await;
            let named = lines.with("waits for what does not yield");
            // Each line says how long it has been held up, so the lines of two checks differ.
            let moments: HashSet<_> = named.iter().collect();
            assert!(!named.is_empty());
            assert_eq!(named.len(), moments.len(), "{depth}: {named:?}");
            drop(given);
            drop(outermost.await);
            drop(system.stop().await);
        }
    });
}
