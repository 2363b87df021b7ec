//! In a tree that is stopping, a failure that only says that something was stopped is a stop itself.

use std::sync::Arc;

use super::{ChildMsg, child};
use crate::common::{Check, Log, paused};
use tenure::prelude::*;
use tenure::{StopError, System};
use tokio::sync::Notify;

/// Fails with what its peer's end gives it.
struct Dependent {
    peer: ActorRef<ChildMsg>,
    entered: Arc<Notify>,
    go_on: Arc<Notify>,
}

#[derive(Clone, Copy, Debug)]
enum Use {
    Tell,
    Ask,
    WrappedTwice,
    Unrelated,
}

impl Actor for Dependent {
    type Msg = Use;

    async fn handle(&mut self, msg: Use, _: &mut Context<Self>) -> tenure::Result {
        use anyhow::Context as _;
        self.entered.notify_one();
        self.go_on.notified().await;
        match msg {
            Use::Tell => self.peer.tell(ChildMsg::Fail).await?,
            Use::Ask => {
                self.peer.ask(ChildMsg::Answer).await?;
            }
            Use::WrappedTwice => {
                let told = self.peer.tell(ChildMsg::Fail).await;
                told.context("no paper").context("no invoice")?;
            }
            Use::Unrelated => return Err("of all things, this".into()),
        }
        Ok(())
    }
}

async fn end_of_dependent(with: Use, told_first: bool, check: &Check) -> Result<(), StopError> {
    tenure::scope(async |scope| {
        let peer = scope.spawn(child("peer", &Log::default(), check))?;
        let (entered, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let dependent = Dependent {
            peer: peer.clone(),
            entered: Arc::clone(&entered),
            go_on: Arc::clone(&go_on),
        };
        let dependent = scope.spawn(ChildSpec::new(dependent).contain())?;
        peer.stop().await?;
        dependent.tell(with).await?;
        entered.notified().await;
        if told_first {
            drop(dependent.stop());
        }
        go_on.notify_one();
        Ok(dependent.stopped().await.map(drop))
    })
    .await
    .unwrap()
}

/// Rule 4: an error that only says "stopped" is a failure, except in a tree that is stopping.
#[test]
fn stopped_in_a_stopping_tree_is_a_stop() {
    paused(async |check| {
        for with in [Use::Tell, Use::Ask, Use::WrappedTwice] {
            let failed = end_of_dependent(with, false, &check).await;
            assert!(matches!(failed, Err(StopError::Failed(_))), "{with:?}");
            let stopped = end_of_dependent(with, true, &check).await;
            assert!(stopped.is_ok(), "{with:?}: {stopped:?}");
        }
        for told_first in [false, true] {
            let failed = end_of_dependent(Use::Unrelated, told_first, &check).await;
            assert!(matches!(failed, Err(StopError::Failed(_))), "{failed:?}");
        }
    });
}

/// What counts is that the tree is stopping, not the node itself: the scope in this task is told nothing.
#[test]
fn stopped_beneath_a_stopping_task_is_a_stop() {
    paused(async |check| {
        for unrelated in [false, true] {
            let system = System::start().unwrap();
            let peer = system
                .spawn(child("peer", &Log::default(), &check))
                .unwrap();
            peer.stop().await.unwrap();
            let guard = check.guard();
            let use_it = async move || {
                let _guard = guard;
                tenure::scope(async |_| {
                    if unrelated {
                        return Err("of all things, this".into());
                    }
                    peer.tell(ChildMsg::Fail).await?;
                    Ok(())
                })
                .await?;
                Ok::<_, tenure::Error>(())
            };
            let task = system.task_with(|token| async move {
                token.cancelled().await;
                use_it().await
            });
            check.node(task.unwrap().node());
            // The task waits for its token by then.
            tokio::task::yield_now().await;
            let ended = system.stop().await;
            assert_eq!(ended.is_err(), unrelated, "{ended:?}");
        }
    });
}
