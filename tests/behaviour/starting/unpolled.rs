//! Nodes that are dropped or killed before their code has run.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::Child;
use crate::common::{Log, paused};
use tenure::prelude::*;
use tenure::{Phase, StopError};

#[test]
fn zero_grace_makes_every_stop_a_kill() {
    paused(async |check| {
        let ends: [fn(&ActorRef<_>) -> _; 2] = [ActorRef::stop, ActorRef::drain];
        for end in ends {
            let log = Log::default();
            tenure::scope(async |scope| {
                let spec = ChildSpec::new(Child::new("c", &log, &check))
                    .name("c")
                    .grace(Duration::ZERO);
                let child = scope.start(spec).await?;
                check.node(child.node());
                let ended = end(&child).await;
                let Err(StopError::CutShort(cut)) = ended else {
                    panic!("{ended:?}");
                };
                let paths: Vec<_> = cut.nodes().iter().map(|node| node.path.as_str()).collect();
                assert_eq!(paths, ["/c"]);
                assert_eq!(log.entries(), ["c dropped"]);
                Ok(())
            })
            .await
            .unwrap();
        }
    });
}

/// Notes the phase of its own node when it is dropped.
struct Witness {
    node: Arc<Mutex<Option<tenure::NodeRef>>>,
    seen: Arc<Mutex<Option<Phase>>>,
}

impl Actor for Witness {
    type Msg = ();

    async fn handle(&mut self, (): (), _: &mut Context<Self>) -> tenure::Result {
        Ok(())
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        let node = self.node.lock().unwrap().take();
        *self.seen.lock().unwrap() = node.map(|node| node.phase());
    }
}

impl Future for Witness {
    type Output = ();

    fn poll(self: std::pin::Pin<&mut Self>, _: &mut std::task::Context<'_>) -> std::task::Poll<()> {
        std::task::Poll::Ready(())
    }
}

#[test]
fn what_was_never_polled_is_dropped_before_the_end() {
    paused(async |check| {
        let (node, seen) = (Arc::default(), Arc::default());
        let witness = Witness {
            node: Arc::clone(&node),
            seen: Arc::clone(&seen),
        };
        tenure::scope(async |scope| {
            let actor = scope.spawn(witness)?;
            *node.lock().unwrap() = Some(actor.node());
            check.node(actor.node());
            actor.kill().await?;
            assert_eq!(*seen.lock().unwrap(), Some(Phase::Stopping));
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn future_of_a_task_is_dropped_before_its_end() {
    paused(async |check| {
        let (node, seen) = (Arc::default(), Arc::default());
        let witness = Witness {
            node: Arc::clone(&node),
            seen: Arc::clone(&seen),
        };
        tenure::scope(async |scope| {
            let task = scope.task(witness)?;
            *node.lock().unwrap() = Some(task.node());
            check.node(task.node());
            task.await?;
            let seen = seen.lock().unwrap().unwrap();
            assert!(seen < Phase::Stopped, "{seen}");
            Ok(())
        })
        .await
        .unwrap();
    });
}
