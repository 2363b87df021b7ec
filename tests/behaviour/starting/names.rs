//! A name is free once the node that had it has ended.

use crate::common::{Check, multi_thread, paused};
use tenure::prelude::*;
use tenure::{StartError, StopReason};

enum Life {
    FailsToStart,
    Lives,
}

impl Actor for Life {
    type Msg = ();

    async fn on_start(&mut self, _: &mut Context<Self>) -> tenure::Result {
        match self {
            Self::FailsToStart => Err("it does not start".into()),
            Self::Lives => Ok(()),
        }
    }

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        Ok(())
    }
}

async fn name_is_free(check: Check, times: usize) {
    tenure::scope(async |scope| {
        let named = |life| ChildSpec::new(life).name("n");
        for round in 0..times {
            let failed = scope.start(named(Life::FailsToStart)).await;
            assert!(matches!(failed, Err(StartError::Failed(_))), "{failed:?}");

            let started = scope.start(named(Life::Lives)).await?;
            let taken = scope.spawn(named(Life::Lives));
            assert!(matches!(taken, Err(SpawnError::NameTaken(_))), "{taken:?}");
            assert!(matches!(started.stop().await, Ok(StopReason::Stopped)));

            // In even rounds the node was never polled; in odd ones it is running.
            let spawned = scope.spawn(named(Life::Lives))?;
            if round % 2 == 1 {
                tokio::task::yield_now().await;
            }
            assert!(matches!(spawned.kill().await, Ok(StopReason::Killed)));

            let spawned = scope.spawn(named(Life::Lives))?;
            spawned.drain().await?;
            assert_eq!(scope.child("n"), None);
            if round == 0 {
                check.node(spawned.node());
            }
        }
        Ok(())
    })
    .await
    .unwrap();
}

#[test]
fn name_is_free_at_once() {
    paused(|check| name_is_free(check, 10_000));
}

#[test]
fn name_is_free_at_once_on_many_threads() {
    multi_thread(|check| name_is_free(check, 10_000));
}
