//! Scopes in code that is dropped or panics.

use crate::common;

use std::future::pending;
use std::task::Poll;
use std::time::Duration;

use common::{Log, paused, poll_unwoken, settled};
use tenure::prelude::*;
use tenure::{Cause, Failure, StopError, StopReason, System, scope_send};
use tokio::time::sleep;

struct Panics;

impl Actor for Panics {
    type Msg = ();

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        let mut scope = Box::pin(scope_send(|_| pending::<tenure::Result>()));
        assert!(poll_unwoken(scope.as_mut()).is_pending());
        panic!("on purpose")
    }
}

/// A panic is one failure, even if a scope is dropped with the code that panics: the scope has done nothing wrong.
#[test]
fn panic_that_takes_a_scope_along_is_one_failure() {
    paused(async |_check| {
        let system = System::start().unwrap();
        let actor = system.spawn(Panics).unwrap();
        actor.tell(()).await.unwrap();
        let ended = actor.stopped().await;
        let Err(StopError::Failed(failure)) = ended else {
            panic!("{ended:?}");
        };
        let causes: Vec<_> = failure.leaves().map(Failure::cause).collect();
        assert!(
            matches!(causes[..], [Cause::Panic(text)] if text == "on purpose"),
            "{causes:?}"
        );
        drop(system.stop().await);
    });
}

/// Opens a scope when it is dropped.
struct Opens(Log);

impl Drop for Opens {
    fn drop(&mut self) {
        let log = self.0.clone();
        let opened = poll_unwoken(scope_send(move |_| async move {
            log.push("its body runs");
            Ok(())
        }));
        if matches!(opened, Poll::Ready(Err(_))) {
            self.0.push("refused");
        }
    }
}

struct Holds(Log);

impl Actor for Holds {
    type Msg = ();

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        let _opens = Opens(self.0.clone());
        sleep(Duration::from_secs(1)).await;
        Ok(())
    }
}

/// Code that is killed starts nothing more. Code that ends in good order may clean up in a scope.
#[test]
fn destructor_in_code_that_is_killed_opens_no_scope() {
    for (is_killed, expected) in [(true, "refused"), (false, "its body runs")] {
        paused(async |_check| {
            let (system, log) = (System::start().unwrap(), Log::default());
            let actor = system.spawn(Holds(log.clone())).unwrap();
            actor.tell(()).await.unwrap();
            settled().await;
            match is_killed {
                true => drop(actor.kill().await),
                false => drop(actor.stop().await),
            }
            assert_eq!(log.entries(), [expected]);
            drop(system.stop().await);
        });
    }
}

/// Though it has started nothing.
#[test]
fn scope_that_is_dropped_is_killed() {
    paused(async |_check| {
        let (to, opened) = tokio::sync::oneshot::channel();
        let mut scope = Box::pin(scope_send(|scope| async move {
            drop(to.send(scope.node()));
            pending::<tenure::Result>().await
        }));
        assert!(poll_unwoken(scope.as_mut()).is_pending());
        let node = opened.await.unwrap();
        drop(scope);
        let ended = node.outcome();
        assert!(matches!(ended, Some(Ok(StopReason::Killed))), "{ended:?}");
    });
}
